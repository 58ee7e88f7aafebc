"""How strictly the record track's budgets judge the runs that a claimed score rests on."""

from __future__ import annotations

from auditor.case import Case
from auditor.evidence.counted import Counted
from auditor.finding import Finding, Group, Status
from auditor.submission.names import shown
from rules.record_claim import disclaimed


def is_timed(case: Case) -> bool:
    """Tell whether the record track's limits of time and hardware apply to a submission."""
    return not case.submission.lone and case.submission.track != "non-record"


def strictness(case: Case, counted: Counted) -> Status:
    """Return how a broken limit weighs: a violation where the run surely stands for a record, else a hold."""
    return "violation" if counted.claimed and case.submission.track == "record" else "hold"


def limited(case: Case, status: Status, message: str) -> tuple[Status, str]:
    """Return how a broken limit of time or hardware weighs, and the message for it.

    Those limits are the record track's: of what says itself that it is no record only the place is wrong.
    """
    said = disclaimed(case, outright=True) if status == "violation" else None
    if said is None:
        return status, message
    quoted = f"“{shown(said.text, 60)}”"
    return "hold", f"{message} It says itself that it is no record ({quoted}): its place is the non-record track."


def on_line(
    rule: str, status: Status, message: str, path: str, line: int | None, *, group: Group = "evidence"
) -> Finding:
    """Return a finding about one line of a log or document."""
    return Finding(rule=rule, group=group, status=status, message=message, path=path, line=line, end_line=line)


def and_others(message: str, count: int) -> str:
    """Return the message, ended by how many more runs show the like: a fault of one kind, not its figure."""
    return message if count < 1 else f"{message} {count} other {'run shows' if count == 1 else 'runs show'} the like."
