"""Which reports of a script are the claimed score, and what becomes of a finding that doesn't reach them."""

from __future__ import annotations

from collections.abc import Iterable

from auditor.finding import Status
from auditor.timeline.activity import Activity
from auditor.timeline.events import Report, Timeline


def claimed_reports(timeline: Timeline, submitted: tuple[str, ...]) -> list[Report]:
    """Return the reports whose printed words are those of the log lines with the claimed score."""
    reports = [e for e in timeline.events if isinstance(e, Report) and len(e.label) >= 6]
    return [r for r in reports if any(_printed_by(r, line) for line in submitted)]


def _printed_by(report: Report, line: str) -> bool:
    """Return whether a log line begins with a report's words (a launcher may put a short prefix in front)."""
    return 0 <= line.find(report.label) <= 40 and not report.label.startswith(("val_loss", "val_bpb", "loss", "bpb"))


def tainted(claimed: list[Report]) -> bool:
    """Return whether a claimed report holds a score of a model that was adapted on the same tokens before."""
    return any(forward.conflicts for report in claimed for forward in report.forwards)


def beside_claim(judged: Activity, claimed: list[Report], reached: bool, status: Status = "hold") -> Activity:
    """Return a judgement made milder (``status``) where the logs show that the claimed score is another one.

    ``reached`` tells whether what was judged reaches a claimed report; without any claimed report nothing changes.
    """
    if judged.status != "violation" or not claimed or reached:
        return judged
    because = f"{judged.because}; the claimed score is another one, which this does not reach"
    return Activity(judged.active, status, because)


def reaches(reports: Iterable[Report], claimed: list[Report]) -> bool:
    """Return whether one of ``reports`` is a claimed one."""
    return any(report is other for report in reports for other in claimed)
