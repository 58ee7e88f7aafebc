"""A results file as a data frame."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from auditor.submission.model import Unread
from auditor.sweep.latest import latest
from auditor.sweep.overview import entry_of
from auditor.sweep.results import read_rows, survey

COLUMNS = (
    *("pr", "name", "sha", "day", "week", "author", "track", "verdict", "recommendation", "compliance", "evidence"),
    *("package", "reason", "rules", "val_bpb", "artifact_bytes", "error"),
)
_TEXTS = ["name", "sha", "author", "track", "recommendation", "compliance", "evidence", "package", "error"]


def results_frame(path: Path) -> pd.DataFrame:
    """Return a sweep's results, a row for each submission (columns: see :func:`auditor.api.read_results`).

    Raises :class:`~auditor.submission.model.Unread` for a file that isn't there or is something else.
    """
    if not path.is_file():
        raise Unread(f"{path}: no such file")
    survey(path)
    rows = []
    for row in latest(read_rows(path)):
        entry = entry_of(row)
        rows.append(vars(entry) | {"rules": list(entry.rules), "author": row.get("author")})
    frame = pd.DataFrame.from_records(rows, columns=[name for name in COLUMNS if name != "week"])
    frame["day"] = pd.to_datetime(frame["day"].replace("", None))
    frame.insert(
        frame.columns.get_loc("day") + 1, "week", frame["day"] - pd.to_timedelta(frame["day"].dt.day_of_week, "D")
    )
    frame["artifact_bytes"] = frame["artifact_bytes"].astype("Int64")
    frame["val_bpb"] = pd.to_numeric(frame["val_bpb"])
    frame[_TEXTS] = frame[_TEXTS].replace("", None)
    return frame
