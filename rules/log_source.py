"""Logs without the script that wrote them, or with another one than lies there."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.case import Case
from auditor.evidence.samples import digest, finals
from auditor.finding import Finding
from auditor.rule import Authority, Example, Rule
from rules.claimed_runs import on_line
from rules.speedrun_examples import SOURCE, log, logs
from rules.speedruns import REPOSITORY, accepted, sample, shipped

SLUG = "log-source"

_MOST_LINES = 6_000  # of each script, beyond which differing lines aren't counted


def check(case: Case) -> Iterator[Finding]:
    """Yield a finding for the claimed runs' logs that carry no script, and for a shipped one that they don't carry."""
    found = sample(case)
    if case.submission.lone:
        return
    if found is None or (case.submission.script is None and all(f.source is None for f in finals(case.evidence))):
        if case.submission.script is None:
            message = "No script lies in the folder and no log carries one, so nothing shows what ran."
            yield Finding(SLUG, "evidence", "incomplete", message, next(iter(case.submission.logs), None))
        return
    bare = [final for final in found.runs.finals if final.source is None]
    if bare:
        message = (
            f"{len(bare)} of the {len(found.runs.finals)} logs of this sample carry no script, so nothing shows what "
            f"ran.{accepted(found)}"
        )
        yield on_line(SLUG, "incomplete", message, bare[0].log.path, 1)
    own = shipped(case)
    carried = next((final for final in found.runs.finals if final.source is not None), None)
    if own is None or carried is None or carried.source is None:
        return
    if any(digest(final.source) == digest(own) for final in found.runs.finals):
        return
    elsewhere = [final for final in finals(case.evidence) if digest(final.source) == digest(own)]
    told = _differ(own.text or "", carried.source.text or "")
    more = f"; {elsewhere[0].log.path} carries it" if elsewhere else ""
    message = (
        f"This log carries another script than {case.submission.script}{told}{more}: which of the two is the record's "
        f"is not shown.{accepted(found)}"
    )
    yield on_line(SLUG, "incomplete", message, carried.log.path, carried.source.first_line)


def _differ(own: str, carried: str) -> str:
    """Return in words how far two scripts differ, empty for those that are too long to compare."""
    ours, theirs = ([line.rstrip() for line in text.strip().splitlines()] for text in (own, carried))
    if max(len(ours), len(theirs)) > _MOST_LINES:
        return ""
    import difflib

    parts = difflib.SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes()
    added = sum(j2 - j1 for tag, _, _, j1, j2 in parts if tag in ("insert", "replace"))
    gone = sum(i2 - i1 for tag, i1, i2, _, _ in parts if tag in ("delete", "replace"))
    return f" ({added} lines that aren't in it, and {gone} of it are missing)"


_OTHER = SOURCE.replace("import sys\n", "import os, sys\n")

RULE = Rule(
    slug=SLUG,
    title="The log's script isn't the one that lies there",
    group="evidence",
    condition="package",
    summary="A log begins with the script that wrote it. It is compared with the script in the folder, line ends "
    "aside; a log without one shows no script at all.",
    why="The script in the log is the only proof of what ran: whoever reruns the one beside it runs something else.",
    advice="Ship the script that the logs carry, or the logs of the script that is shipped.",
    counterpart="A folder with logs only: each carries its own source, so that none can differ.",
    authority=(
        Authority(
            f"{REPOSITORY} README", "KellerJordan", "2024-10", "community", "by custom, logs begin with their script"
        ),
    ),
    check=check,
    challenge="modded-nanogpt",
    needs=("layout.logs_carry_source",),
    invalid=(
        Example("another script lies there", _OTHER, "import sys", logs(3.277), status="incomplete"),
        Example("a log of the steps alone", "", None, logs(3.277, source=""), status="incomplete"),
    ),
    valid=(
        Example("the script that the log carries", SOURCE, files=logs(3.277, 3.278)),
        Example("no script beside the logs", "", files=logs(3.277, 3.278)),
        Example("with Windows' line ends", SOURCE.replace("\n", "\r\n"), files={"run1.txt": log(3.277)}),
    ),
)
