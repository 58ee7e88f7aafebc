"""What a module's own code uses: its inside is not followed (see ``applying.apply_module``)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.program.walk import walk
from auditor.timeline.engine import escapes, imports, parameters
from auditor.timeline.events import Opaque
from auditor.timeline.values.frames import ModuleScope, Site
from auditor.timeline.values.payloads import Class, Either, External, Function, Heap, PerSetting, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine

_SETS_UP = frozenset({"__init__", "__post_init__", "reset_parameters", "__repr__", "extra_repr"})


def opaque(machine: Machine, model: Heap) -> int:
    """Return the opaque origins of what the code of ``model``, and of the modules in it, takes from nowhere."""
    if machine.nowhere is None:
        machine.nowhere = any(machine.library.lies_nowhere(name) for name in machine.relevance.imported)
    if not machine.nowhere:
        return 0
    classes = {id(heap.cls): heap.cls for heap in parameters.reach(machine, model) if heap.cls is not None}
    out = 0
    for key, cls in classes.items():
        known = machine.insides.get(key)
        if known is None:
            known = machine.insides[key] = (cls, _of_class(machine, cls))
        out |= known[1]
    for each in machine.atoms.meanings(out, escapes.FAMILY):
        if isinstance(each, Opaque):
            each.bits |= machine.live
    return out


def held(machine: Machine, model: Heap) -> int:
    """Return the origins of what a model, and the modules in it, hold that is no object."""
    out = 0
    for heap in parameters.reach(machine, model):
        if heap.kind in ("instance", "external"):
            for value in heap.attrs.values():
                if not isinstance(value.p, Heap):
                    out |= value.m
    return out


def _of_class(machine: Machine, cls: Class) -> int:
    out = 0
    seen: set[int] = set()
    waiting: list[tuple[ir.Node, ModuleScope]] = [
        (method, each.scope)
        for each in cls.lineage()
        for method in each.node.body
        if isinstance(method, ir.FunctionDef) and method.name not in _SETS_UP
    ]
    while waiting:
        code, scope = waiting.pop()
        if id(code) in seen:
            continue
        seen.add(id(code))
        for node, name in _used(machine, code, scope, waiting):
            if machine.library.lies_nowhere(name):
                site = Site(scope.source, node.start, node.end)
                what = f"`{name}` in {cls.node.name}, {escapes.sourceless(machine)}"
                out |= escapes.opaque_at(machine, site, what, ("what the model computes",))
    return out


def _used(
    machine: Machine, code: ir.Node, scope: ModuleScope, waiting: list[tuple[ir.Node, ModuleScope]]
) -> Iterator[tuple[ir.Node, str]]:
    """Yield the names of libraries that ``code`` uses; let the functions that it uses wait for their turn."""
    for node in walk(code):
        if isinstance(node, ir.Name):
            value = scope.names.get(node.id)
            for p in _options(value) if value is not None else ():
                if isinstance(p, External):
                    yield node, p.name
                elif isinstance(p, Function) and not isinstance(p.node, ir.Lambda):
                    waiting.append((p.node, p.scope))
        elif isinstance(node, ir.Import):
            for dotted, _ in node.names:
                if imports.unit_at(machine, scope.source.path, dotted, 0) is None:
                    yield node, dotted
        elif (
            isinstance(node, ir.ImportFrom)
            and not node.level
            and imports.unit_at(machine, scope.source.path, node.module, 0) is None
        ):
            yield node, node.module


def _options(value: Value) -> tuple[object, ...]:
    p = value.p
    if isinstance(p, PerSetting):
        return p.each
    return p.options if isinstance(p, Either) else (p,)
