"""What the rules on speedruns ask of a case: the sample that it stands on, its target, its day."""

from __future__ import annotations

from auditor.case import Case
from auditor.challenge.model import Target
from auditor.evidence.model import EmbeddedSource
from auditor.evidence.samples import Claimed, claimed, digest
from auditor.regex import regex
from auditor.submission.discover import peek
from rules.scored_runs import stated_day

REPOSITORY = "KellerJordan/modded-nanogpt"
_LARGEST_SCRIPT = 2_000_000
_COMPACT = regex(r"(20\d\d)([01]\d)([0-3]\d)(?=_|$)")


def sample(case: Case) -> Claimed | None:
    """Return the runs that a case stands on, None where no log shows a validation loss."""
    submission = case.submission
    own = digest(shipped(case))
    return claimed(case.evidence, case.challenge, submission.name, submission.pr, own)


def shipped(case: Case) -> EmbeddedSource | None:
    """Return the train script that lies in the folder, None where only a log carries it."""
    submission = case.submission
    if submission.script is None or submission.carried:
        return None
    text = peek(submission.tree, submission.script, _LARGEST_SCRIPT).decode("utf-8", "replace")
    return EmbeddedSource(1, text.count("\n") + 1, text)


def day(case: Case) -> str | None:
    """Return the day of a record (YYYY-MM-DD): the table's, else the one in the folder's name (20260503_…, too)."""
    found = sample(case)
    if found is not None and found.row is not None:
        return found.row.date
    compact = _COMPACT.match(case.submission.name)
    return "-".join(compact.groups()) if compact is not None else stated_day(case)


def target(case: Case) -> Target | None:
    """Return what the track asked for on the day of a record."""
    track = case.challenge.track(case.submission.track_folder)
    return track.target(day(case)) if track is not None else None


def accepted(found: Claimed) -> str:
    """Return the sentence that a record stands in the challenge's table, empty where it doesn't."""
    row = found.row
    if row is None or row.status != "leaderboard":
        return ""
    return f" It is record {row.number} of the table all the same." if row.number is not None else ""
