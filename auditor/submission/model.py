"""A submission as files: what is in the pull request, before anything is read into it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from msgspec import Struct

from auditor.challenge import Challenge, default

Track = Literal["record", "non-record", "unknown"]


class Unread(Exception):  # noqa: N818 (it names what happened, not a fault of the program)
    """A file or folder that could not be read; the text is one line fit for a user."""


class Tree(Protocol):
    """Read-only files by path, whatever holds them (a folder, a commit)."""

    def paths(self) -> tuple[str, ...]:
        """Return every file's path below the root, sorted, with forward slashes."""
        ...

    def size(self, path: str) -> int:
        """Return a file's size in bytes; raises :class:`Unread`."""
        ...

    def read(self, path: str, limit: int) -> bytes:
        """Return a file's bytes; raises :class:`Unread` when missing, unreadable or over ``limit``."""
        ...


class Carried(Struct, frozen=True):
    """A source file that no folder holds but a log carries: its name, and the log's lines that are it."""

    name: str
    log: str
    first_line: int
    last_line: int


@dataclass(frozen=True)
class Submission:
    """One record folder (or a lone script) and what belongs to it.

    All paths are relative to the record folder, except ``outside``, which is relative to the
    repository root. ``tree`` is rooted at the record folder.
    """

    given: str  # the PATH, or what stood for it, exactly as the user gave it
    name: str  # the record folder's own name
    track: Track
    sha: str | None  # head commit, when read from git
    tree: Tree
    script: str | None  # the train script
    helpers: tuple[str, ...]  # other source files that may be part of the program (.py, .c, .cpp, .cu, …)
    shells: tuple[str, ...]  # run scripts
    logs: tuple[str, ...]
    readme: str | None
    metadata: str | None  # submission.json
    outside: tuple[str, ...] | None  # files that the diff touches outside the folder; None: diff unknown
    problems: tuple[str, ...] = ()  # one line each: missing script, unreadable files, …
    pr: int | None = None
    lone: bool = False  # a single script was given: there is no package, and no evidence, to judge
    folder: str | None = None  # where ``tree`` is rooted in its repository ("": its root); None: not known
    beside: frozenset[str] | None = None  # names of the record folders next to this one; None: not known
    # Run scripts that the diff adds, and trainers that it changes, outside the folder, by their path from the root.
    elsewhere: Tree | None = None
    challenge: Challenge = field(default_factory=default)
    track_folder: str = ""  # the name of the track's folder (``track_…``), empty where it isn't known
    carried: tuple[Carried, ...] = ()  # the program where a log carries it; ``script`` then names that log


STARTED = "started"  # what a missing run script is to the run that names it; a missing ``.env`` is read


class Override(Struct, frozen=True):
    """A value that a command line or a log gives to a setting, and where it says so."""

    name: str  # environment variable, command-line option without dashes, or printed attribute
    value: str
    path: str
    line: int


class Setting(Struct, frozen=True):
    """A setting in play: how the script is documented or logged to have run.

    ``kind`` says which: the script's defaults (no overrides), a documented command, switches that a sentence of
    the README sets, a log's printed values.
    ``overrides`` are keyed by name; names of logged values are lower case. Commands with the same ``run`` belong to
    one documented run, of which 0 is the main one; ``lacking`` are files that it reads its environment from, or starts
    (their value is ``STARTED``), and that aren't shipped. ``untold`` are names whose values the command doesn't
    tell. ``among_others``: a log of the claimed runs, beside which lie logs of other runs that are not in play.
    ``beginnings``: how the lines of the logs begin (see :mod:`auditor.settings.heard`) whose runs this one stands for;
    None where they were not read whole.
    """

    kind: Literal["defaults", "command", "mention", "log"]
    label: str
    overrides: Mapping[str, Override]
    run: int = 0
    lacking: tuple[Override, ...] = ()
    untold: tuple[Override, ...] = ()
    among_others: bool = False
    beginnings: frozenset[str] | None = None
