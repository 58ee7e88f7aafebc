"""Arrays of positions that go on to the last token: ``at = np.arange(order, len(ids))``, then ``ids[at - 1]``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.program.defined import body_at, called_as, only_value, sized

if TYPE_CHECKING:
    from auditor.program.index import Body
    from auditor.timeline.engine.machine import Machine
    from auditor.timeline.trackers.keys.reads import Read

_DEPTH = 8  # names behind names
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
    places = node.index
    while isinstance(places, ir.BinOp) and places.op == "-":
        places = places.left
    if isinstance(places, ir.Name):
        places = only_value(body, places.id) or places
    if not isinstance(places, ir.Call) or called_as(places.func) != "arange":
        return False
    bounds = [arg.value for arg in places.args if arg.keyword is None]
    if not bounds or len(bounds) > 2:
        return False
    size = _size(body, bounds[-1])
    return size is not None and _root(body, size) == _root(body, node.value) is not None


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


def _root(body: Body, node: ir.Expr) -> str | None:
    """Return the name that an array has first in a function, else None."""
    for _ in range(_DEPTH):
        if isinstance(node, ir.Name):
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
                return None
            node = inner
        else:
            return None
    return None


def _is_module(node: ir.Expr) -> bool:
    return isinstance(node, ir.Name) and node.id in ("np", "numpy", "torch")
