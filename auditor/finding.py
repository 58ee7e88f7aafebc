"""What the tool asserts: findings, what it could not follow, and verdicts (see design/CONTRACT)."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from msgspec import Struct

from auditor.fix.change import Change

Group = Literal["compliance", "evidence", "package"]
Status = Literal["violation", "hold", "incomplete", "note"]
Level = Literal["high", "medium", "low"]


class Verdict(StrEnum):
    """A judgement on one group or on the whole submission; ``severity`` orders them."""

    CLEAN = "CLEAN"
    INCOMPLETE = "INCOMPLETE"
    UNREADABLE = "UNREADABLE"
    HOLD = "HOLD"
    FLAG = "FLAG"

    @property
    def severity(self) -> int:
        """Return 0 (CLEAN) to 4 (FLAG), in the order of the contract."""
        return list(Verdict).index(self)


class Recommendation(StrEnum):
    """What a maintainer is advised to do."""

    MERGE = "MERGE"
    MERGE_NON_RECORD = "MERGE-NON-RECORD"
    CLOSE = "CLOSE"
    HOLD = "HOLD"
    REQUEST_CHANGES = "REQUEST-CHANGES"


class Step(Struct, frozen=True):
    """One step on the path of the data: a line (in its readable layer) and what happens there."""

    path: str
    line: int
    note: str
    layer: int = 0


class Overruled(Struct, frozen=True):
    """A ruling, on the auditor's side, that a finding doesn't count: whose it is, where it stands, until when.

    Dates are ISO dates; ``path`` and ``line`` are where the ruling is written down.
    """

    who: str
    date: str
    link: str
    reason: str
    expires: str
    path: str
    line: int | None = None


@dataclass(frozen=True)
class Finding:
    """One fact about a submission, with the line that shows it.

    ``active`` is True when the code runs under a setting in play, False when it cannot, None when that
    could not be decided; ``active_because`` names the switch, its value and where that value comes from.
    ``line`` counts in the readable layer ``layer`` (0 is the file itself); None where no line applies. ``path`` is
    relative to the record folder, with ``at_root`` to the repository's root. ``overruled`` is the ruling by which it
    doesn't count; ``known`` tells whether the baseline has it (None: there is no baseline). ``severity`` says how much
    it matters if it is right, ``confidence`` how sure it is (:mod:`auditor.grade`). ``fix`` is the change that its rule
    offers: nobody has tried it yet.
    """

    rule: str
    group: Group
    status: Status
    message: str
    path: str | None = None
    line: int | None = None
    end_line: int | None = None
    layer: int = 0
    active: bool | None = True
    active_because: str = ""
    trace: tuple[Step, ...] = ()
    authority: tuple[str, ...] = ()
    advice: str = ""
    overruled: Overruled | None = None
    known: bool | None = None
    severity: Level = "medium"
    confidence: Level = "medium"
    fix: Change | None = None
    at_root: bool = False

    def path_from(self, folder: str | None) -> str | None:
        """Return its path from the root of the repository in which the record folder is ``folder``."""
        if self.path is None or self.at_root or not folder:
            return self.path
        return posixpath.join(folder, self.path)


@dataclass(frozen=True)
class NotFollowed:
    """Something that the analysis could not follow, and where; ``decisive`` when a verdict hangs on it.

    ``known`` is as for a :class:`Finding`. ``escapes`` is, in words, what of interest goes in. ``line`` counts in the
    readable layer ``layer``.
    """

    path: str
    line: int | None
    what: str
    decisive: bool = False
    known: bool | None = None
    escapes: tuple[str, ...] = ()
    layer: int = 0


class RestsOn(Struct, frozen=True):
    """One thing that the score that may be claimed rests on, where, and whether it was followed.

    ``line`` counts in the readable layer ``layer``; ``note`` is what else there is to know of it.
    """

    what: str
    followed: bool
    path: str
    line: int | None
    layer: int = 0
    note: str = ""
