"""The lines at which commands give their values: a command may go on over several."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from msgspec.structs import replace

from auditor.settings.commands import Command
from auditor.settings.runs import Run
from auditor.submission.model import Override

_GOES_ON = ("\\", "^", "`")
_MOST_LINES = 200  # of one command


def placed(runs: Iterable[Run], read: Callable[[str], str | None]) -> tuple[Run, ...]:
    """Return the runs with each value at the line that says it, where that is not where its command begins.

    ``read`` gives the text of a file, None where there is none.
    """
    lines: dict[str, list[str]] = {}

    def of(path: str) -> list[str]:
        if path not in lines:
            lines[path] = (read(path) or "").split("\n")
        return lines[path]

    return tuple(replace(run, commands=tuple(_command(command, of) for command in run.commands)) for run in runs)


def _command(command: Command, of: Callable[[str], list[str]]) -> Command:
    overrides: Mapping[str, Override] = {
        name: replace(override, line=_line(of(override.path), override)) for name, override in command.overrides.items()
    }
    return replace(command, overrides=overrides)


def _line(lines: list[str], override: Override) -> int:
    wanted = re.compile(rf"(?<![A-Za-z0-9_]){re.escape(override.name).replace('_', '[-_]')}(?![A-Za-z0-9_])")
    at = override.line
    for number in range(at, min(at + _MOST_LINES, len(lines) + 1)):
        if number < 1 or wanted.search(lines[number - 1]):
            return max(number, 1)
        if not lines[number - 1].rstrip().endswith(_GOES_ON):
            break
    # Given further up, in an array or a variable that the command takes along.
    given = f"{override.name}={override.value}"
    above = (number for number in range(min(at, len(lines)), 0, -1) if given in lines[number - 1].replace('"', ""))
    return next(above, at)
