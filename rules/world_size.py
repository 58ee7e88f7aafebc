"""Eight divided by the number of processes without a check."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.case import Case
from auditor.finding import Finding
from auditor.fix.change import Change
from auditor.fix.statements import inserted, statement_around
from auditor.program import ir
from auditor.program.model import Program, Unit
from auditor.rule import Authority, Example, Rule

SLUG = "world-size"


def check(case: Case) -> Iterator[Finding]:
    """Yield a note where 8 is divided by the number of processes and no file checks that it divides."""
    if case.program is None or _checked(case.program):
        return
    for unit in case.program.units.values():
        division = _division(unit)
        if division is None:
            continue
        source = unit.source
        yield Finding(
            rule=SLUG,
            group="compliance",
            status="note",
            message="8 is divided by the number of processes, and nothing checks that it divides: for 3 processes "
            "the quotient is rounded down to 2.",
            path=source.path,
            line=source.line_of(division.start),
            end_line=source.line_of(division.end),
            layer=source.layer,
        )
        return


def fix(case: Case, finding: Finding) -> Change | None:
    """Return the check that belongs before the division; it changes nothing for the numbers that divide 8."""
    for unit in case.program.units.values() if case.program is not None else ():
        division = _division(unit)
        if division is None or (unit.source.path, unit.source.layer) != (finding.path, finding.layer):
            continue
        statement = statement_around(unit, division)
        number = unit.source.text[division.right.start : division.right.end]
        if statement is None or "\n" in number:
            return None
        lines = (f"if 8 % {number} != 0:", '\traise ValueError("the number of processes must divide 8")')
        edit = inserted(unit.source, statement, lines)
        return Change(f"Raise an error unless {number} divides 8", "safe", (edit,))
    return None


def _division(unit: Unit) -> ir.BinOp | None:
    for node in unit.index.of(ir.BinOp):
        if node.op == "//" and _is_eight(node.left) and _is_world(node.right):
            return node
    return None


def _checked(program: Program) -> bool:
    """Return whether some file takes a remainder by the number of processes, or lists its admissible values."""
    for unit in program.units.values():
        for node in unit.index.of(ir.BinOp, ir.Compare):
            if isinstance(node, ir.BinOp) and node.op == "%" and _is_world(node.right):
                return True
            if isinstance(node, ir.Compare) and _is_world(node.left) and node.ops[0] in ("in", "not in"):
                return True
        if any(_asks_for_one(node) for node in unit.index.of(ir.If, ir.Assert)):
            return True
    return False


def _asks_for_one(node: ir.If | ir.Assert) -> bool:
    """Return whether a script goes no further with any but one number of processes: 1, or another."""
    test = node.test
    if not isinstance(test, ir.Compare) or not _is_world(test.left) or not isinstance(test.rights[0], ir.Const):
        return False
    if isinstance(node, ir.Assert):
        return test.ops[0] == "=="
    return test.ops[0] == "!=" and any(isinstance(statement, ir.Raise) for statement in node.body)


def _is_eight(node: ir.Expr) -> bool:
    return isinstance(node, ir.Const) and node.value == 8


def _is_world(node: ir.Expr) -> bool:
    """Return whether an expression names the number of processes (``world_size``, ``h.world``, a call for it)."""
    if isinstance(node, ir.Call):
        node = node.func
    name = node.id if isinstance(node, ir.Name) else node.attr if isinstance(node, ir.Attr) else ""
    return "world" in name.lower()


_SETUP = """\
import os
import torch
import torch.distributed as dist

{check}def batches(total):
    {get}
    return total // ({expression})

print(batches(524288))
"""


def _script(
    expression: str, *, get: str = 'world_size = int(os.environ.get("WORLD_SIZE", "1"))', check: str = ""
) -> str:
    return _SETUP.format(expression=expression, get=get, check=check)


RULE = Rule(
    slug=SLUG,
    title="Number of processes not checked",
    group="compliance",
    condition="package",
    summary="The script divides 8 by the number of processes to get its accumulation steps, and doesn't check that "
    "it divides.",
    why="With a number of processes that does not divide 8 the quotient is rounded down: another batch size, or "
    "none at all, without a message.",
    advice="Raise an error unless 8 % world_size == 0.",
    counterpart="The repository's own script raises when 8 is not a multiple of the number of processes.",
    authority=(
        Authority(
            "#1509", "Copilot", "2026-04", "community", "8 // WORLD_SIZE is unchecked; the repository's script raises"
        ),
    ),
    check=check,
    fix=fix,
    invalid=(
        Example(
            "from the environment", _script("8 // world_size"), line="return total // (8 // world_size)", status="note"
        ),
        Example(
            "from the process group",
            _script("8 // dist.get_world_size()", get="pass"),
            line="return total // (8 // dist.get_world_size())",
            status="note",
        ),
        Example(
            "at least one step",
            _script("max(1, 8 // args.world)", get="args = torch.load('args.pt')"),
            line="return total // (max(1, 8 // args.world))",
            status="note",
        ),
    ),
    valid=(
        Example(
            "it raises",
            _script(
                "8 // world_size",
                get='world_size = int(os.environ.get("WORLD_SIZE", "1"))\n    if 8 % world_size:\n        raise '
                "ValueError(world_size)",
            ),
        ),
        Example(
            "admissible values are listed",
            _script(
                "8 // world_size",
                check='world_size = int(os.environ["WORLD_SIZE"])\nassert world_size in (1, 2, 4, 8)\n\n',
            ),
        ),
        Example("another number", _script("world_size // 8")),
    ),
)
