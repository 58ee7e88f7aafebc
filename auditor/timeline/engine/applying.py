"""Models that are applied to data, and calls of what could not be told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import containers, insides, parameters, recording
from auditor.timeline.engine.arguments import Args, extra_heaps, shown
from auditor.timeline.values.atoms import TRAIN, VAL
from auditor.timeline.values.payloads import (
    SOME,
    Function,
    Heap,
    Value,
)

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine


def opaque(machine: Machine, heap: Heap | None, func: Value, args: Args, node: ir.Node) -> Value:
    """Call something that can't be followed: its result is made from its arguments."""
    origins = args.origins() | func.m
    if heap is not None:
        origins |= heap.origins
    if origins & VAL and (heap is not None or func.m & machine.params or func.m & machine.atoms.family("adapted")):
        return apply(machine, heap, origins, shown(machine, node), node, extra_heaps(args))
    what = f"`{shown(machine, node)}()`, and what is called there could not be told"
    bit = machine.escape(node, what, args.all(), args.nodes)
    return Value(None, parameters.settle(machine, origins) | bit)


def applies(machine: Machine, func: Function, args: Args, module: Heap) -> bool:
    """Return whether calling a module's method applies the model to data (rather than setting it up)."""
    counts = machine.relevance.counts_own(func.node) and _learns_nothing(module)
    if machine.relevance.adapts(func.node) or counts or judges(machine, module, args):
        return False
    return bool(args.origins() & (VAL | TRAIN))


def judges(machine: Machine, module: Heap, args: Args) -> bool:
    """Return whether a module without parameters is handed predictions: what it does with them is followed.

    One that has parameters may have learned: it is a model, applied to what it is handed.
    """
    forwards = machine.atoms.family("forward")
    if not any(value.m & forwards and not isinstance(value.p, Heap) for value in args.all()):
        return False
    return not any(each.kind in ("parameter", "external") for each in parameters.reach(machine, module))


def remembers(machine: Machine, module: Heap) -> bool:
    """Return whether a module counts what it is told, in a method of its own."""
    return module.cls is not None and machine.relevance.remembers(module.cls.node)


def _learns_nothing(module: Heap) -> bool:
    """Return whether a module has no parameters itself; a model that it holds is applied where it calls it."""
    return not any(isinstance(v.p, Heap) and v.p.kind in ("parameter", "external") for v in module.attrs.values())


def keeps_state(machine: Machine, heap: Heap, forward: Function) -> bool:
    """Return whether applying a module changes it, or one that it holds."""
    if machine.relevance.adapts(forward.node) or (_learns_nothing(heap) and remembers(machine, heap)):
        return True
    if not machine.relevance.stateful:
        return False
    held = [each for each in parameters.reach(machine, heap) if each.kind == "instance" and each.cls is not None]
    below = [each.cls.find("forward") for each in held if each.cls is not None]
    return any(
        f is not None and isinstance(f.p, Function) and id(f.p.node) in machine.relevance.stateful for f in below
    )


def apply_module(machine: Machine, heap: Heap, args: Args, node: ir.Node, method: str) -> Value:
    """Apply a module to data: one event, its inside is not followed."""
    machine.library.applied(machine, heap, args)
    name = recording.name_of(heap)
    told = name if method == "forward" else f"{name}.{method}"
    origins = args.origins() | insides.opaque(machine, heap)
    origins |= machine.signals.inside_read(heap, origins, node)
    return apply(machine, heap, origins, told, node, extra_heaps(args), _other_rounds(machine, args))


def _other_rounds(machine: Machine, args: Args) -> int:
    """Return the rounds of loops of which only what stands beside the input is: counts of tokens of earlier rounds.

    The input is the first argument that is made of tokens: the number of a layer may stand before it.
    """
    rounds = machine.atoms.family("iteration")
    given = [containers.deep(value) for value in args.all()]
    first = next((each for each in given if each & (VAL | TRAIN)), 0)
    beside = 0
    for each in given:
        beside |= each
    return beside & rounds & ~first if first & rounds else 0


def apply(
    machine: Machine,
    model: Heap | None,
    origins: int,
    name: str,
    node: ir.Node,
    extra: Sequence[Heap] = (),
    beside: int = 0,
) -> Value:
    """Apply a model to something made from ``origins``; ``beside`` are the rounds that its input is not of."""
    out = machine.signals.applied(model, origins, name, node, extra, beside)
    return Value(SOME, parameters.settle(machine, origins)) if out is None else out
