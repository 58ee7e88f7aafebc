"""Records whose logs take longer than the table says."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.case import Case
from auditor.finding import Finding, Status
from auditor.rule import Authority, Example, Rule
from rules.claimed_runs import on_line
from rules.speedrun_examples import log, logs
from rules.speedruns import REPOSITORY, sample

SLUG = "slower-than-claimed"

_SAME = 0.01  # relative: what machines of one kind differ by
_CLOSE = 0.10  # relative: what accepted records were timed faster by, on the maintainers' own machine


def check(case: Case) -> Iterator[Finding]:
    """Yield a finding where the mean training time of the claimed runs is above the table's."""
    found = sample(case)
    if case.submission.lone or found is None or found.row is None:
        return
    machine = case.challenge.hardware
    cards = max(final.cards for final in found.runs.finals)
    seconds, said = found.runs.seconds, found.row.score
    if seconds is None or (machine is not None and 0 < cards != machine.gpus) or seconds <= said * (1 + _SAME):
        return
    beyond = seconds / said - 1
    fastest = min((time.value for final in found.runs.finals if (time := final.seconds) is not None), default=seconds)
    status: Status = "note" if beyond <= _CLOSE else "incomplete"
    message = (
        f"The table says {said / 60:.3f} minutes; the mean of {len(found.runs.finals)} logged "
        f"run{'s' if len(found.runs.finals) > 1 else ''} is {seconds / 60:.3f} ({beyond:.1%} more), the fastest "
        f"{fastest / 60:.3f}. Records are retimed on one machine; no log here shows that run."
    )
    slow = max(found.runs.finals, key=lambda final: final.seconds.value if final.seconds is not None else 0.0)
    place = slow.seconds
    yield on_line(SLUG, status, message, slow.log.path, place.line if place is not None else None)


_RECORD = "2026-01-07_PairedHeadAttention"  # record 58, 1.820 minutes

RULE = Rule(
    slug=SLUG,
    title="Slower in the logs than in the table",
    group="evidence",
    condition="budget",
    summary="The mean of the training times in the logs is compared with the time in the table of records. Up to a "
    "hundredth more is nothing, up to a tenth a note.",
    why="The time is what is ranked. Machines of one kind differ by a hundredth, and the organisers time records again "
    "on one of theirs; a time that no log comes near is not shown.",
    advice="Add the log of the run that the table's time is from.",
    counterpart="Five logs with a mean of 1.815 minutes under a claim of 1.820.",
    authority=(
        Authority(f"{REPOSITORY} README", "KellerJordan", "2024-05", "official", "records are timed on 8 H100"),
    ),
    check=check,
    challenge="modded-nanogpt",
    needs=("records.frontier", "tracks.targets"),
    invalid=(
        Example("a third more", "", "train_time:144000ms", logs(3.278, minutes=2.4), "incomplete", name=_RECORD),
        Example("a twentieth more", "", "train_time:114000ms", logs(3.278, minutes=1.9), "note", name=_RECORD),
    ),
    valid=(
        Example("as fast as claimed", "", files=logs(3.278, minutes=1.815), name=_RECORD),
        Example("on one card, which another rule tells", "", files={"a.txt": log(3.278, minutes=14.0, cards=1)}),
        Example("no row in the table", "", files=logs(3.278, minutes=9.0)),
    ),
)
