"""Operators that the program registers with PyTorch: ``torch.ops.namespace.name`` runs the program's own function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from auditor.program import ir
from auditor.timeline.engine import calling
from auditor.timeline.values.payloads import UNKNOWN, Function, Known, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine

_OPERATORS: Final = "torch.ops."


def registered(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``torch.library.custom_op("namespace::name", …)``, as a decorator of a function or with the function given."""
    functions = [value for value in args.all() if isinstance(value.p, Function)]
    if not functions:
        return UNKNOWN
    first = args.get(0) or UNKNOWN
    if isinstance(first.p, Function) and isinstance(node, ir.Call) and node.args:
        first = machine.eval(node.args[0].value)
    if isinstance(first.p, Known) and isinstance(first.p.v, str):
        machine.operators[first.p.v.partition("(")[0]] = functions[0]
    return functions[0]


def called(machine: Machine, name: str, args: Args, node: ir.Node) -> Value | None:
    """Follow a call of ``torch.ops.namespace.name``; None where the program registers no such operator."""
    if not name.startswith(_OPERATORS):
        return None
    namespace, _, operator = name.removeprefix(_OPERATORS).partition(".")
    function = machine.operators.get(f"{namespace}::{operator.partition('.')[0]}")
    return calling.call(machine, function, args, node) if function is not None else None
