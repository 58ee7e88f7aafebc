"""Special methods of the program's own classes: what Python calls behind operators, subscripts, truth and text.

Python looks them up on the class, not on the instance, and so does :func:`find`. Where an object has none, the
functions return None and the caller goes on as for any other value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import arguments
from auditor.timeline.values.payloads import (
    SOME,
    Bound,
    Class,
    Either,
    Function,
    Heap,
    Known,
    Payload,
    PerSetting,
    Value,
)

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine

BINARY = {
    "+": "add", "-": "sub", "*": "mul", "/": "truediv", "//": "floordiv", "%": "mod", "**": "pow", "@": "matmul",
    "<<": "lshift", ">>": "rshift", "&": "and", "|": "or", "^": "xor",
}  # fmt: skip
UNARY = {"-": "__neg__", "+": "__pos__", "~": "__invert__"}
COMPARE = {
    "==": ("__eq__", "__eq__"), "!=": ("__ne__", "__ne__"), "<": ("__lt__", "__gt__"), ">": ("__gt__", "__lt__"),
    "<=": ("__le__", "__ge__"), ">=": ("__ge__", "__le__"),
}  # fmt: skip


def class_of(p: Payload) -> Class | None:
    """Return the program's own class (of a class: its metaclass) on which special methods are looked up."""
    if type(p) is Heap:
        return p.cls
    if type(p) is Class:
        return p.meta
    return None


def speaks(value: Value) -> bool:
    """Return whether ``value`` may be an object of a class of the program."""
    p = value.p
    kind = type(p)
    if kind is Heap or kind is Class:
        return class_of(p) is not None
    if kind is PerSetting:
        return any(speaks(Value(option)) for option in p.each)  # type: ignore[union-attr]
    if kind is Either:
        return any(class_of(option) is not None for option in p.options)  # type: ignore[union-attr]
    return False


def find(machine: Machine, p: Payload, name: str) -> Value | None:
    """Return the special method ``name`` of an object, bound to it; None when its class has none."""
    cls = class_of(p)
    found = cls.find(name) if cls is not None else None
    if found is None:
        return None
    if isinstance(found.p, Function) and machine.decorated.get(id(found.p.node)) != "staticmethod":
        return Value(Bound(found.p, Value(p)), found.m)
    return found


def send(machine: Machine, value: Value, name: str, given: list[Value], node: ir.Node) -> Value | None:
    """Call the special method ``name`` of ``value``; None when it has none."""
    if not speaks(value):
        return None
    p = value.p
    if isinstance(p, PerSetting | Either):
        if not any(find(machine, option, name) for option, _ in machine.alternatives(value)):
            return None

        def one(option: Value) -> Value:
            return _send(machine, option.p, name, given, node) or Value(SOME, value.m)

        return machine.per_option(value, one)
    return _send(machine, p, name, given, node)


def _send(machine: Machine, p: Payload, name: str, given: list[Value], node: ir.Node) -> Value | None:
    method = find(machine, p, name)
    if method is None:
        return None
    args = arguments.Args(tuple(given), node=node)
    if isinstance(method.p, Bound):
        # What Python calls itself is followed, also where calling the method by name would apply a model.
        return machine.invoke(method.p.func, method.p.receiver, args, node)
    return machine.call(method, args, node)


# ------------------------------------------------------------------ operators


def binary(machine: Machine, op: str, left: Value, right: Value, node: ir.Node) -> Value | None:
    """``left op right`` by ``__op__`` of the left operand, else by ``__rop__`` of the right one."""
    name = BINARY.get(op)
    if name is None:
        return None
    out = send(machine, left, f"__{name}__", [right], node)
    if out is None or _declined(out):
        reflected = send(machine, right, f"__r{name}__", [left], node)
        out = reflected if reflected is not None else out
    return out


def in_place(machine: Machine, op: str, old: Value, value: Value, node: ir.Node) -> Value | None:
    """``old op= value`` by ``__iop__``, else as ``old op value``."""
    name = BINARY.get(op)
    if name is None:
        return None
    out = send(machine, old, f"__i{name}__", [value], node)
    return binary(machine, op, old, value, node) if out is None or _declined(out) else out


def unary(machine: Machine, op: str, value: Value, node: ir.Node) -> Value | None:
    """``op value``."""
    name = UNARY.get(op)
    return None if name is None else send(machine, value, name, [], node)


def compare(machine: Machine, op: str, left: Value, right: Value, node: ir.Node) -> Value | None:
    """``left op right`` by ``__eq__``, ``__lt__``, ``__contains__`` and their like."""
    if op in ("in", "not in"):
        out = send(machine, right, "__contains__", [left], node)
        if out is None or op == "in":
            return out
        return machine.fold(lambda a: not a, out)
    names = COMPARE.get(op)
    if names is None:
        return None
    out = send(machine, left, names[0], [right], node)
    if out is None or _declined(out):
        reflected = send(machine, right, names[1], [left], node)
        out = reflected if reflected is not None else out
    if out is None and op == "!=":
        same = compare(machine, "==", left, right, node)
        return None if same is None else machine.fold(lambda a: not a, same)
    return out


def _declined(out: Value) -> bool:
    """Return whether a special method gave ``NotImplemented``."""
    return getattr(out.p, "name", "") == "NotImplemented"


# ------------------------------------------------------------------ truth, text


def condition(machine: Machine, value: Value, node: ir.Node) -> Value:
    """Return what ``value`` is in a condition: what ``__bool__`` or ``__len__`` gives, else itself."""
    if not speaks(value):
        return value
    out = send(machine, value, "__bool__", [], node)
    if out is None:
        out = send(machine, value, "__len__", [], node)
    return value if out is None else out


def text(machine: Machine, value: Value, node: ir.Node, *, formatted: bool = False) -> Value:
    """Return what ``value`` is as text: what ``__format__``, ``__str__`` or ``__repr__`` gives, else itself."""
    if not speaks(value):
        return value
    out = send(machine, value, "__format__", [Value(Known(""))], node) if formatted else None
    for name in ("__str__", "__repr__"):
        if out is None:
            out = send(machine, value, name, [], node)
    return value if out is None else Value(out.p, out.m | value.m)
