"""What a log prints step by step, as series to draw."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence
from typing import Literal, TypeAlias

from auditor.evidence.formats import lowered
from auditor.evidence.logs import LARGEST_LOG
from auditor.evidence.text import decode, messages
from auditor.regex import regex
from auditor.report import Curve

Point: TypeAlias = "tuple[int, float]"
Name: TypeAlias = Literal["train_loss", "val_loss", "val_bpb"]

_MOST_LINES = 200_000  # of one log that are looked at
_MOST_POINTS = 400  # of one curve that are kept
_MOST_CURVES = 30  # of one log

_STEP = regex(r"^\W{0,4}(?:\[?(?:step|iter|s)\s?[:=]?\s?0{0,6}(\d{1,9})\b|(\d{1,9})/\d{1,9}\b)")
_NUMBER = r"\s{0,2}[:=]?\s{0,3}(\d{1,3}\.\d{1,9})(?![\d.])"
_SERIES: tuple[tuple[Name, re.Pattern[str]], ...] = (
    ("train_loss", regex(r"(?<![a-z0-9_])(?:train[_ ]loss|loss|tl)" + _NUMBER)),
    ("val_loss", regex(r"(?<![a-z0-9_])val[_ ]loss" + _NUMBER)),
    ("val_bpb", regex(r"(?<![a-z0-9_])(?:val[_ ]bpb|vb)" + _NUMBER)),
)


def read_curves(path: str, data: bytes) -> tuple[Curve, ...]:
    """Return the curves of one log file, at most 400 points each; raises :class:`auditor.evidence.text.Unreadable`.

    A step that is smaller than the one before it begins the next run.
    """
    series: dict[tuple[int, Name], list[Point]] = {}
    run, before = 1, -1
    for number, raw in enumerate(io.BytesIO(decode(data, LARGEST_LOG).data)):
        if number >= _MOST_LINES:
            break
        if b"loss" not in raw and b"bpb" not in raw and b"tl:" not in raw:
            continue
        for text in messages(raw):
            step, found = _read(lowered(text))
            if step is None or not found:
                continue
            run += step < before
            before = step
            for name, value in found:
                series.setdefault((run, name), []).append((step, value))
    drawn = [(key, points) for key, points in series.items() if len(points) > 1][:_MOST_CURVES]
    return tuple(Curve(path, run, name, _thinned(points)) for (run, name), points in drawn)


def _read(text: str) -> tuple[int | None, list[tuple[Name, float]]]:
    match = _STEP.match(text)
    if match is None:
        return None, []
    found = [(name, float(value[1])) for name, pattern in _SERIES if (value := pattern.search(text)) is not None]
    return int(match[1] or match[2]), [(name, value) for name, value in found if math.isfinite(value)]


def _thinned(points: Sequence[Point]) -> tuple[Point, ...]:
    stride = -(-len(points) // _MOST_POINTS)
    kept = list(points[::stride])
    return tuple(kept if kept[-1] == points[-1] else [*kept, points[-1]])
