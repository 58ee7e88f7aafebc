r"""Places in a document as editors count them.

Lines end at ``\n``, ``\r\n`` and ``\r`` (Language Server Protocol 3.17, "Text Documents"), and at nothing else: a form
feed or U+2028 ends none, though ``str.splitlines``, by which pygls counts, has it so. Columns count UTF-16 code units.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property

from auditor.regex import regex

_ENDS = regex(r"\r\n|\n|\r")


@dataclass(frozen=True)
class Lines:
    """The lines of one document."""

    text: str

    @cached_property
    def starts(self) -> list[int]:
        """Return the offset at which each line starts."""
        return [0, *(match.end() for match in _ENDS.finditer(self.text))]

    def place(self, offset: int) -> tuple[int, int]:
        """Return the line and column, both from 0, of the character at ``offset``."""
        line = bisect_right(self.starts, offset) - 1
        return line, _units(self.text[self.starts[line] : offset])

    def offset(self, line: int, column: int) -> int:
        """Return the offset of a line and column, both from 0; what lies beyond a line or the text is its end."""
        if line >= len(self.starts):
            return len(self.text)
        at = self.starts[line]
        end = self.starts[line + 1] if line + 1 < len(self.starts) else len(self.text)
        end -= len(self.text[at:end]) - len(self.text[at:end].rstrip("\r\n"))
        while at < end and column > 0:
            column -= _units(self.text[at])
            at += 1
        return at


def _units(text: str) -> int:
    return len(text) + sum(char > "\uffff" for char in text)
