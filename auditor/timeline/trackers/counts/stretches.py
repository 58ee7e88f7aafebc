"""Positions that go on to the last token: ``at = np.arange(order, len(ids))``, then ``ids[at - 1]``.

And stretches that are as long as what is left of them: ``n = len(ids) - order``, then ``ids[order:order + n]``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.program.defined import body_at, called_as, only_value, sized
from auditor.program.written import same_expression
from auditor.timeline.values.bounds import ONE, Form, number, size

if TYPE_CHECKING:
    from auditor.program.index import Body
    from auditor.timeline.engine.machine import Machine
    from auditor.timeline.trackers.keys.reads import Read

_DEPTH = 8  # names behind names
_WHOLE = "$whole"  # how many tokens there are
# What these give is the same array, in another type or place.
_SAME = frozenset(
    {
        "astype",
        "to",
        "long",
        "int",
        "numpy",
        "cpu",
        "cuda",
        "copy",
        "clone",
        "contiguous",
        "asarray",
        "array",
        "as_tensor",
        "tensor",
        "from_numpy",
        "ascontiguousarray",
    }
)


def goes_to_end(machine: Machine, read: Read) -> bool:
    """Return whether tokens are read at an array of positions that ends with the last of them."""
    unit = machine.program.units.get(read.site.source.path)
    body = body_at(unit.bodies, read.site.start) if unit is not None else None
    if body is None:
        return False
    node = next((n for n in body.nodes.of(ir.Subscript) if n.start == read.site.start), None)
    if node is None:
        return False
    if isinstance(node.index, ir.Slice):
        return node.index.upper is not None and _is_last(body, node.index.upper, node.value)
    places: ir.Expr = node.index
    while isinstance(places, ir.BinOp) and places.op == "-":
        places = places.left
    if isinstance(places, ir.Name):
        places = only_value(body, places.id) or places
    if not isinstance(places, ir.Call) or called_as(places.func) != "arange":
        return False
    bounds = [arg.value for arg in places.args if arg.keyword is None]
    if not bounds or len(bounds) > 2:
        return False
    whole = _size(body, bounds[-1])
    return whole is not None and _root(body, whole) == _root(body, node.value) is not None


def _size(body: Body, node: ir.Expr) -> ir.Expr | None:
    """Return what a number is the size of, but for a constant at its end."""
    for _ in range(_DEPTH):
        if isinstance(node, ir.Name):
            value = only_value(body, node.id)
            if value is None:
                return None
            node = value
        elif isinstance(node, ir.BinOp) and node.op == "-" and isinstance(node.right, ir.Const):
            node = node.left
        else:
            return sized(node)
    return None


def _is_last(body: Body, node: ir.Expr, array: ir.Expr) -> bool:
    """Return whether a bound comes to the size of ``array``, but for a constant, once its names are spelled out."""
    terms = dict(_sum(body, node, _root(body, array), 0).terms)
    constant = terms.pop(ONE, 0)
    return terms == {_WHOLE: 1} and -_DEPTH <= constant <= _DEPTH


def _sum(body: Body, node: ir.Expr, root: str | None, depth: int) -> Form:
    """Return a number as a sum, in which the size of what has the name ``root`` is one term."""
    if isinstance(node, ir.Const) and type(node.value) is int:
        return number(node.value)
    if isinstance(node, ir.BinOp) and node.op in ("+", "-") and depth < _DEPTH:
        left, right = (_sum(body, side, root, depth + 1) for side in (node.left, node.right))
        return left.plus(right, 1 if node.op == "+" else -1)
    if isinstance(node, ir.BinOp) and node.op == "*" and depth < _DEPTH:
        for rounded, unit in ((node.left, node.right), (node.right, node.left)):
            if isinstance(rounded, ir.BinOp) and rounded.op == "//" and same_expression(rounded.right, unit):
                return _sum(body, rounded.left, root, depth + 1)  # down to a multiple, as the challenge's scripts do
    of = sized(node)
    if of is not None and root is not None and _root(body, of) == root:
        return size(_WHOLE)
    value = only_value(body, node.id) if isinstance(node, ir.Name) and depth < _DEPTH else None
    if isinstance(value, ir.Name | ir.BinOp | ir.Const) or (value is not None and sized(value) is not None):
        return _sum(body, value, root, depth + 1)
    return size(node.id if isinstance(node, ir.Name) else f"{node.start}")


def _root(body: Body, node: ir.Expr) -> str | None:
    """Return the name that an array has first in a function, else None."""
    name: str | None = None
    for _ in range(_DEPTH):
        if isinstance(node, ir.Name):
            name = node.id
            value = only_value(body, node.id)
            if value is None or not isinstance(value, ir.Call | ir.Name):
                return node.id
            if isinstance(value, ir.Call) and called_as(value.func) not in _SAME:
                return node.id
            node = value
        elif isinstance(node, ir.Call) and called_as(node.func) in _SAME:
            method = isinstance(node.func, ir.Attr) and not _is_module(node.func.value)
            inner = node.func.value if method and isinstance(node.func, ir.Attr) else None
            inner = inner or (node.args[0].value if node.args else None)
            if inner is None:
                return name
            node = inner
        else:
            return name
    return name


def _is_module(node: ir.Expr) -> bool:
    return isinstance(node, ir.Name) and node.id in ("np", "numpy", "torch")
