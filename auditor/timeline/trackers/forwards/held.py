"""What a module holds, as far as all settings agree, and what is known of numbers in a forward pass."""

from __future__ import annotations

from collections.abc import Sequence

from auditor.program import ir
from auditor.program.walk import walk
from auditor.timeline.values.folding import FoldError, fold_compare
from auditor.timeline.values.payloads import Either, Heap, Known, PerSetting, Value


def plain(value: Value | None) -> object:
    """Return an object or a constant that all settings agree on."""
    if value is None:
        return None
    if isinstance(value.p, Heap):
        return value.p
    if isinstance(value.p, Either):
        return next((option for option in value.p.options if isinstance(option, Heap)), None)
    if isinstance(value.p, Known):
        return value.p.v
    if isinstance(value.p, PerSetting):
        each = {repr(p.v) for p in value.p.each[1:] if isinstance(p, Known)}
        first = value.p.each[1] if len(value.p.each) > 1 else None
        if len(each) == 1 and all(isinstance(p, Known) for p in value.p.each[1:]) and isinstance(first, Known):
            return first.v
    return None


def compared(ops: Sequence[str], values: Sequence[object]) -> bool | None:
    """Return what a comparison of constants gives, None where one of ``values`` is none that is known."""
    if not all(isinstance(v, bool | int | float | str) and v == v for v in values):  # not a number isn't itself
        return None
    try:
        return all(fold_compare(op, a, b) for op, a, b in zip(ops, values, values[1:], strict=False))
    except FoldError:
        return None


def counted(body: Sequence[ir.Stmt]) -> frozenset[str]:
    """Return the names that the statements of a loop make of themselves: counters, which no round knows."""
    found: set[str] = set()
    for node in walk(*body):
        if isinstance(node, ir.AugAssign) and isinstance(node.target, ir.Name):
            found.add(node.target.id)
        elif isinstance(node, ir.Assign) and node.value is not None:
            own = {target.id for target in node.targets if isinstance(target, ir.Name)}
            found |= {read.id for read in walk(node.value) if isinstance(read, ir.Name) and read.id in own}
    return frozenset(found)
