"""Data frames as files: CSV, Parquet, and Excel where it is asked for."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from auditor.durable import write_whole
from reports.escape import visible

_LONGEST_CELL = 32_000  # characters; Excel takes 32,767
_FORMULA = ("=", "+", "-", "@", "\t")


def as_csv(frame: pd.DataFrame) -> bytes:
    """Return UTF-8 with a header; text that a spreadsheet would take for a formula gets an apostrophe."""
    return bytes(_safe(frame).to_csv(index=False, lineterminator="\n").encode("utf-8"))


def as_parquet(frame: pd.DataFrame) -> bytes:
    """Return Parquet (needs pyarrow), text as it is."""
    import pyarrow  # noqa: F401 (what pandas writes Parquet with)

    stream = io.BytesIO()
    frame.to_parquet(stream, index=False)
    return stream.getvalue()


def as_xlsx(frame: pd.DataFrame) -> bytes:
    """Return an Excel workbook of one sheet (needs openpyxl), with its header frozen and its columns to filter by."""
    import openpyxl  # noqa: F401 (what pandas writes workbooks with)

    stream = io.BytesIO()
    with pd.ExcelWriter(stream, engine="openpyxl") as writer:
        _safe(frame).to_excel(writer, index=False, sheet_name="results", freeze_panes=(1, 0))
        sheet = writer.sheets["results"]
        sheet.auto_filter.ref = sheet.dimensions
    return stream.getvalue()


_WRITERS: dict[str, Callable[[pd.DataFrame], bytes]] = {".csv": as_csv, ".parquet": as_parquet, ".xlsx": as_xlsx}
SUFFIXES = frozenset(_WRITERS)


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame in the form that the file's name ends in; raises KeyError for another one, OSError."""
    write_whole(path, [_WRITERS[path.suffix](frame)])


def _safe(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with its texts as a spreadsheet may have them: nothing hidden, no formula, lists as words."""
    return frame.map(_cell)


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        value = " ".join(map(str, value))
    if not isinstance(value, str):
        return value
    shown = visible(value)[:_LONGEST_CELL]
    return f"'{shown}" if shown.startswith(_FORMULA) else shown
