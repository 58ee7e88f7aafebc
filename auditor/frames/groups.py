"""Group-bys of a sweep's results: how often each verdict, by rule, week, author or track; the best score so far."""

from __future__ import annotations

from typing import Literal

import pandas as pd

from auditor.finding import Verdict

By = Literal["rule", "week", "author", "track"]
BY: tuple[By, ...] = ("rule", "week", "author", "track")
_ORDER = [*(verdict.value for verdict in sorted(Verdict, key=lambda v: -v.severity)), "ERROR"]


def grouped(results: pd.DataFrame, by: By) -> pd.DataFrame:
    """Return one row for each group: ``submissions``, ``pull_requests``, a column for each verdict, ``best_val_bpb``.

    A submission counts once under each of its rules. Weeks are in their order, everything else the largest first.
    What has no author, week or track is left out. ``best_val_bpb`` (bits per byte) is of submissions without a FLAG.
    """
    column = "rules" if by == "rule" else by
    frame = results.explode("rules") if by == "rule" else results
    frame = frame[frame[column].notna()]
    groups = frame.groupby(column, sort=True)
    out = pd.DataFrame({"submissions": groups.size(), "pull_requests": groups["pr"].nunique()})
    counts = pd.crosstab(frame[column], frame["verdict"])
    for verdict in _ORDER:
        if verdict in counts:
            out[verdict] = counts[verdict].reindex(out.index, fill_value=0)
    standing = frame[~frame["verdict"].isin(["FLAG", "ERROR"])]
    out["best_val_bpb"] = standing.groupby(column)["val_bpb"].min().reindex(out.index)
    out.index.name = by
    if by != "week":
        out = out.sort_values("submissions", ascending=False, kind="stable")
    return out.reset_index()


def frontier(results: pd.DataFrame, *, flagged: bool = False) -> pd.DataFrame:
    """Return the submissions that had the best score when their head was written, oldest first.

    Without ``flagged`` only those that the audit doesn't flag can hold it.
    """
    frame = results[results["val_bpb"].notna() & results["day"].notna()]
    if not flagged:
        frame = frame[~frame["verdict"].isin(["FLAG", "ERROR"])]
    frame = frame.sort_values(["day", "pr"])
    best = frame["val_bpb"].cummin()
    return frame[best < best.shift(fill_value=float("inf"))]
