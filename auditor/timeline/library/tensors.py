"""Tensors, parameters, gradients and optimizers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import arguments, calling, containers, models, parameters, stores
from auditor.timeline.engine.relevance import ACCUMULATING
from auditor.timeline.library.names import RESET_METHODS
from auditor.timeline.values.atoms import RANDOM, TRAIN, VAL
from auditor.timeline.values.payloads import (
    NONE,
    SOME,
    UNKNOWN,
    Bound,
    Class,
    Function,
    Heap,
    Known,
    Method,
    Native,
    Tup,
    Value,
)

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine


def fresh_tensor(machine: Machine, name: str, args: Args, node: ir.Node) -> Value:
    """Make a tensor; with ``requires_grad=True`` it is a parameter."""
    origins = 0
    last = name.rpartition(".")[2]
    if last in ("tensor", "full") or last.endswith("_like"):
        origins = args.origins() if last in ("tensor", "full") else 0
    if "rand" in last:
        origins |= RANDOM
    flag = args.keywords.get("requires_grad")
    if flag is not None and isinstance(flag.p, Known) and flag.p.v is True:
        heap = Heap("parameter", name=arguments.shown(machine, node), made_at=machine.order)
        machine.signals.parameter_made(heap, node)
        return Value(heap, parameters.param(machine, heap) | origins)
    return Value(SOME, parameters.settle(machine, origins))


def make_parameter(machine: Machine, args: Args) -> Value:
    """Make an ``nn.Parameter``."""
    heap = Heap("parameter", name="Parameter", made_at=machine.order)
    first = args.get(0)
    origins = parameters.settle(machine, first.m) if first is not None else 0
    for number in machine.atoms.meanings(origins, "adapted"):
        if isinstance(number, int):
            heap.adapted[number] = machine.live
    if args.node is not None:
        machine.signals.parameter_filled(heap, origins, args.node)
    machine.signals.parameter_made(heap, args.nodes[0] if args.nodes else None)
    return Value(heap, parameters.param(machine, heap))


def backward(machine: Machine, origins: int, node: ir.Node) -> None:
    """``loss.backward()``: the gradient is left for the next step, and hooks see it."""
    gradient = machine.signals.differentiated(origins, node)
    machine.signals.gradient_left(gradient)
    machine.signals.gradient_taken(gradient, node)


def gradient_of(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``torch.autograd.grad(loss, params)``: gradients as values."""
    loss = args.get(0, "outputs") or UNKNOWN
    bit = machine.signals.differentiated(containers.deep(loss), node)
    item = Value(SOME, bit)
    return containers.new_list(machine, None, item)


def grad_function(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``value_and_grad(model, fn)``: a function that gives the loss and its gradients."""
    functions = [v for v in args.positional if isinstance(v.p, Function | Bound | Native | Class | Method)]
    func = functions[-1] if functions else (args.get(0) or UNKNOWN)
    single = "value" not in arguments.shown(machine, node)

    def run(more: arguments.Args, at: ir.Node) -> Value:
        loss = calling.call(machine, func, more, at)
        gradient = Value(SOME, machine.signals.differentiated(containers.deep(loss), at))
        return gradient if single else Value(Tup((loss, gradient)), loss.m | gradient.m)

    return Value(Native("value_and_grad", run))


def number_tensor(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``torch.arange(…)``: numbers made from its bounds, not from tokens."""
    return Value(SOME, args.origins() & ~(VAL | TRAIN))


def in_place(machine: Machine, name: str, receiver: Value, args: Args, node: ir.Node, where: ir.Expr | None) -> Value:
    """Call an in-place tensor method (``add_``, ``copy_`` …) or ``init`` function."""
    origins = args.origins()
    if isinstance(where, ir.Attr) and where.attr == "grad":
        machine.signals.gradient_given(origins)
    if receiver.m & machine.params:
        replace = name in RESET_METHODS
        rest = 0
        for value in args.all():
            if value is not receiver:
                rest |= containers.deep(value)
        machine.signals.parameters_written(receiver, Value(None, rest), node, replace=replace)
        return receiver
    if where is not None and not isinstance(where, ir.Call):
        if name in ("zero_", "fill_", "copy_") and isinstance(where, ir.Name | ir.Subscript | ir.Attr):
            cleared = Value(receiver.p, receiver.m & (VAL | TRAIN if not machine.weak else receiver.m))
            if name == "zero_" and not machine.weak and machine.live == machine.all:
                cleared = Value(receiver.p, 0)
            if isinstance(where, ir.Name):
                stores.write_into(machine, where.id, receiver, cleared)
                receiver = cleared
            elif isinstance(where, ir.Attr) and not machine.weak and machine.live == machine.all:
                receiver = Value(receiver.p)
                machine.store_attr(machine.eval(where.value), where.attr, receiver, where)
        kept = machine.signals.filled(where, name, args)
        if name in ACCUMULATING and isinstance(where, ir.Attr):
            kept |= _moved(machine, where, origins, node)
        stores.update_in_place(machine, where, receiver, Value(None, origins | kept))
    elif isinstance(where, ir.Call) and isinstance(where.func, ir.Attr):
        if name in ACCUMULATING and isinstance(where.func.value, ir.Attr):
            origins |= _moved(machine, where.func.value, origins, node)
        stores.update_in_place(machine, where, receiver, Value(None, origins))
    return Value(receiver.p, receiver.m | parameters.settle(machine, origins))


def _moved(machine: Machine, where: ir.Attr, origins: int, node: ir.Node) -> int:
    """Return the origins that an attribute takes up when something is accumulated in it."""
    owner = machine.eval(where.value).p
    if not isinstance(owner, Heap) or not models.is_module(owner):
        return 0
    return machine.signals.state_moved(owner, where.attr, origins, node)


def optimizer_method(machine: Machine, receiver: Value, name: str, args: Args, node: ir.Node) -> Value | None:
    """Call a method of an optimizer; None when it is not one of an optimizer."""
    p = receiver.p
    if name == "step":
        origins = containers.deep(receiver) | args.origins()
        closure = args.get(0)
        if closure is not None and isinstance(closure.p, Function | Bound):
            calling.call(machine, closure, arguments.Args(node=node), node)
        if not isinstance(p, Heap) and closure is not None and closure.p is not None:
            origins |= containers.deep(closure)
        if isinstance(p, Heap) and p.kind != "optimizer" and closure is not None and isinstance(closure.p, Heap):
            origins |= closure.p.origins
        if origins & machine.params or (isinstance(p, Heap) and p.kind == "optimizer"):
            machine.signals.stepped(origins, node)
        return NONE
    if name == "zero_grad":
        machine.signals.gradients_cleared()
        return NONE
    if name == "update" and args.positional and isinstance(p, Heap):
        gradient = args.get(1)
        if gradient is not None and gradient.m & machine.atoms.family("gradient"):
            model = args.positional[0]
            if isinstance(model.p, Heap):
                bits = parameters.param(machine, model.p)
                machine.signals.parameters_written(Value(model.p, bits), gradient, node)
        return NONE
    if name == "load_state_dict":
        return NONE
    if name == "add_param_group":
        if isinstance(p, Heap):
            p.origins |= args.origins()
        return NONE
    if isinstance(p, Heap) and name in ("state_dict", "state", "param_groups"):
        return Value(SOME, 0)
    return None
