"""What a call is given, and what it calls, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, field

from auditor.program import ir
from auditor.timeline.engine import containers, parameters
from auditor.timeline.values.payloads import (
    HOLDING,
    External,
    Heap,
    Method,
    Value,
)

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine


class Args(Struct, frozen=True):
    """The arguments of one call. ``rest`` joins what came through ``*args`` or ``**kwargs`` of unknown length."""

    positional: tuple[Value, ...] = ()
    keywords: dict[str, Value] = field(default_factory=dict)
    rest: Value | None = None
    node: ir.Node | None = None
    nodes: tuple[ir.Expr, ...] = ()

    def get(self, index: int, name: str | None = None) -> Value | None:
        """Return an argument by keyword or position, or None."""
        if name is not None and name in self.keywords:
            return self.keywords[name]
        if 0 <= index < len(self.positional):
            return self.positional[index]
        return None

    def all(self) -> list[Value]:
        """Return every argument."""
        out = [*self.positional, *self.keywords.values()]
        if self.rest is not None:
            out.append(self.rest)
        return out

    def origins(self) -> int:
        """Return the origins of all arguments, containers opened."""
        out = 0
        for value in self.all():
            out |= containers.deep(value) if type(value.p) in HOLDING else value.m
        return out


def extra_heaps(args: Args) -> list[Heap]:
    """Return objects with parameters among the arguments (a LoRA handed to forward, say)."""
    kinds = ("instance", "external", "parameter", "list", "dict")
    return [h for v in args.all() for h in parameters.heaps_in(v.p) if h.kind in kinds]


def shown(machine: Machine, node: ir.Node) -> str:
    """Return a short quotation of a call's function."""
    text = machine.frame.scope.source.text
    if isinstance(node, ir.Call) and node.func.end > node.func.start:
        return " ".join(text[node.func.start : node.func.end].split())[:60]
    return " ".join(text[node.start : node.end].split("(", 1)[0].split())[:60]


def context_name(value: Value) -> str:
    """Return the last part of a library's name ("" where the value is not a library's)."""
    p = value.p
    return p.name.rpartition(".")[2] if isinstance(p, External | Heap) else ""


def callee_name(func: Value) -> str:
    """Return what a call outside the program calls: the last part of a library's name, or the method's name."""
    p = func.p
    kind = type(p)
    if kind is Method:
        return p.name  # type: ignore[union-attr]
    if kind is not External:
        return ""
    name: str = p.name  # type: ignore[union-attr]
    return "add.at" if name.endswith("add.at") else name[name.rfind(".") + 1 :]


def given_to(func: Value, args: Args) -> list[Value]:
    """Return the positional arguments of a call, a method's receiver first."""
    p = func.p
    return [p.receiver, *args.positional] if type(p) is Method else list(args.positional)
