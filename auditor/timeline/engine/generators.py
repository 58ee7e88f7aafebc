"""Generators: the body of one runs where it is pulled on, and what pulls runs in the middle of it.

``for x in g():`` is followed as if the loop's body stood in the place of the ``yield``; so is the block of a ``with``
over a ``contextmanager``. ``next`` and ``send`` follow the generator's body from its start to its end, in the iteration
of the loop that calls them: what is sent is the value of its ``yield``, and its own loops around a ``yield`` go round
with the loop that pulls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import containers, loops, presence, streams
from auditor.timeline.values.payloads import UNKNOWN, Known, Stream, Tup, Value, join

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine

Consume = Callable[[Value], Value]


def eval_yield(machine: Machine, node: ir.Yield) -> Value:
    """Give a value to what pulls on the generator; return what is sent back."""
    value = machine.eval(node.value) if node.value is not None else UNKNOWN
    if node.kind == "await":
        return value
    frame = machine.frame
    if node.kind == "from":
        if isinstance(value.p, Stream) and frame.consume is not None:
            return value.p.pull(frame.consume)
        value = containers.element_of(machine, value)
    if machine.deciding:
        value = Value(value.p, value.m | machine.deciding)
    value = presence.put(machine, machine.signals.bound(value))
    frame.yielded = value if frame.yielded is None else join(frame.yielded, value)
    return UNKNOWN if frame.consume is None else frame.consume(value)


@contextmanager
def elsewhere(machine: Machine) -> Iterator[Callable[[], object]]:
    """Remember where the machine is; what is given enters that place again, to leave it at once."""
    frame, depth, quiet, calls = machine.frame, machine.depth, machine.no_grad, len(machine.calls)
    attempts = len(machine.attempts)
    active = dict(machine.active)  # a generator that waits for its caller is not on the stack

    @contextmanager
    def back() -> Iterator[None]:
        inner = (machine.frame, machine.depth, machine.no_grad, machine.calls, machine.attempts, machine.active)
        jumps = (machine.jumped, machine.broken, machine.break_names)
        machine.frame, machine.depth, machine.no_grad = frame, depth, quiet
        machine.calls = machine.calls[:calls]
        machine.active = dict(active)
        machine.attempts = machine.attempts[:attempts]
        machine.jumped = machine.broken = 0
        machine.break_names = []
        try:
            yield
        finally:
            machine.frame, machine.depth, machine.no_grad, machine.calls, machine.attempts, machine.active = inner
            machine.jumped, machine.broken, machine.break_names = jumps

    yield back


def follow_for(machine: Machine, node: ir.For, stream: Stream) -> None:
    """Follow a ``for`` loop over a generator: its body at each ``yield``."""
    if stream.spent and stream.element is not None:
        loops.follow_loop(machine, node, containers.new_list(machine, None, stream.element))
        return
    live = machine.live
    returned = machine.frame.returned_bits
    followed = machine.relevance.adapts(node)
    left: list[dict[str, Value]] = []
    rounds = 0
    machine.loop_depth += 1

    with elsewhere(machine) as back:

        def body(item: Value) -> Value:
            nonlocal rounds
            with back():  # type: ignore[attr-defined]
                iteration = machine.iteration_bits[-1] if machine.iteration_bits else 0
                if rounds:
                    loops.forget_carried(machine, node, iteration)
                elif iteration:
                    loops.mark_advanced(machine, node, iteration)
                else:
                    loops.forget_carried(machine, node, 0)
                rounds += 1
                machine.bind(node.target, containers.tag(item, iteration))
                machine.block(node.body)
                machine.live |= machine.jumped & ~machine.broken
                left.extend(machine.break_names)
            return UNKNOWN

        stream.follows = followed
        stream.pulled_at = loops.place(machine, node)
        stream.pull(body)
    stream.spent = True
    machine.loop_depth -= 1
    machine.live = live
    if rounds and not node.orelse and machine.frame.returned_bits & ~returned == live and not machine.weak:
        machine.live = live  # it may also have had nothing to give
    breaks = machine.break_names
    machine.break_names = left
    loops.join_breaks(machine, breaks)


def pulled(machine: Machine, stream: Stream, sent: Value | None, node: ir.Node) -> Value:
    """``next(g)`` and ``g.send(x)``: the body in the iteration of the loop that pulls."""
    opaque = 0
    if sent is not None and isinstance(sent.p, Known) and sent.p.v is None:
        sent = None  # ``send(None)`` is ``next``
    in_place = sent is None and made_there(stream, node)
    answers = stream.answers
    if answers is not None and not stream.spent and sent is None:
        in_place = answers.primed = True
    running = answers is not None and answers.primed and sent is not None
    if stream.learns and not in_place and not running:
        # What it does between one pull and the next is not followed in that order.
        given = [*stream.given, sent or UNKNOWN]
        opaque = machine.escape(node, "a generator that learns and is pulled on by hand", given, learns=True)
    iteration = machine.iteration_bits[-1] if machine.iteration_bits else 0
    if sent is None and stream.spent and not iteration:
        return stream.element or UNKNOWN
    found: list[Value] = []

    def give(item: Value) -> Value:
        found.append(item)
        if in_place:  # nobody can pull on it again: what follows its first ``yield`` never runs
            machine.frame.returned_bits |= machine.live
            machine.live = 0
        return sent or UNKNOWN

    once, stream.once = stream.once, True
    if answers is not None:
        answers.running = running
    stream.pull(give)
    stream.once = once
    stream.spent = not (in_place and answers is not None)
    if answers is not None and running:
        answers.running, found = False, found[-1:]
    out: Value | None = None
    for item in found:
        out = item if out is None else join(out, item)
    stream.element = out if stream.element is None or out is None else join(stream.element, out)
    return containers.tag(out or UNKNOWN, iteration | opaque)


def made_there(stream: Stream, node: ir.Node) -> bool:
    """Return whether ``node`` is ``next(g())``: the generator is made where it is pulled on, and nowhere else known."""
    return (
        stream.made_by is not None and isinstance(node, ir.Call) and any(a.value is stream.made_by for a in node.args)
    )


def derived(stream: Stream, change: Callable[[Value], Value]) -> Stream:
    """Return an iterator over what ``change`` makes of what another one gives (``enumerate``, ``zip`` …)."""

    def pull(consume: Consume) -> Value:
        stream.follows = out.follows
        stream.once = out.once
        stream.pulled_at = out.pulled_at
        return stream.pull(lambda item: consume(change(item)))

    out = Stream(pull)
    return out


def collected(machine: Machine, value: Value) -> Value:
    """Return a generator as the list of what it gives; other values as they are."""
    if not isinstance(value.p, Stream):
        return value
    out = streams.element(value.p)
    return containers.new_list(machine, None, out)


def pair_up(index: int, others: tuple[Value, ...]) -> Callable[[Value], Value]:
    """Return what ``zip`` makes of an item of its argument number ``index``, the others being as they are."""

    def change(item: Value) -> Value:
        row = (*others[:index], item, *others[index + 1 :])
        origins = 0
        for each in row:
            origins |= each.m
        return Value(Tup(row), origins)

    return change
