"""Losses that are kept in objects of the program's own: which object is picked decides which loss counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard

from auditor.timeline.engine import containers, models
from auditor.timeline.trackers.keys.reads import Keys
from auditor.timeline.values.payloads import Either, Heap, Payload, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine


def losses_of(machine: Machine, value: Value) -> int:
    """Return the origins of the losses that a record holds, 0 for what is none."""
    p, gold = value.p, machine.of(Keys).gold
    if not _is_record(p):
        return 0
    out = 0
    for each in p.attrs.values():
        out |= each.m if each.m & gold and not isinstance(each.p, Heap) else 0
    return out


def held(machine: Machine, given: list[Value]) -> int:
    """Return the origins of the losses in records that are handed over, one by one or in a list."""
    out = 0
    for value in given:
        for item in (value, *(containers.exact_items(machine, value) or ())):
            out |= losses_of(machine, item)
    return out


def tagged(machine: Machine, p: Payload, origins: int) -> Payload:
    """Return a record, or any of several, as picked: the losses in it have ``origins``, too."""
    if isinstance(p, Either):
        return Either(tuple(tagged(machine, option, origins) for option in p.options))
    if not _is_record(p):
        return p
    gold = machine.of(Keys).gold
    attrs = {name: containers.tag(v, origins) if v.m & gold else v for name, v in p.attrs.items()}
    return Heap(p.kind, cls=p.cls, name=p.name, attrs=attrs, origins=p.origins, made_at=p.made_at)


def _is_record(p: Payload) -> TypeGuard[Heap]:
    return isinstance(p, Heap) and p.kind == "instance" and not models.is_module(p)
