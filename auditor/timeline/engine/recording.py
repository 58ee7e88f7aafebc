"""How trackers write events: the fields that every event has, and one event per place and way to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditor.program import ir
from auditor.timeline.events import Event
from auditor.timeline.values.payloads import Heap

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine


def name_of(heap: Heap) -> str:
    """Return what a report calls an object."""
    if heap.cls is not None:
        return heap.cls.node.name
    return heap.name.rpartition(".")[2] or heap.kind


def common(machine: Machine, node: ir.Node, bits: int) -> dict[str, Any]:
    """Return the fields that every event has."""
    machine.order += 1
    return {
        "site": machine.site(node),
        "calls": tuple(machine.calls),
        "guards": tuple(machine.guards),
        "loops": tuple(machine.loops),
        "bits": bits,
        "undecided": machine.undecided & bits,
        "order": machine.order,
        "branches": tuple(machine.branches),
    }


def emit_once(machine: Machine, event: Event) -> None:
    """Add an event unless the same one was seen at the same place through the same calls."""
    key = (type(event), event.site.source.path, event.site.start, tuple(s.site.start for s in event.calls))
    seen = machine.emitted.get(key)
    if seen is None:
        machine.emitted[key] = event
        machine.events.append(event)
    else:
        seen.bits |= event.bits
