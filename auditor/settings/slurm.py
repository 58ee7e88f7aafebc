"""What a batch script's header, and the command that submits it, give to its job."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from auditor.regex import regex
from auditor.settings.state import Assigned, State

_EXPORT = regex(r"^#SBATCH[ \t]{1,9}--export[= ]([^\s#]{1,4000})", re.M)


def exported_by_slurm(text: str, path: str, state: State) -> None:
    """Take in what ``#SBATCH --export=ALL,A=1`` gives to the job."""
    for match in _EXPORT.finditer(text):
        for name, value in _pairs(match[1], path, text.count("\n", 0, match.start()) + 1):
            state.variables.setdefault(name, value)
            state.exported.add(name)


def given_to_job(words: Sequence[str], path: str, line: int) -> dict[str, Assigned]:
    """Return what ``sbatch --export=ALL,A=1 job.sh`` gives to the job."""
    listed = [word.partition("=")[2] for word in words if word.startswith("--export=")]
    return {name: value for each in listed if words[0].endswith("sbatch") for name, value in _pairs(each, path, line)}


def _pairs(listed: str, path: str, line: int) -> Iterator[tuple[str, Assigned]]:
    for name, sign, value in (part.partition("=") for part in listed.split(",")):
        if sign and name.isidentifier():
            yield name, Assigned(value, path, line)
