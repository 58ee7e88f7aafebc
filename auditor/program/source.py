"""Text as people read it: one layer of one file, with line numbers."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate


@dataclass(frozen=True)
class Source:
    r"""One readable layer of a file.

    ``path`` is relative to the submission's folder; ``layer`` is 0 for the file itself and counts up
    through what it unpacks to. Lines are counted from 1 and end at ``\n`` only (form feeds and other
    separators do not start a line, as in editors and on GitHub).
    """

    path: str
    text: str
    layer: int = 0

    @cached_property
    def line_starts(self) -> list[int]:
        """Return the offset at which each line starts."""
        return list(accumulate((len(line) + 1 for line in self.text.split("\n")[:-1]), initial=0))

    def line_of(self, offset: int) -> int:
        """Return the 1-based line that holds the character at ``offset``."""
        return bisect_right(self.line_starts, offset)

    def line_text(self, line: int) -> str:
        """Return the text of a 1-based line without its newline ("" when there is no such line)."""
        starts = self.line_starts
        if not 1 <= line <= len(starts):
            return ""
        end = starts[line] - 1 if line < len(starts) else len(self.text)
        return self.text[starts[line - 1] : end].rstrip("\r")
