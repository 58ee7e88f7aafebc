"""Work that dates itself after the cutoff."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

from auditor.case import Case
from auditor.evidence.claims import Claim
from auditor.finding import Finding
from auditor.regex import regex
from auditor.rule import Authority, Example, Rule
from rules.run_logs import SCRIPT, package, run_log
from rules.scored_runs import judged, record, several

SLUG = "late-edit"

_DATE = regex(r"(20\d\d)-(\d\d)-(\d\d)")


def check(case: Case) -> Iterator[Finding]:
    """Yield a hold for a program or claims that were changed after the cutoff, or that date themselves after it."""
    if not judged(case) or not record(case):
        return
    cutoff = case.challenge.cutoff
    if cutoff is None:
        return
    pushed = _changed_late(case, cutoff.on)
    if pushed is not None:
        yield pushed
        return
    stated = case.evidence.metadata.text("date")
    for text, claim in ((stated.value if stated else "", stated), (case.submission.name, None)):
        day = _day(text)
        if day is not None and day >= cutoff.on:
            yield _late(day, claim, cutoff.on)
            return


def _changed_late(case: Case, cutoff: date) -> Finding | None:
    """Return a hold when late commits changed the program or the claims, a note when they changed other files."""
    submission, history = case.submission, case.evidence.commits
    late = [commit for commit in history if commit.late]
    if not late:
        return None
    files = sorted({path for commit in late for path in commit.paths})
    program = [path for path in files if path == submission.script or path in submission.helpers]
    claims = [path for path in files if path == submission.metadata]
    days = f"{_written(late[0].when)} ({late[0].sha[:12]})" + (
        f" to {_written(late[-1].when)}" if len(late) > 1 else ""
    )
    if len(late) == len(history):
        message = f"Every commit of this folder is of after the cutoff ({cutoff.isoformat()} 00:00 UTC): {days}."
        return Finding(SLUG, "package", "hold", message, program[0] if program else submission.metadata)
    logged = any(path in submission.logs for path in files)
    if program or (claims and not logged):  # claims that come with their logs are what the grace is for
        what = "the program" if program else "the claims"
        message = (
            f"Commits of after the cutoff ({cutoff.isoformat()} 00:00 UTC) changed {what} "
            f"({several(program or claims, 4)}): {days}. Later logs and narrow compliance "
            "fixes may count (#2146); anything else is a new submission."
        )
        return Finding(SLUG, "package", "hold", message, (program or claims)[0])
    message = f"Commits of after the cutoff changed {several(files, 4)} only, which may still count (#2146): {days}."
    return Finding(SLUG, "package", "note", message, files[0] if files else None)


def _written(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _day(text: str) -> date | None:
    found = _DATE.search(text)
    if found is None:
        return None
    try:
        return date(*(int(part) for part in found.groups()))
    except ValueError:
        return None  # such as 2026-02-30: no date at all


def _late(day: date, claim: Claim[str] | None, cutoff: date) -> Finding:
    where = "submission.json is dated" if claim is not None else "The folder's name is dated"
    edge = ", the day on which the challenge closed at 00:00 UTC" if day == cutoff else ", after the cutoff"
    message = (
        f"{where} {day.isoformat()}{edge} ({cutoff.isoformat()}); whether the idea and the code were in "
        "before, and what was changed since, only the history of the pull request tells."
    )
    line = claim.line if claim is not None else None
    return Finding(SLUG, "package", "hold", message, claim.path if claim is not None else None, line, line)


RULE = Rule(
    slug=SLUG,
    title="Dated after the cutoff",
    group="package",
    condition="package",
    summary="Records count by the time at which code and evidence were in; the challenge closed on 2026-05-02 at 00:00 "
    "UTC. What dates itself later is held for a look at the pull request's history.",
    why="Rows are ordered by time. Results or code that were changed later lose their place, and after the cutoff only "
    "later logs or narrow compliance fixes of work that was in before may count.",
    advice="Say what was pushed when; open a new pull request for changed results.",
    counterpart="Code and idea in before the cutoff, confirming logs later (#2135, under the grace of #2146).",
    authority=(
        Authority("#63", "0hq", "2026-03", "official", "open a new pull request when results are edited"),
        Authority("#2109", "cocohearts", "2026-05", "audit", "a correction pushed after the cutoff"),
        Authority("#2118", "cocohearts", "2026-05", "audit", "what was active before the cutoff counts"),
        Authority("#2146", "cocohearts", "2026-05-02", "audit", "grace: later logs and narrow compliance fixes"),
    ),
    check=check,
    needs=("cutoff",),
    invalid=(
        Example(
            "metadata dated after the cutoff",
            SCRIPT,
            '"date": "2026-05-04"',
            files=package(run_log(), val_bpb=1.2, date="2026-05-04"),
            status="hold",
        ),
        Example(
            "metadata with a time",
            SCRIPT,
            "2026-05-03T10",
            files=package(run_log(), val_bpb=1.2, date="2026-05-03T10:12:00Z"),
            status="hold",
        ),
        Example(
            "the day of the cutoff",
            SCRIPT,
            '"date": "2026-05-02"',
            files=package(run_log(), val_bpb=1.2, date="2026-05-02"),
            status="hold",
        ),
    ),
    valid=(
        Example("dated before", SCRIPT, files=package(run_log(), val_bpb=1.2, date="2026-05-01")),
        Example("no date", SCRIPT, files=package(run_log(), val_bpb=1.2)),
        Example("no date that exists", SCRIPT, files=package(run_log(), val_bpb=1.2, date="2026-05-32")),
    ),
    known_problems="Dates are the submission's and the committer's own word: when a commit was pushed, none tells. "
    "Commits are seen only when a submission is read from a repository.",
)
