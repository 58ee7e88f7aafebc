"""The program of a submission whose folder holds none: the script that its logs begin with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from auditor.evidence.model import Evidence
from auditor.evidence.samples import Final, claimed, kept_aside
from auditor.regex import regex
from auditor.submission.discover import holds_a_trainer
from auditor.submission.model import Carried, Submission

_RULER = regex(r"^-{20,}\s*$")
_NAME = regex(r"^#\s*(?P<name>[\w./-]{1,100}\.py)\s*$")
_MAIN = "train script"


def with_carried(submission: Submission, evidence: Evidence) -> Submission:
    """Return the submission with the script that the log of its claimed sample carries as its program.

    Only where the challenge's logs carry their source, and no file of the folder trains. The script is then named by
    that log, so that findings cite its lines.
    """
    if (
        not submission.challenge.layout.logs_carry_source
        or submission.lone
        or (holds_a_trainer(submission) and not kept_aside(submission.script or ""))
    ):
        return submission
    found = claimed(evidence, submission.challenge, submission.name, submission.pr)
    final = next((each for each in found.runs.finals if each.source is not None), None) if found is not None else None
    if final is None:
        return submission
    problems = tuple(each for each in submission.problems if "train script" not in each)
    carried = tuple(_parts(final))
    return replace(submission, script=final.log.path, carried=carried, problems=problems)


def _parts(final: Final) -> Iterator[Carried]:
    """Yield the files that a log carries: the script, and what stands below rulers that name it."""
    source = final.source
    if source is None or source.text is None:
        return
    lines = source.text.splitlines()
    name, start = _MAIN, 0
    for number in range(len(lines) - 2):
        named = _NAME.match(lines[number + 1])
        if named is not None and _RULER.match(lines[number]) and _RULER.match(lines[number + 2]):
            yield Carried(name, final.log.path, source.first_line + start, source.first_line + number - 1)
            name, start = named["name"], number + 3
    yield Carried(name, final.log.path, source.first_line + start, source.last_line)
