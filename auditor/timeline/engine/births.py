"""Under which conditions something was made: what asks whether it is there hangs on these."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.values.frames import Guard
from auditor.timeline.values.payloads import SOME, Either, Heap, Known, Payload, PerSetting

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine


def note(machine: Machine, heap: Heap) -> None:
    """Keep the conditions under which an object is made."""
    if machine.guards:
        machine.births[id(heap)] = heap, tuple(machine.guards)


def asked_for(machine: Machine, node: ir.Expr) -> tuple[tuple[Guard, ...], bool]:
    """Return the conditions under which was made what ``node`` asks for, and on which way of it this is there.

    None where it may be there without them, or where the condition asks for more than one thing.
    """
    if not machine.births:
        return (), True
    thing, there = _thing(node)
    if thing is None:
        return (), True
    options = list(_options(machine.eval(thing).p))
    heaps = {id(p) for p in options if isinstance(p, Heap)}
    # A None that an earlier round of a loop may have replaced is None or anything.
    others = [p for p in options if not isinstance(p, Heap)]
    if not heaps or not any(isinstance(p, Known) and p.v is None for p in others):
        return (), True
    if not all(p is SOME or (isinstance(p, Known) and p.v is None) for p in others):
        return (), True
    each = [{g.place: g for g in machine.births[number][1]} if number in machine.births else {} for number in heaps]
    return tuple(g for place, g in each[0].items() if all(place in other for other in each)), there


def _thing(node: ir.Expr) -> tuple[ir.Name | ir.Attr | None, bool]:
    """Return what a condition asks for (``x is not None``, ``x``), maybe among others, and whether it is there then."""
    if isinstance(node, ir.UnaryOp) and node.op == "not":
        thing, there = _thing(node.operand) if not isinstance(node.operand, ir.BoolOp) else (None, True)
        return thing, not there
    if isinstance(node, ir.BoolOp) and node.op == "and":
        found = [(thing, there) for value in node.values if (thing := _thing(value)[0]) and (there := _thing(value)[1])]
        return found[0] if found else (None, True)
    if isinstance(node, ir.Compare) and len(node.ops) == 1 and node.ops[0] in ("is", "is not"):
        right = node.rights[0]
        if isinstance(right, ir.Const) and right.value is None and isinstance(node.left, ir.Name | ir.Attr):
            return node.left, node.ops[0] == "is not"
    return (node, True) if isinstance(node, ir.Name | ir.Attr) else (None, True)


def _options(p: Payload) -> Iterator[Payload]:
    if isinstance(p, PerSetting):
        for each in p.each:
            yield from _options(each)
    elif isinstance(p, Either):
        for each in p.options:
            yield from _options(each)
    else:
        yield p
