"""Offsets from the lines and columns of Python's own tree, and the tokens that the tree leaves out.

Python tells a line and a column in bytes of UTF-8, and nothing of parentheses and commas. Where the IR needs them,
they are looked for in the text between two nodes; whatever else stands there is a :class:`LostError`, and LibCST reads
the file.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from typing import Any

from auditor.regex import regex

# Everything that may lie between two tokens, as in auditor.program.from_libcst.cursor.
_BETWEEN = regex(r"(?:[ \t\f\r\n]+|#[^\r\n\0]*|\\(?:\r\n|\n|\r))*")
_LINE_END = regex(r"\r\n|\r|\n")
_CONTINUATION = regex(rb"[\x80-\xbf]")


class LostError(Exception):
    """The text is not as the tree lets expect: something stands between two nodes that this reader doesn't know."""


class _Wide(int):
    """The start of a line with characters beyond ASCII: adding a column in bytes gives an offset in characters."""

    later: list[int]  # the columns of bytes that continue a character

    def __add__(self, column: int) -> int:
        return int(self) + column - bisect_left(self.later, column)


def _line_start(offset: int, line: str) -> int:
    """Return ``offset`` as something to which columns of ``line``, in bytes, may be added."""
    if line.isascii():
        return offset
    start = _Wide(offset)
    start.later = [match.start() for match in _CONTINUATION.finditer(line.encode())]
    return start


def line_starts(text: str, first: int) -> list[int]:
    """Return where the lines of ``text`` start, by their numbers from 1 on, as Python counts them.

    The first line begins at ``first``, behind a byte order mark.
    """
    if "\r" in text:
        starts = [0, first, *(match.end() for match in _LINE_END.finditer(text))]
    else:
        starts = [0, *accumulate((len(line) + 1 for line in text.split("\n")), initial=0)]
        starts.pop()
        starts[1] = first
    if not text.isascii():
        for number in range(1, len(starts)):
            begin = starts[number]
            end = starts[number + 1] if number + 1 < len(starts) else len(text)
            starts[number] = _line_start(begin, text[begin:end])
    return starts


class Places:
    """The text that a tree was read from, and where its lines start (``starts[1]`` is that of the first).

    ``yields`` is the walk's own note: whether the function that is being read has yielded so far.
    """

    __slots__ = ("starts", "text", "yields")

    starts: Any  # a list of int; what is added to them and taken by may be None to a type checker

    def __init__(self, text: str, starts: list[int]) -> None:
        # A final NUL, which no program holds, makes ``text[at]`` valid at the end of the file.
        self.text = text
        self.starts = starts
        self.yields = False

    def skip(self, at: int) -> int:
        """Return where the first token at or after ``at`` begins."""
        if self.text[at] in " \t\f\r\n#\\":
            return _BETWEEN.match(self.text, at).end()  # type: ignore[union-attr]  # matches ""
        return at

    def around(self, first: int, start: int, end: int) -> int:
        """Return where the parentheses end that open between ``first`` and ``start`` around a node up to ``end``."""
        text = self.text
        at, opened = first, 0
        while at < start:
            if text[at] != "(":
                raise LostError
            opened += 1
            at = self.skip(at + 1)
        if at != start:
            raise LostError
        for _ in range(opened):
            at = self.skip(end)
            if text[at] != ")":
                raise LostError
            end = at + 1
        return end

    def closed(self, end: int) -> int:
        """Return where the last of the parentheses ends that close right behind ``end``."""
        text = self.text
        at = self.skip(end)
        while text[at] == ")":
            end = at + 1
            at = self.skip(end)
        return end

    def last(self, end: int, limit: int) -> int:
        """Return where the last of the parentheses and commas ends between ``end`` and ``limit``."""
        if end == limit:
            return end
        text = self.text
        at = self.skip(end)
        while at < limit:
            if text[at] not in "),":
                raise LostError
            end = at + 1
            at = self.skip(end)
        return end

    def token(self, at: int, value: str) -> int:
        """Return where ``value`` ends, which is the first token at or after ``at``."""
        at = self.skip(at)
        if not self.text.startswith(value, at):
            raise LostError
        return at + len(value)
