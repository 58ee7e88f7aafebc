"""A script that goes on twice: what the child does after ``os.fork()``, then what its parent does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import parameters
from auditor.timeline.values.payloads import Heap

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine


def both_ways(machine: Machine, node: ir.If) -> None:
    """Follow an ``if`` on what ``os.fork()`` gave: both ways are taken, the child's first.

    What the child learns stays in the child, unless the parameters lie in shared memory.
    """
    live = machine.live
    child, parent = (node.body, node.orelse) if _asks_for_child(node.test) else (node.orelse, node.body)
    kept = [] if machine.shares_memory else [(heap, dict(heap.adapted)) for heap in _objects(machine)]
    machine.block(child)
    goes_on = machine.live
    for heap, adapted in kept:
        heap.adapted = adapted
    machine.live = live
    machine.block(parent)
    machine.live |= goes_on


def _asks_for_child(test: ir.Expr) -> bool:
    if isinstance(test, ir.UnaryOp):
        return test.op == "not"
    return isinstance(test, ir.Compare) and test.ops[0] in ("==", "is", "<=", "<")


def _objects(machine: Machine) -> list[Heap]:
    found: dict[int, Heap] = {}
    for value in (*machine.frame.names.values(), *machine.frame.scope.names.values()):
        if isinstance(value.p, Heap) and value.p.kind != "module":
            found.update((id(heap), heap) for heap in parameters.reach(machine, value.p))
    return list(found.values())
