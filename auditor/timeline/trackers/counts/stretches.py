"""Positions that go on to the last token: ``at = np.arange(order, len(ids))``, then ``ids[at - 1]``.

And stretches that are as long as what is left of them: ``n = len(ids) - order``, then ``ids[order:order + n]``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.program.defined import body_at, called_as, only_value, sized
from auditor.program.walk import walk
from auditor.program.written import same_expression
from auditor.timeline.values.bounds import ONE, Form, number, size

if TYPE_CHECKING:
    from collections.abc import Iterator

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
        upper = node.index.upper
        return upper is not None and (_is_last(body, upper, node.value) or _handed(machine, body, upper, node.value))
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


def _handed(machine: Machine, body: Body, upper: ir.Expr, array: ir.Expr) -> bool:
    """Return whether a bound is a parameter to which every call in progress gives the size of ``array``'s argument.

    Those calls are in progress that stand in the innermost function on the way here that makes any.
    """
    func, root = body.function, _root(body, array)
    if func is None or root is None:
        return False
    terms = dict(_sum(body, upper, root, 0).terms)
    constant = terms.pop(ONE, 0)
    names = [param.name for param in func.params]
    if list(terms.values()) != [1] or not -_DEPTH <= constant <= _DEPTH:
        return False
    (bound,) = terms
    if bound not in names or root not in names or {bound, root} & set(_set_anew(body)):
        return False
    current = [machine.site(machine.frame.func.node)] if machine.frame.func is not None else []
    for place in (*current, *(step.site for step in reversed(machine.calls))):
        unit = machine.program.units.get(place.source.path)
        around = body_at(unit.bodies, place.start) if unit is not None else None
        calls = [c for c in around.nodes.of(ir.Call) if called_as(c.func) == func.name] if around is not None else []
        if around is not None and around.function is not func and calls:
            given = [(_argument(c, names, bound), _argument(c, names, root)) for c in calls]
            return all(b is not None and a is not None and _is_last(around, b, a) for b, a in given)
    return False


def _argument(call: ir.Call, names: list[str], name: str) -> ir.Expr | None:
    """Return what a call gives to a parameter, of a function with the parameters ``names``."""
    if any(arg.star for arg in call.args):
        return None
    for arg in call.args:
        if arg.keyword == name:
            return arg.value
    method = isinstance(call.func, ir.Attr) and names[0] in ("self", "cls")
    at = names.index(name) - method
    plain = [arg.value for arg in call.args if arg.keyword is None]
    return plain[at] if 0 <= at < len(plain) else None


def _set_anew(body: Body) -> Iterator[str]:
    """Yield the names that a function sets."""
    for node in body.nodes.of(ir.Assign):
        yield from (part.id for target in node.targets for part in walk(target) if isinstance(part, ir.Name))
    for each in body.nodes.of(ir.AugAssign, ir.For, ir.NamedExpr):
        yield from (part.id for part in walk(each.target) if isinstance(part, ir.Name))


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
