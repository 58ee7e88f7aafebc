"""What the lines of a log begin with: by it one can tell that something was not printed."""

from __future__ import annotations

from auditor.regex import regex
from auditor.settings.logs import without_prefix

LENGTH = 24  # characters of a line's beginning that are kept
_MOST = 20_000  # kinds of lines; a log with more is left alone
_LOOKED_AT = 160  # characters of a line, what a logger puts before it among them
_DIGITS = regex(r"\d+")
_ZEROS = bytes.maketrans(b"123456789", b"000000000")


def beginning(text: str) -> str:
    """Return the beginning of a line, every number in it as ``#``, so that a million lines are of a few kinds."""
    return _DIGITS.sub("#", text.lstrip()[: 4 * LENGTH])[:LENGTH]


def beginnings(text: str) -> frozenset[str] | None:
    """Return what the lines of a log begin with, as they are and without times and ranks; None for too many kinds."""
    zeroed = text.encode("utf-8", "surrogatepass").translate(_ZEROS)  # of a str it takes far longer beyond ASCII
    lines = zeroed.decode("utf-8", "surrogatepass").split("\n")
    kinds = {line[:_LOOKED_AT] for line in lines}  # few, however long it is
    if len(kinds) > _MOST:
        return None
    return frozenset(map(beginning, kinds.union(map(without_prefix, kinds))))
