"""The bounds of slices as sums of sizes, read from the statements that define them.

Only scripts that fit something of their own at evaluation need this (``trackers.slots.slots``), and only for
slices of predictions and masks, so bounds are looked up when asked for rather than carried by every number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct, field

from auditor.program import ir
from auditor.program.index import within
from auditor.program.walk import walk
from auditor.timeline.values.bounds import END, Form, number, size
from auditor.timeline.values.payloads import Heap, Known, PerSetting, at_setting

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine
    from auditor.timeline.values.frames import Frame, Site

MAX_DEPTH = 12
_MAKERS = frozenset({"zeros", "ones", "empty", "randn", "rand", "full", "normal"})
_SAME_NUMBER = frozenset({"int", "float", "round"})
_SAME_ITEMS_METHODS = frozenset({"to", "tolist", "cpu", "long", "int", "cuda"})
_SAME_ITEMS = _SAME_ITEMS_METHODS | {"list", "tuple", "tensor", "as_tensor"}


class Definitions(Struct):
    """What a function's own statements bind: by name, where, and to what (None: something that is not followed)."""

    bound: dict[str, list[tuple[int, ir.Expr | None]]] = field(default_factory=dict)
    items: dict[str, list[ir.Expr]] = field(default_factory=dict)  # what is appended to a list
    arms: list[tuple[int, int, int]] = field(default_factory=list)  # branches: the condition's start, from, to

    def alternatives(self, name: str, place: int) -> list[tuple[int, ir.Expr | None]]:
        """Return the bindings of ``name`` of which one holds at ``place``, the last first: branches may have others."""
        out: list[tuple[int, ir.Expr | None]] = []
        here = self._branch(place)
        for start, expr in reversed(self.bound.get(name, [])):
            there = self._branch(start)
            if start < place and all(here.get(test, arm) == arm for test, arm in there.items()):
                out.append((start, expr))
                if there.keys() <= here.keys():
                    break
        return out

    def _branch(self, place: int) -> dict[int, int]:
        """Return the branches that a place lies in: where each begins, by its condition."""
        return {test: start for test, start, end in self.arms if start <= place < end}


class Symbols:
    """Finds forms of bounds; keeps what it has read of each function."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._known: dict[int, Definitions] = {}
        self._open: set[int] = set()  # definitions that are being read
        self._keep: list[object] = []

    def bound(self, node: ir.Expr | None) -> Form | None:
        """Return the form of a slice's bound; None where there is none, or none that says anything."""
        if node is None or (isinstance(node, ir.Const) and not isinstance(node.value, int)):
            return None
        found = self._form(node, 0)
        if found is None:
            return None
        constant = found.constant
        if constant is not None and constant in (0, 1, -1):
            return None  # a shift between inputs and labels
        backwards = isinstance(node, ir.UnaryOp) and node.op == "-"
        return size(END).plus(found) if backwards or (constant is not None and constant < 0) else found

    def is_positions(self, node: ir.Expr) -> bool:
        """Return whether an expression is ``arange(…)``, perhaps reshaped, under a name or not."""
        for _ in range(MAX_DEPTH):
            if isinstance(node, ir.Subscript):
                node = node.value
            elif isinstance(node, ir.Call):
                name = _called(node)
                if name == "arange":
                    return True
                if not isinstance(node.func, ir.Attr):
                    return False
                node = node.func.value
            elif isinstance(node, ir.Name):
                found = self._definition(node)
                if found is None:
                    return False
                node = found
            else:
                return False
        return False

    def loop_of(self, name: ir.Name) -> Site | None:
        """Return the innermost loop around ``name`` that gives it its value, else the one that is followed now."""
        machine = self._machine
        func = machine.frame.func
        inside = within(machine.program.indexes, func.node, ir.For) if func is not None else []
        around = [loop for loop in inside if loop.start <= name.start < loop.end]
        own = [n for n in around if any(isinstance(part, ir.Name) and part.id == name.id for part in walk(n.target))]
        innermost = max(own, key=lambda loop: loop.start, default=None)
        followed = machine.loop_sites[-1] if machine.loop_sites else None
        return machine.site(innermost) if innermost is not None else followed

    def axes(self, node: ir.Node | None) -> list[ir.Expr]:
        """Return the sizes with which a tensor was made (``zeros(1, n)``), empty where they can't be seen."""
        for _ in range(MAX_DEPTH):
            if isinstance(node, ir.Name):
                node = self._definition(node)
            elif isinstance(node, ir.Call):
                if _called(node) in _MAKERS:
                    sizes = [arg.value for arg in node.args if arg.keyword is None and not arg.star]
                    if len(sizes) == 1 and isinstance(sizes[0], ir.Sequence):
                        sizes = list(sizes[0].elts)
                    return sizes
                node = node.func.value if isinstance(node.func, ir.Attr) else None
            else:
                break
        return []

    # ------------------------------------------------------------------ forms

    def _form(self, node: ir.Expr, depth: int) -> Form | None:
        if depth > MAX_DEPTH:
            return None
        if isinstance(node, ir.Const):
            return number(node.value) if isinstance(node.value, int) and not isinstance(node.value, bool) else None
        if isinstance(node, ir.Name):
            return self._name(node, depth)
        if isinstance(node, ir.BinOp):
            return self._binop(node, depth)
        if isinstance(node, ir.UnaryOp) and node.op == "-":
            inner = self._form(node.operand, depth + 1)
            return None if inner is None else inner.scaled(-1)
        if isinstance(node, ir.IfExp):
            return self._largest([node.body, node.orelse], depth)
        if isinstance(node, ir.Call):
            name = _called(node)
            if name in ("min", "max", "maximum", "minimum", "clamp", "clip") and node.args:
                operands = [arg.value for arg in node.args]
                if isinstance(node.func, ir.Attr) and name in ("clamp", "clip"):
                    operands.insert(0, node.func.value)
                return self._largest(operands, depth)
            if name in _SAME_NUMBER and len(node.args) == 1:
                return self._form(node.args[0].value, depth + 1)
            if name == "item" and isinstance(node.func, ir.Attr):
                return self._form(node.func.value, depth + 1)
            return self._opaque(node)
        if isinstance(node, ir.Subscript):
            item = self._item(node.value, depth)
            return self._opaque(node.value) if item is None else item
        if isinstance(node, ir.Attr):
            value = self._number(node)
            return value if value is not None else self._opaque(node)
        return self._opaque(node)

    def _binop(self, node: ir.BinOp, depth: int) -> Form | None:
        left, right = self._form(node.left, depth + 1), self._form(node.right, depth + 1)
        if left is None or right is None:
            return self._opaque(node)
        if node.op in ("+", "-"):
            return left.plus(right, 1 if node.op == "+" else -1)
        a, b = left.constant, right.constant
        if node.op == "*" and (a is not None or b is not None):
            return right.scaled(a) if a is not None else left.scaled(b or 0)
        if node.op == "//" and a is not None and b:
            return number(a // b)
        return self._opaque(node)

    def _largest(self, operands: list[ir.Expr], depth: int) -> Form | None:
        """Return the operand that an interior window takes: the one with most sizes in it."""
        forms = [form for form in (self._form(o, depth + 1) for o in operands) if form is not None]
        return max(forms, key=lambda form: (len(form.terms), abs(form.constant or 0)), default=None)

    def _name(self, node: ir.Name, depth: int) -> Form | None:
        scope = self._scope(node.id)
        several = scope.alternatives(node.id, node.start) if scope is not None else []
        if len(several) > 1:
            return self._one_of(node, several, depth)
        found = self._definition(node)
        if found is not None:
            if isinstance(found, _Item):
                item = self._item(found.of, depth + 1)
                return item if item is not None else size(node.id)
            if id(found) in self._open:
                return size(node.id)
            self._open.add(id(found))
            form = self._form(found, depth + 1)
            self._open.discard(id(found))
            if form is not None and (len(form.terms) != 1 or form.constant is not None):
                return form
            value = self._number(node) if not isinstance(found, ir.Subscript) else None
            return value or form or size(node.id)
        if self._scope(node.id) is None:
            value = self._number(node)
            if value is not None:
                return value
        return size(node.id)

    def _one_of(self, node: ir.Name, several: list[tuple[int, ir.Expr | None]], depth: int) -> Form:
        """Return the form of a name that branches bind differently.

        Zero is what the first window takes. Others are one size, named by where it was last bound.
        """
        forms: set[Form | None] = set()
        for _, found in several:
            if found is None or isinstance(found, _Item) or id(found) in self._open:
                forms.add(None)
                continue
            self._open.add(id(found))
            forms.add(self._form(found, depth + 1))
            self._open.discard(id(found))
        rest = forms - {number(0)}
        only = rest.pop() if len(rest) == 1 else None
        return only or self._number(node) or size(f"{node.id}@{several[0][0]}")

    def _item(self, node: ir.Expr, depth: int) -> Form | None:
        """Return the form of what a list of numbers holds."""
        while isinstance(node, ir.Call) and _called(node) in _SAME_ITEMS:
            if isinstance(node.func, ir.Attr) and _called(node) in _SAME_ITEMS_METHODS:
                node = node.func.value
            elif node.args:
                node = node.args[0].value
            else:
                return None
        if isinstance(node, ir.Comprehension):
            return self._form(node.elt, depth + 1)
        if not isinstance(node, ir.Name) or depth > MAX_DEPTH:
            return None
        scope = self._scope(node.id)
        if scope is None:
            return None
        for item in scope.items.get(node.id, ()):
            return self._form(item, depth + 1)
        found = self._definition(node)
        if isinstance(found, ir.Comprehension | ir.Call | ir.Name) and found is not node:
            return self._item(found, depth + 1)
        return None

    def _opaque(self, node: ir.Expr) -> Form:
        text = self._machine.frame.scope.source.text[node.start : node.end]
        return size("".join(text.split()))

    def _number(self, node: ir.Name | ir.Attr) -> Form | None:
        """Return the constant that a parameter or an option has at the defaults, if it has one."""
        machine = self._machine
        if isinstance(node, ir.Name):
            value = machine.lookup(node.id)
        else:
            base = machine.lookup(node.value.id) if isinstance(node.value, ir.Name) else None
            if base is None or not isinstance(base.p, Heap):
                return None
            value = base.p.attrs.get(node.attr)
            if value is None and base.p.cls is not None:
                value = base.p.cls.find(node.attr)
        if value is None or not isinstance(value.p, Known | PerSetting):
            return None
        payload = at_setting(value.p, 1 if machine.count > 1 else 0)
        if isinstance(payload, Known) and type(payload.v) is int:
            return number(payload.v)
        return None

    # ------------------------------------------------------------------ definitions

    def _definition(self, node: ir.Name) -> ir.Expr | None:
        """Return what ``node`` was last bound to before its place (or is bound to later, around a loop)."""
        scope = self._scope(node.id)
        if scope is None:
            return None
        bound = scope.bound[node.id]
        before = [expr for start, expr in bound if start < node.start]
        return before[-1] if before else bound[-1][1]

    def _scope(self, name: str) -> Definitions | None:
        """Return the definitions of the nearest function around the current place that binds ``name``."""
        machine = self._machine
        frame: Frame | None = machine.frame
        while frame is not None:
            func = frame.func
            found = None
            if func is not None and isinstance(func.node, ir.FunctionDef):
                found = self._read(func.node, func.node.body)
            elif func is None and frame.parent is None:
                unit = machine.program.units.get(frame.scope.source.path)
                body = unit.module.body if unit is not None and unit.module is not None else ()
                found = self._read(frame.scope, body)
            if found is not None and name in found.bound:
                return found
            if name in frame.names and func is not None:
                return None  # a parameter
            frame = frame.parent
        return None

    def _read(self, owner: object, body: tuple[ir.Stmt, ...]) -> Definitions:
        known = self._known.get(id(owner))
        if known is None:
            known = read(body)
            self._known[id(owner)] = known
            self._keep.append(owner)
        return known


class _Item(ir.Starred, frozen=True, gc=False):
    """Stands for an item of ``value``."""

    @property
    def of(self) -> ir.Expr:
        """Return the container."""
        return self.value


_BINDS = frozenset({ir.Assign, ir.AugAssign, ir.If, ir.For, ir.Call})


def read(body: tuple[ir.Stmt, ...]) -> Definitions:
    """Return what the statements of a function bind, nested functions left out."""
    out = Definitions()
    for node in walk(*body, into_functions=False):
        if type(node) not in _BINDS:
            continue
        if isinstance(node, ir.Assign) and node.value is not None:
            for target in node.targets:
                _bind(out, target, node.value, node.start)
        elif isinstance(node, ir.AugAssign) and isinstance(node.target, ir.Name):
            out.bound.setdefault(node.target.id, []).append((node.start, None))
        elif isinstance(node, ir.If):
            for arm in (node.body, node.orelse):
                if arm:
                    out.arms.append((node.start, arm[0].start, arm[-1].end))
        elif isinstance(node, ir.For):
            for name, container in _loop_items(node.target, node.iter):
                item = None if container is None else _Item(container.start, container.end, container)
                out.bound.setdefault(name, []).append((node.start, item))
        elif isinstance(node, ir.Call) and _called(node) == "append" and len(node.args) == 1:
            name = _receiver(node)
            out.items.setdefault(name, []).append(node.args[0].value)
    for places in out.bound.values():
        places.sort(key=lambda place: place[0])
    return out


def _bind(out: Definitions, target: ir.Expr, value: ir.Expr, start: int) -> None:
    if isinstance(target, ir.Name):
        out.bound.setdefault(target.id, []).append((start, value))
    elif isinstance(target, ir.Sequence):
        exact = _items(value, len(target.elts))
        for position, elt in enumerate(target.elts):
            if exact is not None:
                _bind(out, elt, exact[position], start)
            elif isinstance(elt, ir.Name):
                out.bound.setdefault(elt.id, []).append((start, None))


def _items(value: ir.Expr, count: int) -> Sequence[ir.Expr] | None:
    """Return the ``count`` items of a tuple that is written out, also one that a conditional expression chooses."""
    if isinstance(value, ir.Sequence):
        return value.elts if len(value.elts) == count else None
    if not isinstance(value, ir.IfExp):
        return None
    body, orelse = _items(value.body, count), _items(value.orelse, count)
    if body is None or orelse is None:
        return None
    return [msgspec.structs.replace(value, body=one, orelse=other) for one, other in zip(body, orelse, strict=True)]


def _loop_items(target: ir.Expr, iterable: ir.Expr) -> Iterator[tuple[str, ir.Expr | None]]:
    """Yield the names that a loop binds, each with the list whose items it gets (None: something else)."""
    name = _called(iterable) if isinstance(iterable, ir.Call) else ""
    if isinstance(target, ir.Name):
        yield target.id, iterable if isinstance(iterable, ir.Name) else None
    elif isinstance(target, ir.Sequence):
        parts: list[ir.Expr | None] = [None] * len(target.elts)
        if isinstance(iterable, ir.Call) and name == "enumerate" and len(parts) == 2 and iterable.args:
            parts = [None, iterable.args[0].value]
        elif isinstance(iterable, ir.Call) and name == "zip" and len(iterable.args) == len(parts):
            parts = [arg.value for arg in iterable.args]
        for elt, part in zip(target.elts, parts, strict=True):
            if part is not None:
                yield from _loop_items(elt, part)
            elif isinstance(elt, ir.Name):
                yield elt.id, None


def _called(node: ir.Call) -> str:
    if isinstance(node.func, ir.Attr):
        return node.func.attr
    return node.func.id if isinstance(node.func, ir.Name) else ""


def _receiver(node: ir.Call) -> str:
    """Return the name whose method is called, "" where it is called on something else."""
    return node.func.value.id if isinstance(node.func, ir.Attr) and isinstance(node.func.value, ir.Name) else ""
