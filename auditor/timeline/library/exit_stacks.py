"""``contextlib.ExitStack``: what runs when its block is left, the last first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import arguments, calling, contexts, protocols
from auditor.timeline.values.payloads import NONE, UNKNOWN, Heap, Native, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine


def made(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``ExitStack()``."""
    return Value(Heap(contexts.STACK, name="ExitStack", items=[], made_at=machine.order))


def method(machine: Machine, stack: Heap, name: str, args: Args, node: ir.Node) -> Value | None:
    """Call a method of a stack; None for one that is not followed."""
    items = stack.items if stack.items is not None else []
    first = args.get(0)
    if name == "callback" and first is not None:
        function = first
        given = arguments.Args(args.positional[1:], args.keywords, args.rest, args.node, args.nodes[1:])
        items.append(Value(Native("callback", lambda _, at: calling.call(machine, function, given, at))))
        return first
    if name == "enter_context" and first is not None:
        if protocols.speaks(first) and protocols.find(machine, first.p, "__exit__") is not None:
            items.append(Value(Native("__exit__", lambda _, at: _left(machine, first, at))))
        return contexts.enter(machine, first)
    if name in ("close", "__exit__"):
        contexts.unwind(machine, stack, node)
        return NONE
    return None


def _left(machine: Machine, context: Value, node: ir.Node) -> Value:
    return protocols.send(machine, context, "__exit__", [NONE, NONE, NONE], node) or UNKNOWN
