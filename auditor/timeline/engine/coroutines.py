"""Generators that answer: ``while True: x = yield y; …``, where each ``send`` is one round of that loop.

Such a body, from what is sent to what is given for it, stands in one place, so that it can be followed in its order.
"""

from __future__ import annotations

from collections.abc import Sequence

from auditor.program import ir
from auditor.program.defined import called_as
from auditor.program.walk import walk
from auditor.timeline.values.frames import Answers

# What may be made anew for each answer without a difference: nothing that was learned is kept in it.
_BEFORE = frozenset(
    {"SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Muon", "parameters", "list", "eval", "train", "iter"}
)


def answers(node: ir.FunctionDef) -> Answers | None:
    """Return what a generator does for one ``send``; None where it is none that answers."""
    if not node.body:
        return None
    *before, loop = node.body
    endless = isinstance(loop, ir.While) and isinstance(loop.test, ir.Const) and bool(loop.test.value)
    if not isinstance(loop, ir.While) or not endless or loop.orelse or not loop.body:
        return None
    first, *rest = loop.body
    given = first.value if isinstance(first, ir.Assign | ir.ExprStmt) else None
    if not isinstance(given, ir.Yield) or given.kind != "yield" or _holds(before, ir.Yield) or _holds(rest, ir.Yield):
        return None
    if any(jump.kind != "pass" for jump in _of(rest, ir.Jump)) or _holds(rest, ir.Return):
        return None
    if any(called_as(call.func) not in _BEFORE for call in _of(before, ir.Call)):
        return None
    return Answers((*before, first, *rest, ir.ExprStmt(first.start, first.end, given)))


def _of(body: Sequence[ir.Stmt], kind: type) -> list:  # type: ignore[type-arg]
    return [node for node in walk(*body, into_functions=False) if isinstance(node, kind)]


def _holds(body: Sequence[ir.Stmt], kind: type) -> bool:
    return bool(_of(body, kind))
