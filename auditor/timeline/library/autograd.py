"""``torch.autograd.Function``: its own forward and backward."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import arguments, calling, containers, parameters
from auditor.timeline.values.payloads import NONE, SOME, Class, Function, Heap, Native, Tup, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine

HOOK = "autograd.Function"


def apply(machine: Machine, cls: Class, args: Args, node: ir.Node) -> Value:
    """``cls.apply(…)``: its forward runs now, its backward when something made from the result is differentiated."""
    forward, backward = cls.find("forward"), cls.find("backward")
    own = any(base.endswith("autograd.Function") for base in cls.external_bases())
    if not own or forward is None or backward is None or not isinstance(backward.p, Function):
        return Value(SOME, parameters.settle(machine, args.origins()))
    context = _context(machine)
    through = machine.atoms.bit("through", context)
    given = arguments.Args((Value(context), *args.positional), args.keywords, args.rest, args.node)
    out = calling.call(machine, forward, given, node)
    machine.signals.gradient_hooked(Value(context, through), HOOK, arguments.Args((backward,), node=node))
    return containers.tag(out if out.p is not None else Value(SOME, out.m), through)


def _context(machine: Machine) -> Heap:
    """Return the context that forward and backward share."""
    context = Heap("namespace", name=HOOK, made_at=machine.order)

    def save(args: Args, node: ir.Node) -> Value:
        context.attrs["saved_tensors"] = Value(Tup(args.positional))
        return NONE

    context.attrs["save_for_backward"] = Value(Native("save_for_backward", save))
    for name in ("mark_dirty", "mark_non_differentiable", "set_materialize_grads"):
        context.attrs[name] = Value(Native(name, lambda args, node: NONE))
    return context
