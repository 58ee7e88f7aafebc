"""What a re-audit says."""

from __future__ import annotations

from dataclasses import dataclass

from auditor.finding import Finding
from auditor.report import Report


@dataclass(frozen=True)
class Pair:
    """One finding in the earlier audit and in this one; None where it isn't.

    A finding that no longer counts is still there, as a note: its switch is off now, or a ruling stands against it.
    """

    then: Finding | None
    now: Finding | None

    @property
    def rule(self) -> str:
        """Return the slug of the finding's rule."""
        finding = self.now or self.then
        assert finding is not None
        return finding.rule


@dataclass(frozen=True)
class Compared:
    """Two reports on one submission, by what counts: gone, remaining and new findings."""

    gone: tuple[Pair, ...]
    remaining: tuple[Pair, ...]
    new: tuple[Pair, ...]

    @property
    def same(self) -> bool:
        """Tell whether the same findings count in both."""
        return not self.gone and not self.new


@dataclass(frozen=True)
class ReAudit:
    """One submission at two heads.

    ``before`` is the earlier head as it is read today, ``after`` this one. ``said`` is what an earlier report said
    (None: there is none at hand), ``corrected`` how ``before`` differs from it on the same code: what it had wrong
    is ``gone``, what it missed is ``new``; None where the earlier code isn't at hand, so that it isn't known.
    """

    before: Report
    after: Report
    compared: Compared
    said: Report | None = None
    corrected: Compared | None = None
