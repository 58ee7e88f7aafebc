"""``a[i] = b`` and what else changes in place: items, slices, arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import containers, parameters, presence
from auditor.timeline.values.atoms import TEXT_FILE, TRAIN, VAL, under
from auditor.timeline.values.payloads import (
    UNKNOWN,
    External,
    Heap,
    Known,
    Value,
)

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine
    from auditor.timeline.values.frames import Frame


def store(machine: Machine, target: ir.Subscript, base: Value, index: Value, value: Value) -> None:
    """Carry out ``base[index] = value``."""
    index, value = machine.signals.item_stored(base, target, (index, value))
    handled = False
    for payload, _bits in machine.alternatives(base):
        if isinstance(payload, Heap):
            if payload.kind == "dict":
                containers.set_item(machine, payload, index, value)
                handled = True
            elif payload.kind == "list":
                machine.heap_version += 1
                exact = isinstance(index.p, Known) and isinstance(index.p.v, int) and payload.items is not None
                if exact and -len(payload.items or ()) <= index.p.v < len(payload.items or ()):  # type: ignore
                    assert payload.items is not None
                    at = index.p.v  # type: ignore[union-attr]
                    payload.items[at] = presence.replaced(machine, payload.items[at], value)  # type: ignore[index]
                else:
                    containers.append_any(payload, presence.put(machine, value))
                handled = True
            elif payload.kind == "instance" and payload.cls is not None and payload.cls.find("__setitem__"):
                machine.call_own(base, "__setitem__", [index, value])
                handled = True
        elif isinstance(payload, External) and payload.name == "os.environ":
            machine.library.environment_written(machine, index, value)
            handled = True
    if handled:
        return
    if base.m & machine.params:
        machine.signals.parameters_written(base, value, target, replace=True)
        return
    where = index.m & ~(VAL | TRAIN | TEXT_FILE) if index.m & (VAL | TRAIN) else index.m
    update_in_place(machine, target.value, base, Value(None, containers.deep(value) | where))


def update_item(machine: Machine, target: ir.Subscript, value: Value) -> None:
    """Carry out ``base[index] op= …`` whose result is ``value``."""
    store(machine, target, machine.eval(target.value), machine.eval(target.index), value)


def update_in_place(machine: Machine, where: ir.Expr, base: Value, value: Value) -> None:
    """Let the tensor at ``where`` also be made from ``value``.

    New tokens replace the iteration of the old ones: a buffer that is refilled holds this iteration's tokens.
    """
    old = base.m
    value = machine.signals.bound(value)
    if value.m & (VAL | TRAIN):
        old &= ~machine.atoms.family("iteration")
    new = Value(base.p, old | under(parameters.settle(machine, value.m), machine.live))
    if new.m == base.m:
        return
    if isinstance(where, ir.Name):
        write_into(machine, where.id, base, new)
    elif isinstance(where, ir.Attr):
        machine.store_attr(machine.eval(where.value), where.attr, new, where)
    elif isinstance(where, ir.Subscript):
        inner = machine.eval(where.value)
        if isinstance(inner.p, Heap) and inner.p.kind in ("list", "dict"):
            store(machine, where, inner, machine.eval(where.index), new)
        else:
            update_in_place(machine, where.value, inner, value)
    elif isinstance(where, ir.Call) and isinstance(where.func, ir.Attr):
        update_in_place(machine, where.func.value, machine.eval(where.func.value), value)


def write_into(machine: Machine, name: str, old: Value, new: Value) -> None:
    """Let the array called ``name``, and every name of the frame that is bound to the same array, be ``new``.

    What was handed in to the call is remembered, for its caller (see :func:`calling.hand_back`).
    """
    frames = [machine.frame]
    holder: Frame | None = machine.frame
    while holder is not None and name not in holder.names:
        holder = holder.parent
    if holder is not None and holder is not machine.frame:
        frames.append(holder)  # a nested function writes into what is its surrounding one's
    machine.rebind(name, new)
    shared = old is not UNKNOWN and not isinstance(old.p, Heap | Known)
    for frame in frames:
        for other in [other for other, value in frame.names.items() if value is old] if shared else ():
            frame.names[other] = new
            if other not in frame.rebound:
                frame.written[other] = new
        if name not in frame.rebound:
            frame.written[name] = new


def old_value(machine: Machine, target: ir.Expr) -> Value:
    """Return what ``target`` holds before ``target op= …``: what is read in order to be written back."""
    if not isinstance(target, ir.Subscript):
        return machine.eval(target)
    machine.updating += 1
    try:
        return machine.eval(target)
    finally:
        machine.updating -= 1
