"""Second scripts that print the claimed score: a checkpoint is trained by one script and scored by another."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import msgspec

from auditor.case import Case
from auditor.program.load import load_program
from auditor.program.model import Program
from auditor.settings import settings_in_play
from auditor.submission.model import Submission
from auditor.timeline import follow
from auditor.timeline.claims import claimed_reports

MOST = 3
"""Second scripts that are followed: each costs as much as the first."""


def evaluators(case: Case) -> Iterator[Case]:
    """Yield a case for each documented script that prints the claimed score, where the train script does not.

    A script is documented when a command of the README, a run script or its own header starts it. Findings in it
    count like those in the train script, because the score that is claimed is its score.
    """
    if case.program is None or case.timeline is None or not case.submitted:
        return
    if claimed_reports(case.timeline, case.submitted):
        return
    for path in _documented(case.submission, case.program)[:MOST]:
        other = dataclasses.replace(case.submission, script=path)
        program = load_program(other)
        if not isinstance(program, Program) or program.main.module is None:
            continue
        timeline = follow(program, settings_in_play(other))
        if claimed_reports(timeline, case.submitted):
            yield msgspec.structs.replace(case, submission=other, program=program, timeline=timeline)


def _documented(submission: Submission, program: Program) -> list[str]:
    """Return the Python files beside the train script, not part of it, that a documented command starts."""
    others = [path for path in submission.helpers if path.endswith(".py") and "/" not in path]
    return [
        path
        for path in sorted(others)
        if path not in program.units
        and any(s.kind == "command" for s in settings_in_play(dataclasses.replace(submission, script=path)))
    ]
