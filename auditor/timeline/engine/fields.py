"""Fields of objects and classes, and items: where an assignment puts its value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import (
    attributes,
    classes,
    parameters,
    presence,
    stores,
)
from auditor.timeline.values.payloads import (
    Class,
    Function,
    Heap,
    Value,
    join,
    merge,
)

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine


SOMEWHERE = "*"  # the field that stands for all fields with computed names


def store_attr(machine: Machine, base: Value, name: str, value: Value, node: ir.Attr) -> None:
    """Assign an attribute of whatever ``base`` may be."""
    machine.signals.attribute_stored(base, name, value, node)
    if name == "requires_grad":
        return
    if name in ("data", "grad") and base.m & machine.params:
        if name == "data":
            machine.signals.parameters_written(base, value, node, replace=True)
        return
    if value.m & machine.atoms.family("setting"):
        value = machine.printed(name, value)
    if base.m & machine.params and not isinstance(base.p, Heap):
        machine.store_somewhere(base, value)
    for payload, bits in machine.alternatives(base):
        if isinstance(payload, Heap):
            if payload.cls is not None and classes.write(machine, payload, name, value, node):
                continue
            if name == "__class__" and isinstance(value.p, Class):
                payload.cls = value.p
            machine.store_field(payload.attrs, name, value, bits, payload)
        elif isinstance(payload, Class):
            machine.store_field(payload.attrs, name, value, bits, None)
        elif isinstance(payload, Function):
            if name == "__code__" and isinstance(value.p, Function):
                payload.node = value.p.node
            else:
                machine.store_field(machine.function_attrs.setdefault(id(payload.node), {}), name, value, bits, None)


def store_somewhere(machine: Machine, base: Value, value: Value) -> None:
    """Let the objects that ``base`` is, or is a part of, hold ``value`` under a name that is not known."""
    heaps = [p for p, _ in machine.alternatives(base) if isinstance(p, Heap)]
    for heap in dict.fromkeys([*heaps, *parameters.heaps_of(machine, base.m)]):
        old = heap.attrs.get(SOMEWHERE)
        heap.attrs[SOMEWHERE] = value if old is None else join(old, value)
        machine.heap_version += 1


def store_field(
    machine: Machine, fields: dict[str, Value], name: str, value: Value, bits: int, heap: Heap | None
) -> None:
    """Put a value into an object's field under the settings ``bits`` that are live."""
    machine.heap_version += 1
    live = machine.live & bits
    old = fields.get(name)
    if old is None and heap is not None and heap.cls is not None and (live != machine.all or machine.weak):
        old = heap.cls.find(name)  # elsewhere the class's own stays
        old = old and attributes.bind_method(machine, old, Value(heap), heap, ir.Name(0, 0, name))
    if old is None:
        fields[name] = presence.within(machine, value, live) if _holds(heap) else value
        return
    if live == machine.all and not machine.weak:
        fields[name] = value
        return
    keep = (machine.all & ~live) | (machine.weak & live)
    if heap is not None and heap.kind == "module":
        keep = 0
    fields[name] = merge(value, old, live, keep, machine.count) if keep else value


def _holds(heap: Heap | None) -> bool:
    """Return whether what is put into a field under a switch is missing elsewhere."""
    return heap is not None and heap.kind in ("dict", "instance", "namespace")


def store_item(machine: Machine, target: ir.Subscript, value: Value) -> None:
    """Assign ``base[index] = value``."""
    base = machine.eval(target.value)
    index = machine.eval(target.index)
    stores.store(machine, target, base, index, value)
