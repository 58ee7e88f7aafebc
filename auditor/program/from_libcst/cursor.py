"""Where each token lies: a cursor that keeps step with a syntax tree over the text it came from.

LibCST nodes carry no offsets, and its position providers cost several times the parse. The tree does
say which token comes next, though, so a walk in source order needs only to step over that token and
over whatever separates it from the next one: blanks, comments, line ends and continuations.
"""

from __future__ import annotations

from collections.abc import Mapping

from auditor.program.joined import Joined
from auditor.regex import regex

# Everything that may lie between two tokens. Indentation and blank lines need no care of their own.
_BETWEEN = regex(r"(?:[ \t\f\r\n]+|#[^\r\n\0]*|\\(?:\r\n|\n|\r))*")
_TIGHT = frozenset("()[],.:=")  # what most often follows with nothing between


class LostPlaceError(Exception):
    """The text at ``offset`` is not what the tree says."""

    def __init__(self, offset: int) -> None:
        super().__init__(offset)
        self.offset = offset


class Cursor:
    """A place in ``text``: ``at`` is where the next token starts, ``end`` where the last one ended.

    Both are character offsets. ``yields`` is the walk's own note: whether the function being read
    has yielded so far; ``joined`` the runs of literals still to come (see :mod:`auditor.program.joined`).
    """

    __slots__ = ("at", "end", "joined", "text", "yields")

    def __init__(self, text: str, joined: Mapping[int, Joined]) -> None:
        # A final NUL, which no program holds, makes ``text[at]`` valid at the end of the file.
        self.text = text + "\0"
        self.end = 1 if text.startswith("\ufeff") else 0
        self.at = self.end
        self.yields = False
        self.joined = dict(joined)
        self.jump(self.end)

    def jump(self, offset: int) -> None:
        """Go to the first token at or after ``offset``, which is where the last token ended."""
        self.end = offset
        at: int = _BETWEEN.match(self.text, offset).end()  # type: ignore[union-attr]  # matches ""
        self.at = at

    def eat(self, length: int) -> None:
        """Step over a token of ``length`` characters, and over what separates it from the next."""
        text = self.text
        self.end = end = self.at + length
        char = text[end]
        if char in _TIGHT:
            self.at = end
        elif char == " " and text[end + 1].isalnum():
            self.at = end + 1
        else:
            self.at = _BETWEEN.match(text, end).end()  # type: ignore[union-attr]

    def word(self, value: str) -> None:
        """Step over ``value``; raise :class:`LostPlaceError` when the text has something else here."""
        if not self.text.startswith(value, self.at):
            raise LostPlaceError(self.at)
        self.eat(len(value))

    def comma(self) -> bool:
        """Step over a comma when one comes next; return whether there was one."""
        if self.text[self.at] == ",":
            self.eat(1)
            return True
        return False
