"""Which loops and functions may adapt parameters: found once, by name, before anything is followed.

Over-approximate on purpose: a loop that is said to adapt and doesn't costs time, the reverse costs a finding.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeGuard

from auditor.program import ir
from auditor.program.model import Program
from auditor.program.walk import children, walk

_OWN_STATE = "self.x += …"  # in place, on an attribute of one's own
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
        self._latches: dict[int, dict[str, object]] = {}
        self._keep: list[ir.Node] = []  # keeps ids valid
        calls: dict[str, set[str]] = {}
        direct: set[str] = set()
        counting: set[str] = set()
        counted: set[str] = set()
        imported: set[str] = set()
        stateful: set[int] = set()
        for unit in program.units.values():
            if unit.module is None:
                continue
            for top in unit.module.body:
                own = not isinstance(top, ir.ClassDef)
                for node in walk(top):
                    if isinstance(node, ir.FunctionDef):
                        called = _called(node.body)
                        calls.setdefault(node.name, set()).update(called)
                        if called & ADAPTING_CALLS - {_OWN_STATE} or (
                            _OWN_STATE in called and node.name not in _COMMON
                        ):
                            direct.add(node.name)
                        if _OWN_STATE in called and node.name == "forward":
                            stateful.add(id(node))
                        if _counts(node.body, called):
                            counting.add(node.name)
                    elif own and isinstance(node, ir.AugAssign) and isinstance(node.target, ir.Attr):
                        counted.add(node.target.attr)
                    elif isinstance(node, ir.Import):
                        imported.update(dotted for dotted, _ in node.names)
                    elif isinstance(node, ir.ImportFrom) and not node.level:
                        imported.add(node.module)
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
            body = node.body if isinstance(node, ir.For | ir.While | ir.FunctionDef) else (node,)
            called = _called(body)  # type: ignore[arg-type]
            known = bool(called & ADAPTING_CALLS) or not called.isdisjoint(self._adapting)
            self._by_node[id(node)] = known
            self._keep.append(node)
        return known

    def yields(self, loop: ir.For | ir.While) -> bool:
        """Return whether a loop of a generator holds a ``yield``."""
        known = self._yields.get(id(loop))
        if known is None:
            known = any(isinstance(n, ir.Yield) and n.kind != "await" for n in walk(*loop.body, into_functions=False))
            self._yields[id(loop)] = known
            self._keep.append(loop)
        return known

    def passes(self, loop: ir.For | ir.While) -> bool:
        """Return whether a loop goes over tokens several times and counts them: inside it another loop does."""
        known = self._passes.get(id(loop))
        if known is None:
            inner = [n for n in walk(*loop.body, into_functions=False) if isinstance(n, ir.For | ir.While)]
            known = any(_counts(each.body, _called(each.body)) for each in inner)
            known = known or not _called(loop.body).isdisjoint(self._counting)
            self._passes[id(loop)] = known
            self._keep.append(loop)
        return known

    def advanced(self, loop: ir.For | ir.While) -> frozenset[str]:
        """Return the names that a loop's body moves on from their own value (``pos += n``)."""
        known = self._advanced.get(id(loop))
        if known is None:
            names: set[str] = set()
            for node in walk(*loop.body, into_functions=False):
                if isinstance(node, ir.AugAssign) and isinstance(node.target, ir.Name):
                    names.add(node.target.id)
                elif isinstance(node, ir.Assign) and node.value is not None and len(node.targets) == 1:
                    target = node.targets[0]
                    if isinstance(target, ir.Name) and (
                        any(isinstance(n, ir.Name) and n.id == target.id for n in walk(node.value))
                        or isinstance(node.value, ir.Name)
                    ):
                        names.add(target.id)
            known = frozenset(names)
            self._advanced[id(loop)] = known
            self._keep.append(loop)
        return known

    def latches(self, loop: ir.For | ir.While) -> dict[str, object]:
        """Return the names that a loop's body sets to one constant and to nothing else (``done = True``)."""
        known = self._latches.get(id(loop))
        if known is None:
            known = _latches(loop)
            self._latches[id(loop)] = known
            self._keep.append(loop)
        return known

    def counters(self, cls: ir.ClassDef) -> frozenset[str]:
        """Return the attributes of ``self`` that methods other than the constructor count up."""
        return frozenset(
            node.target.attr
            for receiver, node in _in_methods(cls)
            if isinstance(node, ir.AugAssign) and _attribute_of(node.target, receiver)
        )

    def cursors(self, cls: ir.ClassDef) -> frozenset[str]:
        """Return the attributes of ``self`` that methods other than the constructor advance."""
        names: set[str] = set()
        for receiver, node in _in_methods(cls):
            target = node.target if isinstance(node, ir.AugAssign) else None
            if target is None and isinstance(node, ir.Assign) and len(node.targets) == 1:
                target = node.targets[0]
            if target is not None and _attribute_of(target, receiver):
                names.add(target.attr)
        return frozenset(names)


def _in_methods(cls: ir.ClassDef) -> Iterator[tuple[str, ir.Node]]:
    """Yield what methods other than the constructor hold, with the name of their first parameter (``self``)."""
    for method in cls.body:
        if isinstance(method, ir.FunctionDef) and method.name != "__init__" and method.params:
            for node in walk(*method.body):
                yield method.params[0].name, node


def _attribute_of(target: ir.Expr, receiver: str) -> TypeGuard[ir.Attr]:
    return isinstance(target, ir.Attr) and isinstance(target.value, ir.Name) and target.value.id == receiver


def _called(body: tuple[ir.Stmt, ...]) -> set[str]:
    """Return the last names of everything called in ``body`` (names passed as arguments count too)."""
    out: set[str] = set()
    for node in walk(*body):
        if isinstance(node, ir.Call):
            if isinstance(node.func, ir.Attr):
                out.add(node.func.attr)
                if node.func.attr in ACCUMULATING and _of_self(node.func.value):
                    out.add(_OWN_STATE)
            elif isinstance(node.func, ir.Name):
                out.add(node.func.id)
            for arg in node.args:
                if isinstance(arg.value, ir.Name):
                    out.add(arg.value.id)
    return out


def _of_self(node: ir.Expr) -> bool:
    """Return whether something is an attribute of ``self``, or what methods make of one (``self.x.mul_(…)``)."""
    while isinstance(node, ir.Call) and isinstance(node.func, ir.Attr):
        node = node.func.value
    return isinstance(node, ir.Attr) and isinstance(node.value, ir.Name) and node.value.id == "self"


def _counts(body: tuple[ir.Stmt, ...], called: set[str]) -> bool:
    """Return whether statements count something in a table."""
    if called & COUNTING_CALLS:
        return True
    return any(
        isinstance(node, ir.AugAssign)
        and isinstance(node.target, ir.Subscript)
        and not isinstance(node.target.index, ir.Const)
        for node in walk(*body)
    )


def _callers(names: set[str], calls: dict[str, set[str]]) -> frozenset[str]:
    """Return ``names`` and the functions that call them, through others, too."""
    found = set(names)
    grew = True
    while grew:
        more = {name for name, called in calls.items() if name not in found and not called.isdisjoint(found)}
        grew = bool(more)
        found |= more
    return frozenset(found - {"train", "eval", "forward", "__init__", "get", "log", "log0", "main"} | names)


def _latches(loop: ir.For | ir.While) -> dict[str, object]:
    set_to: dict[str, list[ir.Expr | None]] = {}
    for node in walk(*loop.body, into_functions=False):
        if isinstance(node, ir.Assign):
            for target in node.targets:
                names: set[str] = set()
                _targets(target, names)
                for name in names:
                    set_to.setdefault(name, []).append(node.value if isinstance(target, ir.Name) else None)
        elif isinstance(node, ir.AugAssign | ir.NamedExpr):
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


_ASSIGNED: dict[int, tuple[ir.Node, frozenset[str]]] = {}


def assigned_names(loop: ir.For | ir.While) -> frozenset[str]:
    """Return the local names that a loop's body assigns."""
    known = _ASSIGNED.get(id(loop))
    if known is not None and known[0] is loop:
        return known[1]
    names: set[str] = set()
    for node in walk(*loop.body, into_functions=False):
        if isinstance(node, ir.Assign):
            for target in node.targets:
                _targets(target, names)
        elif isinstance(node, ir.AugAssign | ir.NamedExpr):
            _targets(node.target, names)
    out = frozenset(names)
    if len(_ASSIGNED) > 4096:
        _ASSIGNED.clear()
    _ASSIGNED[id(loop)] = (loop, out)
    return out


def _targets(target: ir.Node, names: set[str]) -> None:
    if isinstance(target, ir.Name):
        names.add(target.id)
    elif isinstance(target, ir.Sequence | ir.Starred):
        for child in children(target):
            _targets(child, names)
