"""``for``: what a loop goes through, and which way it is followed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import containers, generators, loops, protocols, repeats, streams
from auditor.timeline.values.payloads import (
    Heap,
    Stream,
    Value,
)

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine


def do_for(machine: Machine, node: ir.For) -> None:
    """Follow a ``for`` loop."""
    outer = repeats.spelled_out(machine, node)
    if outer is not None:
        do_for(machine, outer)
        return
    iterable = iterated(machine, machine.eval(node.iter), node)
    if streams.streams(iterable):
        live = machine.live
        for payload, bits in machine.alternatives(iterable):
            machine.live = live & bits
            if isinstance(payload, Stream):
                generators.follow_for(machine, node, payload)
            else:
                loops.follow_loop(machine, node, Value(payload, iterable.m))
        machine.live = live
    else:
        loops.follow_loop(machine, node, iterable)
    loops.otherwise(machine, node)


def iterated(machine: Machine, value: Value, node: ir.Node) -> Value:
    """Return what a loop over ``value`` goes through: what ``__iter__`` of the program's own class gives."""
    if not protocols.speaks(value) or (isinstance(value.p, Heap) and value.p.kind != "instance"):
        return value
    made = protocols.send(machine, value, "__iter__", [], node)
    if made is None or made.p is value.p:
        return value
    return made if streams.streams(made) or containers.exact_items(machine, made) is not None else value
