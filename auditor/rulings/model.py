"""What a ruling is, and what it makes of findings."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from msgspec import Struct

from auditor.finding import Finding, Overruled, Verdict
from auditor.submission.model import Submission
from auditor.verdict import weigh


class Ruling(Struct, frozen=True):
    """A decision that findings of one rule don't count for a submission (by PR, head commit or folder name).

    ``path`` is the file in which the findings must lie; None: any. ``overruled`` is what a finding then cites.
    """

    rule: str
    overruled: Overruled
    pr: int | None = None
    sha: str | None = None
    name: str | None = None
    path: str | None = None

    def covers(self, finding: Finding, submission: Submission) -> bool:
        """Tell whether a finding on a submission is overruled."""
        return (
            finding.rule == self.rule
            and self.pr in (None, submission.pr)
            and (self.sha is None or (submission.sha or "").startswith(self.sha))
            and self.name in (None, submission.name)
            and self.path in (None, finding.path)
        )


def overrule(findings: Iterable[Finding], submission: Submission, rulings: Collection[Ruling]) -> tuple[Finding, ...]:
    """Return the findings, those that count and that a ruling covers marked with it."""
    return tuple(_overruled(finding, submission, rulings) for finding in findings)


def _overruled(finding: Finding, submission: Submission, rulings: Collection[Ruling]) -> Finding:
    if weigh(finding) is Verdict.CLEAN:
        return finding
    ruling = next((each for each in rulings if each.covers(finding, submission)), None)
    return finding if ruling is None else replace(finding, overruled=ruling.overruled)
