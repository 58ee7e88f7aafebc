"""Imports: the submission's own modules are followed, once each; libraries are names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.program.model import Unit
from auditor.timeline.engine import unset
from auditor.timeline.values.frames import Frame, ModuleScope, Site
from auditor.timeline.values.payloads import UNKNOWN, External, Heap, Known, Value, same

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine


def do_import(machine: Machine, node: ir.Import) -> None:
    """Bind modules: those of the submission are followed, once."""
    for dotted, alias in node.names:
        unit = unit_of(machine, dotted, 0)
        if unit is not None:
            value = import_unit(machine, unit)
            machine.bind_name(alias or dotted.split(".")[0], value)
        elif alias:
            machine.bind_name(alias, Value(External(dotted)))
        else:
            top = dotted.split(".")[0]
            machine.bind_name(top, Value(External(top)))


def do_import_from(machine: Machine, node: ir.ImportFrom) -> None:
    """Bind names of modules."""
    unit = unit_of(machine, node.module, node.level)
    for name, alias in node.names:
        if unit is not None:
            module = import_unit(machine, unit)
            assert isinstance(module.p, Heap)
            if name == "*":
                for each, value in module.p.attrs.items():
                    if not each.startswith("_"):
                        machine.bind_name(each, value)
                continue
            sub = unit_of(machine, f"{node.module}.{name}" if node.module else name, node.level)
            value = module.p.attrs.get(name) or (import_unit(machine, sub) if sub else UNKNOWN)
            machine.bind_name(alias or name, value)
            continue
        inside = f"{node.module}.{name}" if node.module else name  # of a folder that has no __init__.py, too
        sub = unit_of(machine, inside, node.level) if node.level and name != "*" else None
        if node.level == 1 and sub is None:
            missing = f"`.{node.module or name}`, a module that is not in the submission"
            unset.fails(machine, node, missing)
        if name == "*":
            machine.note_unfollowed(machine.site(node), f"from {node.module} import *")
        else:
            value = import_unit(machine, sub) if sub else Value(External(f"{node.module}.{name}"))
            machine.bind_name(alias or name, value)


def unit_of(machine: Machine, dotted: str, level: int) -> Unit | None:
    """Return the submission's own module of that dotted name, or None."""
    return unit_at(machine, machine.frame.scope.source.path, dotted, level)


def unit_at(machine: Machine, path: str, dotted: str, level: int) -> Unit | None:
    """Return the submission's own module of that dotted name as the file ``path`` imports it, or None."""
    here = path.rpartition("/")[0]
    for _ in range(level - 1):
        here = here.rpartition("/")[0]
    tail = dotted.replace(".", "/")
    bases = [here] if level else [here, ""]
    for base in bases:
        stem = f"{base}/{tail}" if base and tail else (tail or base)
        for at in (f"{stem}.py", f"{stem}/__init__.py"):
            unit = machine.program.units.get(at)
            if unit is not None and at != path:
                return unit
    return None


def import_path(machine: Machine, path: Value) -> Value:
    """``importlib.util.spec_from_file_location(name, path)``: the submission's own file is followed as a module.

    Where the folder can't be told, it is the one file that the script names.
    """
    here = machine.frame.scope.source
    named = path.p.v.rpartition("/")[2] if isinstance(path.p, Known) and isinstance(path.p.v, str) else ""
    units = [
        unit
        for unit in machine.program.units.values()
        if unit.path not in (here.path, machine.program.script)
        and (unit.path.rpartition("/")[2] == named if named else _quoted(here.text, unit.path.rpartition("/")[2]))
    ]
    return import_unit(machine, units[0]) if len(units) == 1 else UNKNOWN


def _quoted(text: str, name: str) -> bool:
    return f'"{name}"' in text or f"'{name}'" in text


def loaded(machine: Machine, name: Value) -> Value | None:
    """``sys.modules[name]``: the module in which this stands, or one that was followed; None for another."""
    scope = machine.frame.scope
    own = scope.names.get("__name__")
    if own is not None and same(name.p, own.p):
        return machine.scopes.setdefault(
            scope.source.path, Value(Heap("module", name=scope.source.path, attrs=scope.names))
        )
    for module in machine.scopes.values():
        known = module.p.attrs.get("__name__") if isinstance(module.p, Heap) else None
        if known is not None and same(name.p, known.p):
            return module
    return None


def import_unit(machine: Machine, unit: Unit) -> Value:
    """Follow a helper module once and return it."""
    known = machine.scopes.get(unit.path)
    if known is not None:
        return known
    scope = ModuleScope(unit.source, is_main=False)
    heap = Heap("module", name=unit.path, attrs=scope.names)
    value = Value(heap)
    machine.scopes[unit.path] = value
    if unit.module is None:
        machine.note_unfollowed(
            Site(unit.source, 0, 0), f"helper module {unit.path} could not be parsed", decisive=True
        )
        return value
    scope.names["__name__"] = Value(Known(unit.path.rpartition("/")[2].removesuffix(".py")))
    scope.names["__file__"] = Value(Known(unit.path))
    outer, live = machine.frame, machine.live
    machine.frame = Frame(scope, scope.names)
    try:
        machine.block(unit.module.body)
    finally:
        machine.frame, machine.live = outer, live
    return value
