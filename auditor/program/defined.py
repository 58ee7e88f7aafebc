"""What a name stands for in the text of a function that sets it once."""

from __future__ import annotations

from collections.abc import Sequence

from auditor.program import ir
from auditor.program.index import Body
from auditor.program.walk import walk


def body_at(bodies: Sequence[Body], place: int) -> Body | None:
    """Return the innermost function (the module's top level: the first one) in which a place stands."""
    around = [b for b in bodies if b.function is None or b.function.start <= place < b.function.end]
    return max(around, key=lambda b: b.function.start if b.function is not None else -1, default=None)


def only_value(body: Body, name: str) -> ir.Expr | None:
    """Return what a function sets a name to, where it is set there once and in no other way; else None."""
    if body.function is not None and any(param.name == name for param in body.function.params):
        return None
    found: ir.Expr | None = None
    for each in body.nodes.of(ir.Assign):
        for target in each.targets:
            if not any(isinstance(part, ir.Name) and part.id == name for part in _bound(target)):
                continue
            if found is not None or each.value is None or not isinstance(target, ir.Name):
                return None
            found = each.value
    for node in (*body.nodes.of(ir.AugAssign, ir.For, ir.NamedExpr), *body.nodes.of(ir.CompFor)):
        if any(isinstance(part, ir.Name) and part.id == name for part in _bound(node.target)):
            return None
    for block in body.nodes.of(ir.With):
        names = [part for _, one in block.items if one is not None for part in _bound(one)]
        if any(isinstance(part, ir.Name) and part.id == name for part in names):
            return None
    return found


def _bound(target: ir.Expr) -> Sequence[ir.Node]:
    """Return what an assignment to ``target`` binds: nothing where it stores an item or an attribute."""
    return () if isinstance(target, ir.Subscript | ir.Attr) else list(walk(target))
