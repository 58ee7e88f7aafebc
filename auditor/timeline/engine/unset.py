"""Names that nothing sets: what a module binds anywhere, found once, and what follows where a name is not among it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.program.walk import walk
from auditor.timeline.engine import escapes
from auditor.timeline.values.payloads import UNKNOWN, Value

if TYPE_CHECKING:
    from auditor.program.index import Index
    from auditor.timeline.engine.machine import Machine

_ANY = "*"  # stands for every name: the module binds names that can't be told
_TABLES = frozenset({"globals", "locals", "vars"})  # what these return holds a module's names
_READING = frozenset({"get", "items", "keys", "values", "copy"})
_INTERACTIVE = frozenset({"get_ipython", "display", "reveal_type", "profile"})


def unset(machine: Machine, node: ir.Name) -> Value:
    """Return what a name is that no frame knows: opaque where nothing of its module sets it at all.

    Where no open condition leads to it and nothing catches the error, the script ends there.
    """
    name = node.id
    source = machine.frame.scope.source
    names = machine.bound.get(source.path)
    if names is None:
        names = machine.bound[source.path] = _bound(machine, source.path)
    if name in names or _ANY in names or name in _INTERACTIVE or (name.startswith("__") and name.endswith("__")):
        return UNKNOWN
    what = f"`{name}`, a name that nothing sets"
    bit = escapes.opaque(machine, node, what)
    fails(machine, node, what)
    return Value(None, bit)


def fails(machine: Machine, node: ir.Node, what: str) -> None:
    """Say that the script ends at ``node``, where no open condition leads to it and nothing catches the error."""
    source = machine.frame.scope.source
    if machine.live & ~machine.weak & ~1 and not _caught(machine, source.path, node):
        told = f"the script ends with an error at {what}"
        if not any(path == source.path and words == told for path, _, words in machine.unfollowed):
            machine.note_unfollowed(machine.site(node), told, decisive=True)  # where it ends first


def _bound(machine: Machine, path: str) -> frozenset[str]:
    unit = machine.program.units.get(path) or machine.program.main
    if unit.module is None:
        return frozenset({_ANY})
    names: set[str] = set()
    for node in unit.index.of(*_BINDING):
        if isinstance(node, ir.Assign):
            for target in node.targets:
                _targets(target, names)
        elif isinstance(node, ir.AugAssign | ir.NamedExpr | ir.For | ir.CompFor):
            _targets(node.target, names)
        elif isinstance(node, ir.With):
            for _, entered in node.items:
                if entered is not None:
                    _targets(entered, names)
        elif isinstance(node, ir.FunctionDef | ir.ClassDef | ir.Param | ir.Handler | ir.Pattern):
            names.add(node.name or "")
        elif isinstance(node, ir.Import):
            names.update(alias or dotted.partition(".")[0] for dotted, alias in node.names)
        elif isinstance(node, ir.ImportFrom):
            names.update(alias or name for name, alias in node.names)  # "*" among them: any name
    if _binds_any(unit.index):
        names.add(_ANY)
    return frozenset(names)


_BINDING: tuple[type[ir.Node], ...] = (
    ir.Assign, ir.AugAssign, ir.NamedExpr, ir.For, ir.CompFor, ir.With, ir.FunctionDef, ir.ClassDef, ir.Param,
    ir.Handler, ir.Pattern, ir.Import, ir.ImportFrom,
)  # fmt: skip


def _binds_any(index: Index) -> bool:
    """Return whether a module may bind names that can't be told: by code in a text, or through a table of names.

    A table that is only looked into binds none, nor does what is set on an object that is no module.
    """
    calls = index.of(ir.Call)
    called = {id(call.func): call for call in calls}
    read = _only_read(index)
    tables = set()  # names that stand for a table
    for node in index.of(ir.Assign):
        if len(node.targets) == 1 and isinstance(node.targets[0], ir.Name) and _table(node.value):
            tables.add(node.targets[0].id)
            read |= {id(node.value), id(node.targets[0])}
    for name in index.of(ir.Name):
        call = called.get(id(name))
        if name.id == "exec" or (name.id in tables and id(name) not in read):
            return True
        if name.id in _TABLES and (call is None or (_table(call) and id(call) not in read)):
            return True
        if name.id == "setattr" and (call is None or not call.args or _a_module(index, call.args[0].value)):
            return True
    for table in index.of(ir.Attr):
        changed = table.attr == "__dict__" and id(table) not in read and _a_module(index, table.value)
        if changed or table.attr == "__builtins__":
            return True
    return False


def _only_read(index: Index) -> set[int]:
    """Return which expressions are looked into only, by identity: ``table[name]``, ``name in table``, its items."""
    stored: set[int] = set()
    for changed in index.of(ir.Assign, ir.AugAssign, ir.Delete):
        targets = (changed.target,) if isinstance(changed, ir.AugAssign) else changed.targets
        stored.update(id(part) for target in targets for part in walk(target))
    read = {id(item.value) for item in index.of(ir.Subscript) if id(item) not in stored}
    read |= {id(attribute.value) for attribute in index.of(ir.Attr) if attribute.attr in _READING}
    for compared in index.of(ir.Compare):
        sides = zip(compared.ops, compared.rights, strict=True)
        read |= {id(right) for op, right in sides if op in ("in", "not in")}
    return read


def _table(node: ir.Node | None) -> bool:
    """Return whether a call gives a table of the module's own names; ``vars`` of an object gives the object's."""
    if not isinstance(node, ir.Call) or not isinstance(node.func, ir.Name) or node.func.id not in _TABLES:
        return False
    return not node.args or not isinstance(node.args[0].value, ir.Name | ir.Attr)


def _a_module(index: Index, node: ir.Node) -> bool:
    """Return whether something may be a module: it is looked up among modules, or got from an import."""
    if isinstance(node, ir.Attr):
        return _a_module(index, node.value)
    if not isinstance(node, ir.Name):
        return True
    for assigned in index.of(ir.Assign):
        if any(isinstance(target, ir.Name) and target.id == node.id for target in assigned.targets):
            for part in walk(assigned.value) if assigned.value is not None else ():
                if (isinstance(part, ir.Attr) and part.attr in ("modules", "import_module")) or (
                    isinstance(part, ir.Name) and part.id in ("modules", "import_module", "__import__")
                ):
                    return True
    return any(
        alias == node.id or (alias is None and name.partition(".")[0] == node.id)
        for imported in index.of(ir.Import, ir.ImportFrom)
        for name, alias in imported.names
    )


def _targets(target: ir.Node, names: set[str]) -> None:
    for node in walk(target):
        if isinstance(node, ir.Name):
            names.add(node.id)


def _caught(machine: Machine, path: str, place: ir.Node) -> bool:
    """Return whether a ``try`` around ``place`` may catch the error."""
    unit = machine.program.units.get(path) or machine.program.main
    for node in unit.index.of(ir.Try):
        if node.handlers and node.body[0].start <= place.start <= node.body[-1].end:
            return True
    return False
