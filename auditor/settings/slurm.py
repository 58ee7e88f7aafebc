"""What a batch script's header gives to its job."""

from __future__ import annotations

import re

from auditor.regex import regex
from auditor.settings.state import Assigned, State

_EXPORT = regex(r"^#SBATCH[ \t]{1,9}--export[= ]([^\s#]{1,4000})", re.M)


def exported_by_slurm(text: str, path: str, state: State) -> None:
    """Take in what ``#SBATCH --export=ALL,A=1`` gives to the job."""
    for match in _EXPORT.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        for name, sign, value in (part.partition("=") for part in match[1].split(",")):
            if sign and name.isidentifier():
                state.variables.setdefault(name, Assigned(value, path, line))
                state.exported.add(name)
