"""``with``: what runs when a block is entered and left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import arguments, exceptions, generators, protocols
from auditor.timeline.values.constants import truthiness
from auditor.timeline.values.payloads import NONE, UNKNOWN, Heap, Stream, Value, join_all

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine

QUIET = ("no_grad", "inference_mode")
STACK = "exit stack"  # the kind of a ``contextlib.ExitStack``


def do_with(machine: Machine, node: ir.With) -> None:
    """Follow a ``with`` block; some contexts take no gradients."""
    _within(machine, node, 0)


def _within(machine: Machine, node: ir.With, index: int) -> None:
    """Enter the context number ``index`` and those after it, follow the block, and leave them again."""
    if index == len(node.items):
        machine.block(node.body)
        return
    context, target = node.items[index]
    value = machine.eval(context)
    if isinstance(value.p, Stream):
        _generator(machine, node, index, value.p, target)
        return
    quiet = arguments.context_name(value) in QUIET
    if target is not None or protocols.speaks(value):
        entered = enter(machine, value)
        if target is not None:
            machine.bind(target, entered)
    own = protocols.speaks(value) and protocols.find(machine, value.p, "__exit__") is not None
    swallows = arguments.context_name(value) == "suppress"
    attempt = exceptions.Attempt()
    live, thrown = machine.live, machine.frame.thrown
    if own or swallows:
        machine.attempts.append(attempt)
    machine.no_grad += quiet
    _within(machine, node, index + 1)
    machine.no_grad -= quiet
    if own or swallows:
        machine.attempts.pop()
        machine.frame.thrown = thrown
    if own:
        _leave(machine, node, value, attempt, live)
    elif swallows:
        machine.live |= attempt.bits & live
    if isinstance(value.p, Heap) and value.p.kind == STACK:
        unwind(machine, value.p, node)


def unwind(machine: Machine, stack: Heap, node: ir.Node) -> None:
    """Call what an ``ExitStack`` holds, the last first."""
    while stack.items:
        machine.call(stack.items.pop(), arguments.Args(node=node), node)


def _leave(machine: Machine, node: ir.With, value: Value, attempt: exceptions.Attempt, live: int) -> None:
    """Call ``__exit__``, with what was raised; where it doesn't swallow that, it goes on to the callers."""
    after = machine.live
    machine.live = live
    raised = join_all(v for v, _ in attempt.raised) if attempt.raised else NONE
    kind = Value(raised.p.cls) if isinstance(raised.p, Heap) and raised.p.cls is not None else raised
    out = protocols.send(machine, value, "__exit__", [kind, raised, NONE if raised is NONE else UNKNOWN], node)
    machine.live = after
    if not attempt.raised:
        return
    if out is not None and truthiness(out.p) is not False and out.p is not None:
        machine.live |= attempt.bits & live
        return
    for each, bits in attempt.raised:
        exceptions.throw(machine, each, bits)


def _generator(machine: Machine, node: ir.With, index: int, stream: Stream, target: ir.Expr | None) -> None:
    """Follow the generator of a ``contextmanager``: the block stands in the place of its ``yield``."""
    live = machine.live
    ran = False
    after = live
    with generators.elsewhere(machine) as back:
        outer = (machine.jumped, machine.broken, machine.break_names)
        jumped, broken = machine.jumped, machine.broken

        def block(item: Value) -> Value:
            nonlocal ran, after, jumped, broken
            with back():  # type: ignore[attr-defined]
                machine.jumped, machine.broken, machine.break_names = jumped, broken, outer[2]
                if target is not None:
                    machine.bind(target, item)
                _within(machine, node, index + 1)
                jumped, broken = machine.jumped, machine.broken
                after = machine.live if not ran else after | machine.live
                ran = True
                machine.live = live  # the rest of the generator runs however the block is left
            return UNKNOWN

        stream.pull(block)
    machine.jumped, machine.broken = jumped, broken
    machine.live = after
    if not ran:  # it was not seen to yield: the block runs all the same
        machine.live = live
        if target is not None:
            machine.bind(target, UNKNOWN)
        _within(machine, node, index + 1)


def enter(machine: Machine, value: Value) -> Value:
    """Return what ``with value as x`` binds."""
    entered = protocols.send(machine, value, "__enter__", [], ir.Name(0, 0, "__enter__"))
    return value if entered is None else entered
