"""Live parameters: origins that stand for what an object holds *now*; a copy of it doesn't follow later writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.program.index import within
from auditor.timeline.values.payloads import HOLDING, Bound, Either, Function, Heap, Payload, PerSetting, Tup, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine


def param(machine: Machine, heap: Heap) -> int:
    """Return the origin that stands for the live parameters of ``heap``."""
    bit = machine.atoms.bit("param", heap)
    machine.params |= bit
    return bit


def heaps_of(machine: Machine, origins: int) -> list[Heap]:
    """Return the objects whose live parameters are among ``origins``."""
    live = origins & machine.params
    return [h for h in machine.atoms.meanings(live, "param") if isinstance(h, Heap)] if live else []


def reach(machine: Machine, heap: Heap) -> list[Heap]:
    """Return ``heap`` and every object that can be reached through its fields."""
    cached = machine.reach_cache.get(id(heap))
    if cached is not None and cached[0] == machine.heap_version:
        return cached[1]
    found: dict[int, Heap] = {id(heap): heap}
    stack: list[Heap] = [heap]
    params = machine.params
    while stack:
        current = stack.pop()
        values = list(current.attrs.values())
        forward = current.attrs.get("forward")
        if forward is not None:
            values.extend(closed_over(machine, forward))
        values.extend(current.items or ())
        if current.element is not None:
            values.append(current.element)
        for other in heaps_of(machine, current.origins):
            if id(other) not in found:
                found[id(other)] = other
                stack.append(other)
        for value in values:
            if type(value.p) in HOLDING:
                for other in heaps_in(value.p):
                    if other.kind in ("module", "file", "parser") or id(other) in found:
                        continue
                    found[id(other)] = other
                    stack.append(other)
            if value.m & params:
                for other in heaps_of(machine, value.m):
                    if id(other) not in found:
                        found[id(other)] = other
                        stack.append(other)
    out = list(found.values())
    machine.reach_cache[id(heap)] = (machine.heap_version, out)
    return out


def closed_over(machine: Machine, function: Value) -> list[Value]:
    """Return what a function that replaces a module's ``forward`` takes from its defaults and its closure."""
    p = function.p
    func = p.func if isinstance(p, Bound) else p
    if not isinstance(func, Function):
        return []
    out = list(func.defaults.values())
    frame = func.closure
    if frame is not None and frame.func is not None:
        used = {name.id for name in within(machine.program.indexes, func.node, ir.Name)}
        out += [value for name, value in frame.names.items() if name in used]
    return out


def heaps_in(p: Payload, depth: int = 3) -> list[Heap]:
    """Return the objects that a payload may be or hold in tuples."""
    if type(p) is Heap:
        return [p]
    if not depth:
        return []
    if type(p) is Tup:
        return [h for item in p.items for h in heaps_in(item.p, depth - 1)]
    if type(p) is PerSetting:
        return [h for option in p.each for h in heaps_in(option, depth)]
    if type(p) is Either:
        return [h for option in p.options for h in heaps_in(option, depth - 1)]
    return []


def adapted(machine: Machine, heap: Heap) -> dict[int, int]:
    """Return the adaptations that reached ``heap`` or anything below it, with their settings."""
    out: dict[int, int] = {}
    way = frozenset(machine.way())
    for each in reach(machine, heap):
        if not each.adapted:
            continue
        parts = parts_of(machine, each)
        for number, bits in each.adapted.items():
            if number not in each.undone or not each.undone[number] <= way:
                if parts:
                    bits &= _among(parts, number, way)
                out[number] = out.get(number, 0) | bits
    return out


def parts_of(machine: Machine, heap: Heap) -> list[Heap]:
    """Return the parameters and layers that a module is made of; none where it has such of its own."""
    if heap.kind != "instance" or heap.cls is None:
        return []
    if any(base.rpartition(".")[2] != "Module" for base in heap.cls.external_bases()):
        return []  # it inherits parameters, say
    cached = machine.parts_cache.get(id(heap))
    if cached is None or cached[0] != machine.heap_version:
        made = [each for each in reach(machine, heap) if each.kind in ("parameter", "external")]
        cached = machine.parts_cache[id(heap)] = (machine.heap_version, made)
    return cached[1]


def _among(parts: list[Heap], number: int, way: frozenset[int]) -> int:
    """Return the settings under which an adaptation is still in one of the parts."""
    out = 0
    for part in parts:
        if number in part.adapted and (number not in part.undone or not part.undone[number] <= way):
            out |= part.adapted[number]
    return out


def settle(machine: Machine, origins: int) -> int:
    """Return ``origins`` with live parameters replaced by what they were adapted on until now.

    A copy of a parameter doesn't follow later updates of it.
    """
    live = origins & machine.params
    if not live:
        return origins
    out = origins & ~live
    for heap in heaps_of(machine, live):
        for number in adapted(machine, heap):
            out |= machine.atoms.bit("adapted", number)
        out |= opaque(machine, heap)
    return out


def opaque(machine: Machine, heap: Heap) -> int:
    """Return the opaque origins of an object and of all that can be reached from it (see ``engine.escapes``)."""
    family = machine.atoms.family("opaque")
    out = 0
    if family:
        for each in reach(machine, heap):
            out |= each.origins
    return out & family
