"""Which of several stacked losses an index picks: where their rows are of different kinds, each keeps its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.trackers.keys.reads import Keys
from auditor.timeline.values.payloads import Known, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine

_FAMILY = "stacked rows"
_Rows = tuple[int, tuple[int, ...]]  # the axis of the rows, and their origins


def stacked(machine: Machine, name: str, args: Args, items: Sequence[Value]) -> int:
    """Return the origin of what ``stack`` makes of ``items``: it remembers which row came of what; 0 for another."""
    axis = args.get(1, "dim") or args.keywords.get("axis")
    known = 0 if axis is None else axis.p.v if isinstance(axis.p, Known) else None
    if name != "stack" or known not in (0, -1):
        return 0
    rows: _Rows = (0 if known == 0 else -1, tuple(item.m for item in items))
    return machine.atoms.bit(_FAMILY, rows)


def picked(machine: Machine, base: Value, node: ir.Subscript, out: Value) -> Value:
    """Return ``base[k]`` or ``base[..., k]`` without the origins of the rows that it isn't."""
    found = list(machine.atoms.meanings(base.m, _FAMILY))
    if len(found) != 1:
        return out
    rows: _Rows = found[0]  # type: ignore[assignment]
    axis, origins = rows
    parts = node.index.elts if isinstance(node.index, ir.Sequence) else (node.index,)
    number = _constant(parts[axis])
    if number is None or not -len(origins) <= number < len(origins) or (axis and len(parts) < 2):
        return out
    others = 0
    for each in origins:
        others |= each
    gone = others & ~origins[number] | machine.atoms.family(_FAMILY) | machine.of(Keys).pseudo
    return Value(out.p, out.m & ~gone)


def _constant(node: ir.Expr) -> int | None:
    """Return the whole number that an index is, None for another."""
    if isinstance(node, ir.UnaryOp) and node.op == "-":
        inner = _constant(node.operand)
        return None if inner is None else -inner
    return node.value if isinstance(node, ir.Const) and type(node.value) is int else None
