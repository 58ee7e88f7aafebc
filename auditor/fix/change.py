"""What a rule offers against its finding: places of files and the text that is to stand there."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

Safety = Literal["safe", "unsafe"]


class Edit(Struct, frozen=True):
    """The characters ``start`` to ``end`` of a file, which read ``old``, become ``new``.

    Offsets count in the readable layer ``layer`` (0 is the file itself). An insertion has ``start == end``.
    """

    path: str
    start: int
    end: int
    old: str
    new: str
    layer: int = 0


class NewFile(Struct, frozen=True):
    """A file that isn't there and is to be."""

    path: str
    text: str


Part: TypeAlias = "Edit | NewFile"


class Change(Struct, frozen=True):
    """What is to be done against one finding.

    ``title`` says it in the imperative. It is *safe* where the program means what it meant before, or nothing but a
    claim or a document is corrected; else *unsafe*, and ``effect`` says what becomes of the score. ``otherwise`` are
    other ways to the same end, tried in order where this one doesn't take the finding away.
    """

    title: str
    safety: Safety
    parts: tuple[Part, ...]
    effect: str = ""
    otherwise: tuple[Change, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """Return the files that it touches, each once."""
        return tuple(dict.fromkeys(part.path for part in self.parts))


class Hunk(Struct, frozen=True):
    """Lines of a file, without their ends, and what stands in their place.

    ``line`` is the 1-based number of the first of ``removed``; of none, of the line that follows.
    """

    path: str
    layer: int
    line: int
    removed: tuple[str, ...]
    added: tuple[str, ...]


class Tried(Struct, frozen=True):
    """A change that was made on a copy, audited, and took its findings away.

    ``offered`` is what the findings offered, of which it is the way that works; ``hunks`` are its lines.
    """

    offered: Change
    change: Change
    hunks: tuple[Hunk, ...]


class Unfixable(Exception):  # noqa: N818 (it says what was decided, not that we failed)
    """A change that can't be made; the text is one line fit for a user."""
