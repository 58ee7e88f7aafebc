"""Generators that answer: ``while True: x = yield y; …``, where each ``send`` is one round of that loop.

Such a body, from what is sent to what is given for it, stands in one place, so that it can be followed in its order.
"""

from __future__ import annotations

from collections.abc import Sequence

from auditor.program import ir
from auditor.program.defined import called_as
from auditor.program.walk import walk

# What may be made anew for each answer without a difference: nothing that was learned is kept in it.
_BEFORE = frozenset(
    {"SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Muon", "parameters", "list", "eval", "train", "iter"}
)


def answer(node: ir.FunctionDef | ir.Lambda) -> tuple[ir.Stmt, ...]:
    """Return what a generator does for one ``send``: empty where it is none that answers."""
    if not isinstance(node, ir.FunctionDef) or not node.is_generator or not node.body:
        return ()
    *before, loop = node.body
    endless = isinstance(loop, ir.While) and isinstance(loop.test, ir.Const) and bool(loop.test.value)
    if not isinstance(loop, ir.While) or not endless or loop.orelse or not loop.body:
        return ()
    first, *rest = loop.body
    given = first.value if isinstance(first, ir.Assign | ir.ExprStmt) else None
    if not isinstance(given, ir.Yield) or given.kind != "yield" or _holds(before, ir.Yield) or _holds(rest, ir.Yield):
        return ()
    if any(jump.kind != "pass" for jump in _of(rest, ir.Jump)) or _holds(rest, ir.Return):
        return ()
    if any(called_as(call.func) not in _BEFORE for call in _of(before, ir.Call)):
        return ()
    return (*before, first, *rest, ir.ExprStmt(first.start, first.end, given))


def _of(body: Sequence[ir.Stmt], kind: type) -> list:  # type: ignore[type-arg]
    return [node for node in walk(*body, into_functions=False) if isinstance(node, kind)]


def _holds(body: Sequence[ir.Stmt], kind: type) -> bool:
    return bool(_of(body, kind))
