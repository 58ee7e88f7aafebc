"""Averaged models: copies that follow another model's parameters (SWA, EMA)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import containers, parameters
from auditor.timeline.library import modes, objects
from auditor.timeline.values.atoms import VAL
from auditor.timeline.values.payloads import FALSE, NONE, TRUE, UNKNOWN, Heap, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine

FOLLOWS = frozenset({"update_parameters", "ema_update", "update_ema"})


def make(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``AveragedModel(model)``: a copy of the model, under ``module``."""
    model = args.get(0, "model") or UNKNOWN
    copy = objects.clone(machine, model, {})
    heap = Heap("external", name="torch.optim.swa_utils.AveragedModel", attrs={"module": copy}, made_at=machine.order)
    return Value(heap)


def follow(machine: Machine, average: Heap, args: Args, node: ir.Node) -> Value:
    """``average.update_parameters(model)``: what the model learned until now is in the average."""
    origins = 0
    for value in args.all():
        origins |= containers.deep(value)
        for heap in parameters.heaps_in(value.p):
            origins |= parameters.param(machine, heap)
    live = Value(average, parameters.param(machine, average))
    machine.signals.parameters_written(live, Value(None, origins), node)
    return NONE


def statistics(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``update_bn(loader, model)``: running statistics are set from the loader's tokens."""
    model = args.get(1, "model") or UNKNOWN
    loader = args.get(0, "loader") or UNKNOWN
    for heap in parameters.heaps_in(model.p):
        machine.signals.parameter_filled(heap, containers.deep(loader), node)
    return NONE


def watched(machine: Machine, module: Heap, args: Args) -> None:
    """``norm(x)`` in training mode: the running statistics of a batch norm are those of ``x``, too."""
    if module.kind == "instance":
        _inside(machine, module, args)
        return
    if module.kind != "external" or "BatchNorm" not in module.name:
        return
    mode = modes.mode_of(machine, module)
    if mode is None or mode.p is not FALSE.p:
        module.origins |= parameters.settle(machine, args.origins())
        machine.heap_version += 1


def _inside(machine: Machine, model: Heap, args: Args) -> None:
    """Let the batch norms in a model of the program's own, in training mode, take up validation tokens."""
    norms = [each for each in parameters.reach(machine, model) if each.kind == "external" and "BatchNorm" in each.name]
    mode = modes.mode_of(machine, model) if norms and args.origins() & VAL and args.node is not None else None
    if mode is None or mode.p is not TRUE.p:
        return
    for norm in norms:
        assert args.node is not None
        machine.signals.parameter_filled(norm, args.origins(), args.node)


def from_vector(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``vector_to_parameters(vector, parameters)``."""
    vector, parameters = args.get(0, "vec") or UNKNOWN, args.get(1, "parameters") or UNKNOWN
    live = Value(None, containers.deep(parameters))
    machine.signals.parameters_written(live, Value(None, containers.deep(vector)), node, replace=True)
    return NONE


def swapped(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``swap_tensors(a, b)``: each is what the other was."""
    one, other = args.get(0) or UNKNOWN, args.get(1) or UNKNOWN
    before = parameters.settle(machine, containers.deep(one)), parameters.settle(machine, containers.deep(other))
    machine.signals.parameters_written(one, Value(None, before[1]), node, replace=True)
    machine.signals.parameters_written(other, Value(None, before[0]), node, replace=True)
    return NONE
