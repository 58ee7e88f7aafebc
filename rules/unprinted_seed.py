"""Runs whose log doesn't say which seed they had, and a script that doesn't print it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from auditor.case import Case
from auditor.evidence.scored import finished
from auditor.finding import Finding
from auditor.fix.change import Change
from auditor.fix.statements import inserted, statement_around
from auditor.program import ir
from auditor.program.model import Unit
from auditor.regex import regex
from auditor.rule import Authority, Example, Rule
from rules.run_logs import package, run_log
from rules.scored_runs import judged

SLUG = "unprinted-seed"

_PRINTS = regex(r"""(?:print|log\w*|info|write)\s*\([^\n]{0,200}seed""", re.IGNORECASE)

# Every setting in a loop, or the object that holds them: the seed is among them.
_DUMPS = regex(
    r"(?:\bvars\(|\basdict\(|\b__dict__\b|\.items\(\))[^\n]{0,200}\n?[^\n]{0,200}?(?:\bprint|\blog\w*|\binfo|\bwrite)\s*\("
    r"|(?:\bprint|\blog\w*|\binfo|\bwrite)\s*\([^\n]{0,200}(?:\bvars\(|\basdict\(|\b__dict__\b)",
    re.IGNORECASE,
)


def check(case: Case) -> Iterator[Finding]:
    """Yield a note where a seed is set, the script prints none, and none of the finished logs shows one."""
    if case.program is None or not judged(case):
        return
    runs = finished(case.evidence)
    if not runs or any(run.logged_seed is not None for run in runs):
        return
    if any(shown.search(unit.source.text) for shown in (_PRINTS, _DUMPS) for unit in case.program.units.values()):
        return
    found = _seeded(case)
    if found is None:
        return
    unit, call = found
    yield Finding(
        rule=SLUG,
        group="evidence",
        status="note",
        message="The seed is set here and never printed, and no log prints which one its run had.",
        path=unit.source.path,
        line=unit.source.line_of(call.start),
        end_line=unit.source.line_of(call.end),
        layer=unit.source.layer,
    )


def fix(case: Case, finding: Finding) -> Change | None:
    """Return the line that prints the seed, from one process, before it is set."""
    found = _seeded(case)
    if found is None:
        return None
    unit, call = found
    statement = statement_around(unit, call)
    seed = call.args[0].value
    text = unit.source.text[seed.start : seed.end]
    if statement is None or not re.fullmatch(r"[\w.]{1,60}", text) or not _imports_os(unit):
        return None
    lines = ('if os.environ.get("RANK", "0") == "0":', f'\tprint(f"seed:{{{text}}}", flush=True)')
    return Change("Print the seed, so that the next log shows it", "safe", (inserted(unit.source, statement, lines),))


def _seeded(case: Case) -> tuple[Unit, ir.Call] | None:
    """Return the first call that seeds torch, with its file."""
    for unit in case.program.units.values() if case.program is not None else ():
        for node in unit.index.of(ir.Call):
            if not node.args or not isinstance(node.func, ir.Attr):
                continue
            owner = node.func.value
            if node.func.attr == "manual_seed" and isinstance(owner, ir.Name) and owner.id == "torch":
                return unit, node
    return None


def _imports_os(unit: Unit) -> bool:
    assert unit.module is not None
    return any(isinstance(statement, ir.Import) and ("os", None) in statement.names for statement in unit.module.body)


_SCRIPT = """import math
import os

import torch

seed = int(os.environ.get("SEED", "1337"))
{}torch.manual_seed(seed)
print(f"val_bpb:{{1.9 / math.log(2.0) / 2.4:.4f}}")
"""
_UNSEEDED = run_log().replace("seed:1337\n", "")

RULE = Rule(
    slug=SLUG,
    title="No log shows the seed",
    group="evidence",
    condition="statistics",
    summary="The script sets a seed and prints none, and the committed logs show none either.",
    why="Three logs of one configuration count as three seeds only if they are of three. Where no line says so, a "
    "file's name is all there is.",
    advice="Print the seed at the start of the run.",
    counterpart="A log that opens with its hyper-parameters, the seed among them.",
    authority=(Authority("README", "OpenAI", "2026", "official", "train logs that are produced by the script itself"),),
    check=check,
    fix=fix,
    invalid=(
        Example(
            "a seed from the environment",
            _SCRIPT.format(""),
            "torch.manual_seed(seed)",
            files={**package(run_log(), val_bpb=1.2), "train_seed1337.log": _UNSEEDED},
            status="note",
        ),
        Example(
            "in a function, of the hyper-parameters",
            _SCRIPT.format("")
            .replace("seed = int", "class Settings:\n    seed = int")
            .replace("torch.manual", "def main(settings):\n    torch.manual")
            .replace("(seed)", "(settings.seed)"),
            "torch.manual_seed(settings.seed)",
            files={**package(run_log(), val_bpb=1.2), "train_seed1337.log": _UNSEEDED},
            status="note",
        ),
    ),
    valid=(
        Example("the log shows it", _SCRIPT.format(""), files=package(run_log(), val_bpb=1.2)),
        Example(
            "the script prints it",
            _SCRIPT.format('print(f"seed:{seed}")\n'),
            files={**package(run_log(), val_bpb=1.2), "train_seed1337.log": _UNSEEDED},
        ),
    ),
    known_problems="A seed that is printed among all settings, under no name of its own, is not seen.",
    severity="low",
)
