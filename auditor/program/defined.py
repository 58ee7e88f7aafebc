"""What a name stands for in the text of a function that sets it once, and what a number is the size of."""

from __future__ import annotations

from collections.abc import Sequence

from auditor.program import ir
from auditor.program.index import Body
from auditor.program.walk import walk

_SIZES = frozenset({"numel", "nelement", "size", "len"})


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
            value = _given(target, each.value, name)
            if found is not None or value is None:
                return None
            found = value
    for node in (*body.nodes.of(ir.AugAssign, ir.For, ir.NamedExpr), *body.nodes.of(ir.CompFor)):
        if any(isinstance(part, ir.Name) and part.id == name for part in _bound(node.target)):
            return None
    for block in body.nodes.of(ir.With):
        names = [part for _, one in block.items if one is not None for part in _bound(one)]
        if any(isinstance(part, ir.Name) and part.id == name for part in names):
            return None
    return found


def _given(target: ir.Expr, value: ir.Expr | None, name: str) -> ir.Expr | None:
    """Return what an assignment gives to a name: all of ``value``, or the item at the name's place in a tuple."""
    if isinstance(target, ir.Name):
        return value
    if isinstance(target, ir.Sequence) and isinstance(value, ir.Sequence) and len(target.elts) == len(value.elts):
        named = [v for t, v in zip(target.elts, value.elts, strict=True) if isinstance(t, ir.Name) and t.id == name]
        starred = any(isinstance(one, ir.Starred) for one in (*target.elts, *value.elts))
        return named[0] if len(named) == 1 and not starred else None
    return None


def called_as(func: ir.Expr) -> str:
    """Return the last name of what is called."""
    return func.attr if isinstance(func, ir.Attr) else func.id if isinstance(func, ir.Name) else ""


def sized(node: ir.Expr) -> ir.Expr | None:
    """Return what an expression is the size of: ``x.numel()``, ``len(x)``, ``x.shape[0]``, ``x.size``."""
    if isinstance(node, ir.Subscript) and isinstance(node.value, ir.Attr) and node.value.attr == "shape":
        return node.value.value
    if isinstance(node, ir.Attr) and node.attr == "size":
        return node.value
    if isinstance(node, ir.Call) and called_as(node.func) in _SIZES:
        if isinstance(node.func, ir.Attr):
            return node.func.value
        return node.args[0].value if len(node.args) == 1 else None
    return None


def _bound(target: ir.Expr) -> Sequence[ir.Node]:
    """Return what an assignment to ``target`` binds: nothing where it stores an item or an attribute."""
    return () if isinstance(target, ir.Subscript | ir.Attr) else list(walk(target))
