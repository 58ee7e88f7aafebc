"""Which of several tokens an index picks: places in a window, ends of slices."""

from __future__ import annotations

from auditor.program import ir
from auditor.timeline.trackers.keys.reads import Keys, Place
from auditor.timeline.values.atoms import bits_of
from auditor.timeline.values.payloads import (
    Known,
    Tup,
    Value,
)


class Behind(Value, eq=False, frozen=True):
    """A number that something was subtracted from: a position before another one, ``base`` where that is known."""

    base: Value | None = None


class Beyond(Value, eq=False, frozen=True):
    """A number to which one was added: the position after another one."""


def place_of(index: Value, node: ir.Expr) -> Place:
    """Return where an index picks its tokens."""
    if isinstance(node, ir.Sequence):
        items: tuple[Value, ...] = index.p.items if isinstance(index.p, Tup) else ()
        found: Place = 0
        for position, elt in enumerate(node.elts):
            item = items[position] if position < len(items) else index
            found = place_of(item, elt) or found
        return found
    if isinstance(node, ir.Slice):
        return _place_of_slice(index, node)
    if isinstance(index, Behind):
        return -1
    if isinstance(index.p, Known) and isinstance(index.p.v, int) and not isinstance(index.p.v, bool):
        return 1 if index.p.v == -1 else 0
    if isinstance(node, ir.BinOp) and node.op == "+" and isinstance(node.right, ir.Const):
        return 1
    return 0


def place_ahead(place: Place, index: Value) -> Place:
    """Return the place of what ``index`` picks (at ``place``) out of an array that holds each token one place on."""
    return 0 if isinstance(index, Beyond) or place > 0 else -1


def last_of(node: ir.Expr) -> str:
    """Return the variable that names the last position that an index picks, "" where none does."""
    if isinstance(node, ir.Slice):
        upper = node.upper
        if (
            isinstance(upper, ir.BinOp)
            and upper.op == "+"
            and isinstance(upper.right, ir.Const)
            and upper.right.value == 1
        ):
            return upper.left.id if isinstance(upper.left, ir.Name) else ""
        return ""
    return node.id if isinstance(node, ir.Name) else ""


def column_of(node: ir.Expr) -> tuple[object, ...]:
    """Return the constants of an index that picks one column of a window, nothing for another index."""
    if not isinstance(node, ir.Sequence) or not all(isinstance(e, ir.Const | ir.Slice) for e in node.elts):
        return ()
    picked = tuple(e.value if isinstance(e, ir.Const) else ":" for e in node.elts)
    whole = all(e.lower is None and e.upper is None for e in node.elts if isinstance(e, ir.Slice))
    return picked if whole and any(type(e) is int for e in picked) else ()


def rest_of(node: ir.Expr) -> bool:
    """Return whether an index leaves out the last columns of each row only (``[:, :-1]``)."""
    if not isinstance(node, ir.Sequence) or len(node.elts) < 2 or not all(isinstance(e, ir.Slice) for e in node.elts):
        return False
    last = node.elts[-1]
    return isinstance(last, ir.Slice) and last.lower is None and isinstance(last.upper, ir.UnaryOp)


def has_slice(node: ir.Expr) -> bool:
    """Return whether an index takes a stretch."""
    if isinstance(node, ir.Sequence):
        return any(isinstance(elt, ir.Slice) for elt in node.elts)
    return isinstance(node, ir.Slice)


def _place_of_slice(index: Value, node: ir.Slice) -> Place:
    if isinstance(index, Behind):
        return -1
    lower, upper = node.lower, node.upper
    if lower is None or (isinstance(lower, ir.Const) and lower.value in (0, None)):
        if isinstance(upper, ir.UnaryOp) and upper.op == "-":
            return -1
        if isinstance(upper, ir.BinOp) and upper.op == "-":
            return -1
        return 0
    if isinstance(lower, ir.UnaryOp) and lower.op == "-":
        return 1 if upper is None else 0
    if isinstance(lower, ir.Const) and isinstance(upper, ir.UnaryOp) and upper.op == "-":
        return -1  # of a window that goes on: what lies in the middle comes before its last one
    if upper is None:
        return 1
    if isinstance(lower, ir.BinOp) and isinstance(lower.right, ir.Const) and lower.op == "+":
        return 1
    if isinstance(lower, ir.Const):
        return 1
    return 0


def sliced(lower: Value | None, upper: Value | None, out: Value) -> Value:
    """Return the value of a slice; it lies before its surroundings when both its bounds do."""
    if isinstance(lower, Behind) and (isinstance(upper, Behind) or (lower.base is upper and upper is not None)):
        return Behind(out.p, out.m)
    return out


def is_whole(node: ir.Expr) -> bool:
    """Return whether an index picks everything: new axes and whole ones."""
    if isinstance(node, ir.Sequence):
        return bool(node.elts) and all(is_whole(elt) for elt in node.elts)
    if isinstance(node, ir.Slice):
        return node.lower is None and node.upper is None and node.step is None
    return isinstance(node, ir.Const) and (node.value is None or node.value is Ellipsis)


def moved_on(keys: Keys, node: ir.Subscript, value: Value) -> bool:
    """Return whether ``made[i + 1] = …`` is made from token ``i``: what lies at a place then is of those before it."""
    place = node.index
    if not isinstance(place, ir.BinOp) or place.op != "+" or not isinstance(place.left, ir.Name):
        return False
    if not isinstance(place.right, ir.Const) or place.right.value != 1:
        return False
    own = [keys.meaning[bit] for bit in bits_of(value.m & keys.reads | (value.m & keys.mixed) >> 1)]
    return any(r.last == place.left.id and not r.slice for r in own)
