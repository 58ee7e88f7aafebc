"""Which loops and functions may adapt parameters: found once, by name, before anything is followed.

Over-approximate on purpose: a loop that is said to adapt and doesn't costs time, the reverse costs a finding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeGuard

from auditor.program import ir
from auditor.program.defined import called_as
from auditor.program.index import Index, within
from auditor.program.model import Program
from auditor.program.walk import children, walk

_OWN_STATE = "self.x += …"  # in place, on an attribute of one's own
_BY_VALUE = "table[…]()"  # what no name is called by
ADAPTING_CALLS = frozenset(
    {"backward", "step", "grad", "value_and_grad", "autograd_backward", "addcdiv_", "addcmul_", "lerp_", _OWN_STATE}
)
ACCUMULATING = frozenset(
    {
        "add_",
        "sub_",
        "mul_",
        "lerp_",
        "addcmul_",
        "addmm_",
        "baddbmm_",
        "addr_",
        "index_add_",
        "scatter_add_",
        "logaddexp_",
    }
)


_MODULE_LISTS = frozenset({"ModuleList", "ModuleDict"})
COUNTING_CALLS = frozenset({"scatter_add_", "index_add_", "index_put_", "bincount", "at", "Counter"})
MAX_PASSES = 16
# nn.Module methods that every script calls and whose namesakes often adapt.
_COMMON = frozenset({"train", "eval", "forward", "__init__", "get", "update", "reset", "log", "log0"})


class Relevance:
    """Facts about a program's functions and loops, by name and by node."""

    def __init__(self, program: Program) -> None:
        self._adapting: set[str] = set()
        self._by_node: dict[int, bool] = {}
        self._yields: dict[int, bool] = {}
        self._advanced: dict[int, frozenset[str]] = {}
        self._assigned: dict[int, frozenset[str]] = {}
        self._latches: dict[int, dict[str, object]] = {}
        self._own_counts: dict[int, bool] = {}
        self._calls: dict[int, set[str]] = {}
        self._setting: dict[int, list[ir.Assign | ir.AugAssign | ir.NamedExpr]] = {}
        self._moves_on: dict[int, bool] = {}
        self._keep: list[ir.Node] = []  # keeps ids valid
        self._indexes = program.indexes
        self._modules = _module_lists(program)
        calls: dict[str, set[str]] = {}
        direct: set[str] = set()
        counting: set[str] = set()
        counted: set[str] = set()
        imported: set[str] = set()
        stateful: set[int] = set()
        by_value = False
        for unit in program.units.values():
            if unit.module is None:
                continue
            for function in unit.index.of(ir.FunctionDef):
                called = self._called(function)
                calls.setdefault(function.name, set()).update(called)
                if called & ADAPTING_CALLS - {_OWN_STATE} or (_OWN_STATE in called and function.name not in _COMMON):
                    direct.add(function.name)
                if _OWN_STATE in called and function.name == "forward":
                    stateful.add(id(function))
                if self._counts(function, called):
                    counting.add(function.name)
            in_classes = {
                id(one)
                for top in unit.module.body
                if isinstance(top, ir.ClassDef)
                for one in within(self._indexes, top, ir.AugAssign)
            }
            for step in unit.index.of(ir.AugAssign):
                if isinstance(step.target, ir.Attr) and id(step) not in in_classes:
                    counted.add(step.target.attr)
            for node in unit.index.of(ir.Import, ir.ImportFrom):
                if isinstance(node, ir.Import):
                    imported.update(dotted for dotted, _ in node.names)
                elif not node.level:
                    imported.add(node.module)
            by_value = by_value or _BY_VALUE in _called(unit.index.of(ir.Call), self._modules)
        if by_value:
            calls[_BY_VALUE] = _as_values(program) & calls.keys()
        self.stateful = frozenset(stateful)  # forwards that move a state of their module, by the id of their node
        self.imported = frozenset(imported)  # modules that are imported anywhere, by dotted name
        self.counted = frozenset(counted)  # attributes that functions outside of classes count up
        self._counting = _callers(counting, calls)
        self._passes: dict[int, bool] = {}
        self._adapting = direct
        grew = True
        while grew:
            grew = False
            for name, called in calls.items():
                if name not in self._adapting and not called.isdisjoint(self._adapting):
                    self._adapting.add(name)
                    grew = True
        self._adapting -= _COMMON - direct

    def adapts(self, node: ir.Node) -> bool:
        """Return whether a loop or function may adapt parameters."""
        known = self._by_node.get(id(node))
        if known is None:
            called = self._called(node)
            known = bool(called & ADAPTING_CALLS) or not called.isdisjoint(self._adapting)
            self._by_node[id(node)] = known
            self._keep.append(node)
        return known

    def assigned(self, loop: ir.For | ir.While) -> frozenset[str]:
        """Return the local names that a loop's body assigns."""
        known = self._assigned.get(id(loop))
        if known is None:
            names: set[str] = set()
            for node in self.setting(loop):
                if isinstance(node, ir.Assign):
                    for target in node.targets:
                        _targets(target, names)
                else:
                    _targets(node.target, names)
            known = frozenset(names)
            self._assigned[id(loop)] = known
            self._keep.append(loop)
        return known

    def setting(self, loop: ir.For | ir.While) -> list[ir.Assign | ir.AugAssign | ir.NamedExpr]:
        """Return what sets names, or items, in a loop's body."""
        known = self._setting.get(id(loop))
        if known is None:
            known = within(self._indexes, loop, ir.Assign, ir.AugAssign, ir.NamedExpr, into_functions=False)
            self._setting[id(loop)] = known
            self._keep.append(loop)
        return known

    def jumps(self, loop: ir.For | ir.While) -> list[ir.Jump]:
        """Return the jumps in a loop's body, those of loops in it too."""
        return within(self._indexes, loop, ir.Jump, into_functions=False)

    def _called(self, node: ir.Node) -> set[str]:
        """Return the last names of everything called in a loop or function, or below another node."""
        known = self._calls.get(id(node))
        if known is None:
            if isinstance(node, ir.For | ir.While | ir.FunctionDef):
                known = _called(within(self._indexes, node, ir.Call), self._modules)
            else:
                known = _called((one for one in walk(node) if type(one) is ir.Call), self._modules)
            self._calls[id(node)] = known
            self._keep.append(node)
        return known

    def _counts(self, node: ir.For | ir.While | ir.FunctionDef, called: set[str]) -> bool:
        """Return whether a loop or function counts something in a table."""
        return bool(called & COUNTING_CALLS) or any(
            isinstance(step.target, ir.Subscript) and not isinstance(step.target.index, ir.Const)
            for step in within(self._indexes, node, ir.AugAssign)
        )

    def yields(self, loop: ir.For | ir.While) -> bool:
        """Return whether a loop of a generator holds a ``yield``."""
        known = self._yields.get(id(loop))
        if known is None:
            known = any(n.kind != "await" for n in within(self._indexes, loop, ir.Yield, into_functions=False))
            self._yields[id(loop)] = known
            self._keep.append(loop)
        return known

    def passes(self, loop: ir.For | ir.While) -> bool:
        """Return whether a loop goes over tokens several times and counts them: inside it another loop does."""
        known = self._passes.get(id(loop))
        if known is None:
            inner = within(self._indexes, loop, ir.For, ir.While, into_functions=False)
            known = any(self._counts(each, self._called(each)) for each in inner)
            known = known or not self._called(loop).isdisjoint(self._counting)
            self._passes[id(loop)] = known
            self._keep.append(loop)
        return known

    def advanced(self, loop: ir.For | ir.While) -> frozenset[str]:
        """Return the names that a loop's body moves on from their own value (``pos += n``)."""
        known = self._advanced.get(id(loop))
        if known is None:
            names: set[str] = set()
            for node in self.setting(loop):
                if isinstance(node, ir.AugAssign):
                    if isinstance(node.target, ir.Name):
                        names.add(node.target.id)
                elif isinstance(node, ir.Assign) and len(node.targets) == 1:
                    target = node.targets[0]
                    if type(target) is ir.Name and self._goes_on(node, target.id):
                        names.add(target.id)
            known = frozenset(names)
            self._advanced[id(loop)] = known
            self._keep.append(loop)
        return known

    def _goes_on(self, assign: ir.Assign, name: str) -> bool:
        """Return whether an assignment gives ``name`` what is made from its own value, or another name's."""
        known = self._moves_on.get(id(assign))
        if known is None:
            value = assign.value
            known = value is not None and (
                type(value) is ir.Name or any(type(n) is ir.Name and n.id == name for n in walk(value))
            )
            self._moves_on[id(assign)] = known
            self._keep.append(assign)
        return known

    def latches(self, loop: ir.For | ir.While) -> dict[str, object]:
        """Return the names that a loop's body sets to one constant and to nothing else (``done = True``)."""
        known = self._latches.get(id(loop))
        if known is None:
            known = _latches(self.setting(loop))
            self._latches[id(loop)] = known
            self._keep.append(loop)
        return known

    def counts_own(self, method: ir.Node) -> bool:
        """Return whether a method counts in a table of its own object (``self.seen.index_put_(…)``)."""
        known = self._own_counts.get(id(method))
        if known is None:
            known = isinstance(method, ir.FunctionDef) and _counts_own(self._indexes, method)
            self._own_counts[id(method)] = known
            self._keep.append(method)
        return known

    def remembers(self, cls: ir.ClassDef) -> bool:
        """Return whether a class counts what it is told, in a method beside its forward and what sets it up."""
        return any(
            self.counts_own(method)
            for method in cls.body
            if isinstance(method, ir.FunctionDef) and method.name not in ("__init__", "forward", "__call__")
        )

    def counters(self, cls: ir.ClassDef) -> frozenset[str]:
        """Return the attributes of ``self`` that methods other than the constructor count up."""
        return frozenset(
            node.target.attr
            for receiver, node in _in_methods(self._indexes, cls)
            if isinstance(node, ir.AugAssign) and _attribute_of(node.target, receiver)
        )

    def cursors(self, cls: ir.ClassDef) -> frozenset[str]:
        """Return the attributes of ``self`` that methods other than the constructor advance."""
        names: set[str] = set()
        for receiver, node in _in_methods(self._indexes, cls):
            target = node.target if isinstance(node, ir.AugAssign) else None
            if target is None and isinstance(node, ir.Assign) and len(node.targets) == 1:
                target = node.targets[0]
            if target is not None and _attribute_of(target, receiver):
                names.add(target.attr)
        return frozenset(names)


def _counts_own(indexes: Sequence[Index], method: ir.FunctionDef) -> bool:
    if not method.params:
        return False
    own = method.params[0].name
    for call in within(indexes, method, ir.Call):
        func = call.func
        name = func.attr if isinstance(func, ir.Attr) else ""
        table = func.value if isinstance(func, ir.Attr) and name != "at" else call.args[0].value if call.args else None
        if name in COUNTING_CALLS and table is not None and _attribute_of(table, own):
            return True
    steps = within(indexes, method, ir.AugAssign)
    return any(isinstance(one.target, ir.Subscript) and _attribute_of(one.target.value, own) for one in steps)


def _in_methods(indexes: Sequence[Index], cls: ir.ClassDef) -> Iterator[tuple[str, ir.Assign | ir.AugAssign]]:
    """Yield what methods other than the constructor set, with the name of their first parameter (``self``)."""
    for method in cls.body:
        if isinstance(method, ir.FunctionDef) and method.name != "__init__" and method.params:
            for node in within(indexes, method, ir.Assign, ir.AugAssign):
                yield method.params[0].name, node


def _attribute_of(target: ir.Expr, receiver: str) -> TypeGuard[ir.Attr]:
    return isinstance(target, ir.Attr) and isinstance(target.value, ir.Name) and target.value.id == receiver


def _called(calls: Iterable[ir.Call], modules: frozenset[str]) -> set[str]:
    """Return the last names of everything called (names passed as arguments count too).

    A layer out of a list of layers (``self.blocks[i](x)``, of ``modules``) is called by no function's value.
    """
    out: set[str] = set()
    for node in calls:
        func = node.func
        if type(func) is ir.Attr:
            out.add(func.attr)
            if func.attr in ACCUMULATING and _of_self(func.value):
                out.add(_OWN_STATE)
        elif type(func) is ir.Name:
            out.add(func.id)
        elif not (isinstance(func, ir.Subscript) and called_as(func.value) in modules):
            out.add(_BY_VALUE)
        for arg in node.args:
            value = arg.value
            if type(value) is ir.Name:
                out.add(value.id)
    return out


def _module_lists(program: Program) -> frozenset[str]:
    """Return the names and attributes that a program sets to lists of modules, and to nothing else."""
    lists: set[str] = set()
    others: set[str] = set()
    for index in program.indexes:
        for assign in index.of(ir.Assign):
            made = assign.value.func if isinstance(assign.value, ir.Call) else None
            known = made is not None and called_as(made) in _MODULE_LISTS
            names = {called_as(target) for target in assign.targets}
            (lists if known else others).update(names)
    return frozenset(lists - others - {""})


def _as_values(program: Program) -> set[str]:
    """Return the names that a program puts into tables: items of displays, values that are stored under a key."""
    items: list[ir.Expr] = []
    for index in program.indexes:
        for display in index.of(ir.Sequence):
            items.extend(display.elts)
        for table in index.of(ir.DictDisplay):
            items.extend(table.values)
        for stored in index.of(ir.Assign):
            if stored.value is not None and any(isinstance(target, ir.Subscript) for target in stored.targets):
                items.append(stored.value)
    return {item.id for item in items if isinstance(item, ir.Name)}


def _of_self(node: ir.Expr) -> bool:
    """Return whether something is an attribute of ``self``, or what methods make of one (``self.x.mul_(…)``)."""
    while isinstance(node, ir.Call) and isinstance(node.func, ir.Attr):
        node = node.func.value
    return isinstance(node, ir.Attr) and isinstance(node.value, ir.Name) and node.value.id == "self"


def _callers(names: set[str], calls: dict[str, set[str]]) -> frozenset[str]:
    """Return ``names`` and the functions that call them, through others, too."""
    found = set(names)
    grew = True
    while grew:
        more = {name for name, called in calls.items() if name not in found and not called.isdisjoint(found)}
        grew = bool(more)
        found |= more
    return frozenset(found - {"train", "eval", "forward", "__init__", "get", "log", "log0", "main"} | names)


def _latches(setting: Iterable[ir.Assign | ir.AugAssign | ir.NamedExpr]) -> dict[str, object]:
    set_to: dict[str, list[ir.Expr | None]] = {}
    for node in setting:
        if isinstance(node, ir.Assign):
            for target in node.targets:
                names: set[str] = set()
                _targets(target, names)
                for name in names:
                    set_to.setdefault(name, []).append(node.value if isinstance(target, ir.Name) else None)
        else:
            names = set()
            _targets(node.target, names)
            for name in names:
                set_to.setdefault(name, []).append(None)
    out: dict[str, object] = {}
    for name, values in set_to.items():
        constants = [v.value for v in values if isinstance(v, ir.Const)]
        if len(constants) == len(values) and all(
            type(c) is type(constants[0]) and c == constants[0] for c in constants
        ):
            out[name] = constants[0]
    return out


def _targets(target: ir.Node, names: set[str]) -> None:
    if isinstance(target, ir.Name):
        names.add(target.id)
    elif isinstance(target, ir.Sequence | ir.Starred):
        for child in children(target):
            _targets(child, names)
