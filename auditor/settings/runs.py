"""Documented runs: the commands that belong together, with the files that they make and the logs that they write."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from auditor.regex import regex
from auditor.settings.commands import Command
from auditor.settings.files import FileStep
from auditor.submission.model import Override

_EVALUATES = regex(
    r"(?:do_|run_|only_)?(?:eval|evaluate|evaluation|score|infer|inference)(?:_only|_mode)?|only_eval"
    r"|(?:skip|no)_train(?:ing)?|eval_from\w*|resume|(?:load|resume|init)_?(?:from|ckpt|checkpoint|model|path|weights)\w*"
    r"|from_(?:ckpt|checkpoint)|(?:ckpt|checkpoint)_(?:in|load)"
)
_TRAINS = regex(r"(?:do_|run_)?train(?:ing)?|iterations|max_steps|num_steps|train_steps|max_wallclock_seconds")
_EVALUATION = frozenset({"eval", "evaluate", "evaluation", "eval_only", "eval-only", "score", "inference"})
_NO = frozenset({"0", "0.0", "false", "no", "off", "none", ""})
# What a remark calls an alternative, not the second half of what was run before.
_OTHERWISE = regex(
    r"ablat|alternativ|optional|\bor\b|instead|without|\bno\b|baseline|compar|variant|smoke|debug|quick|control|previous",
    re.I,
)


class Run(Struct, frozen=True):
    """One run as documents tell it: the commands of the train script, in their order.

    ``files`` are made before and between them; ``logs`` is what they write; ``lacking`` are the files that the text
    reads its environment from, or starts, and that aren't shipped. The lowest ``rank`` is the main run.
    """

    commands: tuple[Command, ...]
    label: str
    rank: tuple[int, int, int]
    files: tuple[FileStep, ...] = ()
    lacking: tuple[Override, ...] = ()

    @property
    def logs(self) -> tuple[str, ...]:
        """Return the files that the commands' output goes to, each once."""
        return tuple(dict.fromkeys(log for command in self.commands for log in command.logs))


def joined(runs: Iterable[Run]) -> tuple[Run, ...]:
    """Return the runs of one document, an evaluation as part of the run whose model it evaluates."""
    out: list[Run] = []
    for run in runs:
        before = out[-1] if out else None
        if before is not None and _follows(before, run):
            files = tuple(dict.fromkeys((*before.files, *run.files)))
            out[-1] = replace(before, commands=(*before.commands, *run.commands), files=files)
        else:
            out.append(run)
    return tuple(out)


def _follows(before: Run, run: Run) -> bool:
    """Tell whether a command evaluates what those before it trained.

    It says so by a switch or option that none of them has, stands in the same round of the same loop, and nothing
    calls it an alternative.
    """
    (command,) = run.commands
    last = before.commands[-1]
    if (command.path, command.round) != (last.path, last.round) or _OTHERWISE.search(command.remark):
        return False
    signs = _signs(command.overrides)
    return bool(signs) and not signs & _signs(before.commands[0].overrides)


def _signs(overrides: Mapping[str, Override]) -> frozenset[str]:
    """Return the switches and options that make a command an evaluation."""
    found = set()
    for name, override in overrides.items():
        low, value = name.lower(), override.value.strip().lower()
        if (_EVALUATES.fullmatch(low) and value not in _NO) or (_TRAINS.fullmatch(low) and value in _NO):
            found.add(low)
        elif value in _EVALUATION:
            found.add(f"{low}={value}")
    return frozenset(found)


def in_order(runs: Sequence[Run]) -> tuple[Run, ...]:
    """Return the runs with the main one first."""
    return tuple(sorted(runs, key=lambda run: run.rank))
