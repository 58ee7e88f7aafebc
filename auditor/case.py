"""What a rule looks at: one submission, its program, and what the program does."""

from __future__ import annotations

from msgspec import Struct

from auditor.challenge.model import Challenge
from auditor.evidence.model import Evidence
from auditor.program.model import Program, Unparsed
from auditor.settings.runs import Run
from auditor.submission.model import Submission
from auditor.timeline.events import Timeline


class Case(Struct, frozen=True):
    """One submission under audit. ``program`` and ``timeline`` are None when the script can't be read."""

    submission: Submission
    program: Program | None
    timeline: Timeline | None
    evidence: Evidence
    submitted: tuple[str, ...] = ()  # log lines that print the claimed score
    unreadable: Unparsed | None = None  # why there is no program
    runs: tuple[Run, ...] = ()  # the runs that are documented, the main one first

    @property
    def challenge(self) -> Challenge:
        """Return the challenge that the submission was made to."""
        return self.submission.challenge
