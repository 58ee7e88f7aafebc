"""Validation shards that a documented command links or copies under the name of training shards."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from fnmatch import fnmatchcase

from auditor.case import Case
from auditor.finding import Finding, Status, Step
from auditor.regex import regex
from auditor.settings.commands import Command
from auditor.settings.files import FileStep
from auditor.settings.runs import Run
from auditor.timeline.values.atoms import TRAIN, VAL
from auditor.timeline.values.folding import string_origins

_PATTERN = regex(
    r"(?P<quote>[\"'])(?P<path>[\w./\-]{1,200}/[\w.\-*?]{1,100})(?P=quote)"
)  # a path written out in the code


def linked_shards(case: Case, slug: str) -> Iterator[Finding]:
    """Yield a finding for the first such file in the folder that a run reads its data from, told to or by default.

    A violation where the main run does so and no log shows another folder; else a hold.
    """
    for number, run in enumerate(case.runs):
        for step in run.files:
            if step.kind not in ("link", "copy", "move") or not _swaps(step):
                continue
            for command in run.commands:
                read = _read_by(command, posixpath.dirname(step.target)) or _by_default(case, command, step.target)
                if read is not None:
                    yield _finding(case, slug, run, step, read, "violation" if number == 0 else "hold")
                    return


def _swaps(step: FileStep) -> bool:
    return string_origins(step.source) == VAL and string_origins(step.target) == TRAIN


def _read_by(command: Command, folder: str) -> tuple[str, str, int] | None:
    """Return the switch by which a command reads a folder, as "NAME=value", and where it says so."""
    for name, override in command.overrides.items():
        value = posixpath.normpath(override.value) if override.value else ""
        if folder and folder in (value, posixpath.dirname(value)):
            return f"{name}={override.value}", override.path, override.line
    return None


def _by_default(case: Case, command: Command, target: str) -> tuple[str, str, int] | None:
    """Return the default, or the constant, by which the script reads a training shard that no switch moves.

    In the form of :func:`_read_by`.
    """
    folder, name = posixpath.split(target)
    if case.timeline is None or case.program is None or not folder:
        return None
    for switch in case.timeline.switches.values():
        value = switch.default.strip("'\"")
        if value and posixpath.normpath(value) == folder and switch.name not in command.overrides:
            return f"{switch.name} defaults to {value}", switch.site.source.path, switch.line
    for unit in case.program.units.values():
        for match in _PATTERN.finditer(unit.source.text):
            where, shards = posixpath.split(posixpath.normpath(match["path"]))
            if where == folder and fnmatchcase(name, shards) and string_origins(shards) == TRAIN:
                return match["path"], unit.source.path, unit.source.text.count("\n", 0, match.start()) + 1
    return None


def _finding(case: Case, slug: str, run: Run, step: FileStep, read: tuple[str, str, int], status: Status) -> Finding:
    folder = posixpath.dirname(step.target)
    logged = [v for r in case.evidence.runs for v in r.all("train_data")]
    other = next((v for v in logged if folder not in str(v.value)), None)
    if other is not None:
        status = "hold"
    what = {"link": "links", "copy": "copies", "move": "moves"}[step.kind]
    message = (
        f"The documented setup {what} the validation shard {step.source} to {step.target}, a training shard by its "
        f"name, in the folder that the run reads ({read[0]}): the model trains on what it is scored on."
    )
    if other is not None:
        message = f"{message[:-1]}; but a log names other training data ({other.path}:{other.line})."
    because = f"{read[0]} ({read[1]}:{read[2]}), in {run.label}"
    trace = (Step(read[1], read[2], f"the run reads {folder}"),)
    return Finding(
        slug, "compliance", status, message, step.path, step.line, step.line, active_because=because, trace=trace
    )
