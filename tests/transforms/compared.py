"""A submission against itself, written differently: what each transformation does to its verdict."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from judged import Judged, judged, with_script
from transformations import TRANSFORMATIONS, written

from auditor.program.load import load_program
from auditor.program.model import Program
from auditor.submission.model import Submission


@dataclass(frozen=True)
class Row:
    """What came of one transformation: ``same``, ``differs``, ``does not apply`` or ``skipped``, and what differs."""

    transformation: str
    outcome: str
    words: str = ""
    cleared: bool = False
    """Whether a script that was flagged or held is clean when it is written this way."""


def compared(submission: Submission, source: str, names: Collection[str], select: Collection[str] | None) -> list[Row]:
    """Return a row for each transformation in ``names`` of the script ``source``, by the rules of ``select``."""
    before = judged(with_script(submission, source), select)
    return [_row(submission, source, name, select, before) for name in names]


def rows(submission: Submission, names: Collection[str] = tuple(TRANSFORMATIONS)) -> Iterator[Row]:
    """Yield the rows of a real submission, whose script is taken as it unpacks and may not be readable."""
    program = load_program(submission)
    if not isinstance(program, Program) or program.main.module is None:
        yield from (Row(name, "skipped", "cannot be read") for name in names)
        return
    yield from compared(submission, program.main.source.text, names, None)


def _row(submission: Submission, source: str, name: str, select: Collection[str] | None, before: Judged) -> Row:
    try:
        changed = written(name, source)
        if changed is not None:
            compile(changed.script, name, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError) as error:  # newer grammar than this Python's
        return Row(name, "skipped", str(error).splitlines()[0])
    if changed is None:
        return Row(name, "does not apply")
    after = judged(with_script(submission, changed.script, changed.files), select)
    cleared = after.verdict == "CLEAN" != before.verdict
    return Row(name, "same", "") if after == before else Row(name, "differs", f"{before} → {after}", cleared)
