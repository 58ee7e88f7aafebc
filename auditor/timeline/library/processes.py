"""The process and its ranks: the clock, what is printed, launching, collectives."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import arguments, calling, containers, protocols, stores
from auditor.timeline.library import computed
from auditor.timeline.values.atoms import CLOCK
from auditor.timeline.values.payloads import NONE, SOME, UNKNOWN, Heap, Known, Value, join

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine


def printed(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``print(…)``: what is printed may be the score."""
    origins = args.origins()
    for value in args.all():
        origins |= protocols.text(machine, value, node).m
    machine.spoken |= origins
    machine.signals.printed(origins, node)
    return NONE


def as_text(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``str(x)``, ``repr(x)`` and ``format(x)``."""
    first = args.get(0)
    if first is not None and protocols.speaks(first):
        return protocols.text(machine, first, node)
    return computed.constant(str)(machine, arguments.Args(args.positional[:1], node=node), node)


def clock(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``time.time()``."""
    return Value(SOME, CLOCK)


def leave(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``sys.exit()``: nothing follows under the live settings."""
    machine.live = 0
    return NONE


def launched(value: object) -> Callable[[Machine, Args, ir.Node], Value]:
    """Return a rule that answers what the launcher decides."""

    def run(machine: Machine, args: Args, node: ir.Node) -> Value:
        return Value(Known(value))

    return run


def all_reduce(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``dist.all_reduce(x)``: ``x`` stays what it is made from."""
    return NONE


def gather_objects(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``dist.all_gather(target, source)``: the target holds what the source is."""
    target, source = args.get(0), args.get(1)
    if target is not None and source is not None:
        for payload, _ in machine.alternatives(target):
            if isinstance(payload, Heap) and payload.kind == "list":
                payload.items = None
                payload.element = source if payload.element is None else join(payload.element, source)
                return NONE
        if args.nodes:
            stores.update_in_place(machine, args.nodes[0], target, Value(None, containers.deep(source)))
    return NONE


def gather_tensors(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``dist.gather(tensor, gather_list)``: the list holds what the tensor is."""
    source, target = args.get(0, "tensor"), args.get(1, "gather_list")
    if source is not None and target is not None:
        for payload, _ in machine.alternatives(target):
            if isinstance(payload, Heap) and payload.kind == "list":
                payload.items, payload.element = None, source
                machine.heap_version += 1
    return NONE


def broadcast(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``dist.broadcast(x)``: ``x`` stays what it is made from."""
    return NONE


def spawn(machine: Machine, args: Args, node: ir.Node) -> Value:
    """Start a function in another process or thread: follow it here, as the first of them."""
    from auditor.timeline.engine import calling

    target = args.get(0, "fn") if args.positional else args.keywords.get("target") or args.keywords.get("fn")
    given = args.keywords.get("args") or (args.get(1) if len(args.positional) > 1 else None)
    items = containers.exact_items(machine, given) if given is not None else None
    first = [] if args.keywords.get("target") is not None else [Value(Known(0))]
    if target is not None:
        calling.call(machine, target, arguments.Args((*first, *(items or ())), node=node), node)
    return Value(Heap("external", name="process", made_at=machine.order))


def submit_spread(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``_thread.start_new_thread(f, args)``."""
    given = containers.exact_items(machine, args.get(1) or UNKNOWN)
    return calling.call(machine, args.get(0) or UNKNOWN, arguments.Args(tuple(given or ()), node=node), node)


def submit(machine: Machine, args: Args, node: ir.Node) -> Value:
    """Call the function that is handed over, with the arguments that follow it."""
    from auditor.timeline.engine import calling

    if not args.positional:
        return UNKNOWN
    more = arguments.Args(args.positional[1:], dict(args.keywords), args.rest, node)
    return calling.call(machine, args.positional[0], more, node)
