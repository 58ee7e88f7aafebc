"""Names that nothing sets: what a module binds anywhere, found once, and what follows where a name is not among it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.program.walk import walk
from auditor.timeline.engine import escapes
from auditor.timeline.values.payloads import UNKNOWN, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine

_ANY = "*"  # stands for every name: the module binds names that can't be told
_BINDERS = frozenset({"exec", "eval", "globals", "locals", "vars", "__import__", "setattr"})
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
    if machine.live & ~machine.weak & ~1 and not _caught(machine, source.path, node):
        machine.note_unfollowed(machine.site(node), f"the script ends with an error at {what}", decisive=True)
    return Value(None, bit)


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
        elif _binds_any(node):
            names.add(_ANY)
    return frozenset(names)


_BINDING: tuple[type[ir.Node], ...] = (
    ir.Assign, ir.AugAssign, ir.NamedExpr, ir.For, ir.CompFor, ir.With, ir.FunctionDef, ir.ClassDef, ir.Param,
    ir.Handler, ir.Pattern, ir.Import, ir.ImportFrom, ir.Name, ir.Attr,
)  # fmt: skip


def _binds_any(node: ir.Node) -> bool:
    if isinstance(node, ir.Name):
        return node.id in _BINDERS
    return isinstance(node, ir.Attr) and node.attr in ("__dict__", "__builtins__")


def _targets(target: ir.Node, names: set[str]) -> None:
    for node in walk(target):
        if isinstance(node, ir.Name):
            names.add(node.id)


def _caught(machine: Machine, path: str, name: ir.Name) -> bool:
    """Return whether a ``try`` around ``name`` may catch the error."""
    unit = machine.program.units.get(path) or machine.program.main
    for node in unit.index.of(ir.Try):
        if node.handlers and node.body[0].start <= name.start <= node.body[-1].end:
            return True
    return False
