"""Python that cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from auditor.case import Case
from auditor.finding import Finding
from auditor.rule import Authority, Example, Rule

SLUG = "parse-error"


def check(case: Case) -> Iterator[Finding]:
    """Yield a finding for the script and for each imported helper that cannot be read as Python.

    What is packed and could not be opened is left to packed-code.
    """
    if case.program is None:
        if case.unreadable is not None:
            yield replace(
                _finding("Nothing in this folder could be audited", case.unreadable.reason, None, None),
                advice="Add the script that trained the model, whole, to the record folder.",
            )
        return
    for unit in case.program.units.values():
        failure = unit.failure
        if failure is None or failure.packed:
            continue
        what = "The train script" if unit.path == case.program.script else "A module that the script imports"
        yield _finding(f"{what} cannot be read", failure.reason, failure.path, failure.line, failure.layer)


def _finding(what: str, reason: str, path: str | None, line: int | None, layer: int = 0) -> Finding:
    return Finding(
        rule=SLUG,
        group="package",
        status="incomplete",
        message=f"{what}: {reason}.",
        path=path,
        line=line,
        end_line=line,
        layer=layer,
    )


_TRAINER = """
import torch

import schedule

model = torch.nn.Linear(8, 8)
optimizer = torch.optim.SGD(model.parameters(), lr=schedule.rate(0))
"""

RULE = Rule(
    slug=SLUG,
    title="The script does not parse",
    group="package",
    condition="package",
    summary="The train script, or a module of the submission that it imports, is not Python that can be parsed; or "
    "there is no script at all.",
    why="What cannot be parsed cannot be run, and nothing about it can be said: the code is not judged.",
    advice="Run `python -m py_compile` on the script and its modules with the Python version that you submit for.",
    counterpart="A script that compiles. Grammar of newer Pythons (nested quotes in f-strings) is read as well.",
    authority=(
        Authority(
            "README", "OpenAI", "2026", "official", "a train_gpt.py that compiles and runs; broken scripts are refused"
        ),
    ),
    check=check,
    invalid=(
        Example(
            "a bracket too many",
            "import math\n\nloss = math.log(2.0))\nprint(loss)\n",
            "math.log(2.0))",
            status="incomplete",
        ),
        Example("an unfinished function", "def evaluate(model):\n", "def evaluate", status="incomplete"),
        Example(
            "a helper that is cut off",
            _TRAINER,
            "return 0.1 if step",
            files={"schedule.py": "def rate(step):\n    return 0.1 if step <\n"},
            status="incomplete",
        ),
        Example("a file of another kind", "GIF89a\0\0\1\0", "GIF89a", status="incomplete"),
    ),
    valid=(
        Example("a module that parses", _TRAINER, files={"schedule.py": "def rate(step):\n    return 0.1\n"}),
        Example("newer f-strings", "names = ['a', 'b']\nprint(f'{', '.join(names)}')\n"),
        Example(
            "a broken file that nothing imports",
            "import math\n\nprint(math.pi)\n",
            files={"notes.py": "to do: write this\n"},
        ),
    ),
    known_problems="What follows a syntax error is not looked at, so that there may be more than one.",
)
