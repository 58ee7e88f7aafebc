"""What a walk through shell text is given and what it finds: programs that are started, files that are made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from msgspec import Struct, field

from auditor.settings.files import FileStep
from auditor.settings.scripts import Scripts
from auditor.settings.state import Assigned


class Launch(Struct, frozen=True):
    """A Python program being started: its words (a launcher such as ``torchrun`` first) and environment.

    ``environment`` holds what the text itself gives, not what the machine has; values may contain
    :data:`~auditor.settings.expansion.UNKNOWN`. ``logs`` are the files that its output goes to.
    """

    words: tuple[str, ...]
    environment: Mapping[str, Assigned]
    path: str
    line: int
    logs: tuple[str, ...] = ()
    round: int = 0  # of the loops and calls around it: launches of one round follow each other


Step: TypeAlias = Launch | FileStep
"""What a text does, in its order: programs that it starts, files that it makes."""


class Shell(Struct, frozen=True):
    """Shell text and what it may call: other run scripts.

    ``exports_all``: plain assignments reach the program, as people mean them in a README.
    """

    text: str
    path: str
    line: int = 1
    scripts: Scripts = field(default_factory=dict)
    exports_all: bool = False
    environment: Mapping[str, Assigned] = field(default_factory=dict)
    folder: str = ""  # where it is carried out, as far as the text before it tells
    asks: bool = False  # whether its arguments are not known, rather than left out (``${1:-help}``)


class Walk(Struct, frozen=True):
    """What a text does in its order, the environment that it leaves behind, and the files it lacks.

    ``missing`` are files that it reads its environment from, ``unfound`` scripts that it starts: others of their name
    are there, but not in the folder that it names. ``folder`` is where it ends.
    """

    steps: tuple[Step, ...]
    environment: Mapping[str, Assigned]
    missing: tuple[Assigned, ...] = ()
    unfound: tuple[Assigned, ...] = ()
    folder: str = ""

    @property
    def launches(self) -> tuple[Launch, ...]:
        """Return the programs that are started, in order."""
        return tuple(step for step in self.steps if isinstance(step, Launch))
