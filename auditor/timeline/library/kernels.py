"""Kernels in Python (Triton): ``kernel[grid](…)`` runs on memory, and fills the arrays that it stores into.

Its inside is arithmetic on addresses and is not followed: what is stored is made from everything that it is given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from auditor.program import ir
from auditor.program.walk import walk
from auditor.timeline.engine import parameters, stores
from auditor.timeline.values.payloads import NONE, Function, Native, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine

_STORING: Final = frozenset(
    {"store", "atomic_add", "atomic_max", "atomic_min", "atomic_xchg", "atomic_cas", "atomic_or", "atomic_and"}
)


def launcher(machine: Machine, function: Function) -> Value:
    """Return what ``kernel[grid]`` is: something to be called with the kernel's arguments."""

    def run(args: Args, node: ir.Node) -> Value:
        origins = parameters.settle(machine, args.origins())
        for where in _filled(function, args):
            stores.update_in_place(machine, where, machine.eval(where), Value(None, origins))
        return NONE

    return Value(Native("kernel", run))


def _filled(function: Function, args: Args) -> list[ir.Expr]:
    """Return the arguments whose memory the kernel stores into."""
    stored = {
        name.id
        for call in walk(function.node)
        if isinstance(call, ir.Call) and isinstance(call.func, ir.Attr) and call.func.attr in _STORING and call.args
        for name in walk(_followed(function, call.args[0].value))
        if isinstance(name, ir.Name)
    }
    places = [param.name for param in function.node.params]
    given = dict(zip(places, args.nodes, strict=False))
    if isinstance(args.node, ir.Call):
        given |= {arg.keyword: arg.value for arg in args.node.args if arg.keyword is not None}
    return [node for name, node in given.items() if name in stored and isinstance(node, ir.Name | ir.Attr)]


def _followed(function: Function, address: ir.Expr) -> ir.Expr:
    """Return an address as it was first computed: ``start = out + row * n`` for one that ``start`` stands in."""
    if not isinstance(address, ir.Name) or any(param.name == address.id for param in function.node.params):
        return address
    for node in walk(function.node):
        targets = node.targets if isinstance(node, ir.Assign) and node.value is not None else ()
        if any(isinstance(target, ir.Name) and target.id == address.id for target in targets):
            assert isinstance(node, ir.Assign) and node.value is not None
            return node.value
    return address
