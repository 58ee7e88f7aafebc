"""Following loops: how often, what a later iteration has forgotten, and where a ``break`` leads.

A loop that may adapt parameters is followed for its first and its last iteration, other loops once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import containers, presence, protocols, turns
from auditor.timeline.engine.relevance import MAX_PASSES
from auditor.timeline.values.constants import is_none, truthiness
from auditor.timeline.values.payloads import (
    SOME,
    Bound,
    Class,
    Either,
    External,
    Function,
    Heap,
    Known,
    Native,
    Payload,
    PerSetting,
    Value,
    at_setting,
    join,
    per_setting,
    same,
)

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine

_NONE_OR_MORE = Either((Known(None), SOME))  # of what was None before a loop
_OBJECTS = (Heap, Function, Bound, Class, External, Native)


def do_while(machine: Machine, node: ir.While) -> None:
    """Follow a ``while`` loop."""
    follow_loop(machine, node, None)
    otherwise(machine, node)


def otherwise(machine: Machine, node: ir.For | ir.While) -> None:
    """Follow a loop's else branch; it is passed by where the loop is left by a ``break``."""
    if not node.orelse or not machine.live:
        return
    names = machine.frame.names
    before = dict(names)
    machine.block(node.orelse)
    if any(jump.kind == "break" for jump in machine.relevance.jumps(node)):
        for name, value in before.items():
            other = names.get(name)
            if other is not None and other is not value:
                names[name] = join(value, other)


def follow_loop(machine: Machine, node: ir.For | ir.While, iterable: Value | None) -> None:
    """Follow a loop: twice where it may adapt something, else once."""
    live0 = machine.live
    jumped, broken = machine.jumped, machine.broken
    machine.jumped = machine.broken = 0
    weak = machine.weak
    frame = machine.frame
    by = frame.pulled_by
    pulling = by is not None and machine.relevance.yields(node)
    trips: list[int | None] = [None] * machine.count
    if iterable is not None:
        trips = turns.trip_counts(machine, iterable)
    few = any(trip is not None and 1 < trip <= MAX_PASSES for trip in trips)
    followed = not (pulling and by is not None and by.once) and (
        machine.relevance.adapts(node)
        or (pulling and by is not None and by.follows)
        or (few and machine.relevance.passes(node))
    )
    guard_pushed = False
    if iterable is not None and trips[1] is not None and iterable.m & machine.atoms.family("setting"):
        passes = 0
        for index, trip in enumerate(trips):
            if trip != 0:
                passes |= 1 << index
        assert isinstance(node, ir.For)
        guard_pushed = machine.guard(node.iter, iterable, passes & live0, taken=True)
    machine.loop_depth += 1
    breaks = machine.break_names
    machine.break_names = []
    machine.loop_count += 1
    first_record = machine.signals.loop_begun()
    loop_key = place(machine, node)
    if followed:
        machine.loops.append(machine.loop_count)
        machine.loop_sites.append(machine.site(node))
    spelled = turns.spelled_items(machine, iterable) if iterable is not None else None
    if spelled is None and iterable is not None and isinstance(node, ir.For):
        spelled = turns.numbered_items(machine, iterable, node)
    rounds = len(spelled) if spelled else 2 if followed else 1
    own_bits = 0
    done = 0
    try:
        for number in range(rounds):
            enter = 0
            for index, trip in enumerate(trips):
                if trip is None or trip > number:
                    enter |= 1 << index
            enter &= live0 & ~machine.broken
            if spelled:
                enter &= presence.there(machine, spelled[number])
            if number and not spelled:
                enter &= done
            if not enter and spelled:
                continue
            if not enter:
                break
            machine.live = enter
            machine.jumped = 0
            iteration = 0
            if followed:
                iteration = machine.atoms.bit("iteration", (loop_key, number))
                own_bits |= iteration
                machine.rounds[iteration] = node
                machine.iteration_bits.append(iteration)
            if number == 0 and isinstance(node, ir.While) and plainly(node.test):
                enter &= machine.truth(machine.eval(node.test))[0]  # before anything is forgotten
                if not enter:
                    if followed:
                        machine.iteration_bits.pop()
                    break
                machine.live = enter
            if number or not followed:
                forget_carried(machine, node, iteration)
            elif iteration:
                mark_advanced(machine, node, iteration)
            if iterable is not None:
                assert isinstance(node, ir.For)
                item = containers.tag(spelled[number], iteration) if spelled else None
                machine.bind(node.target, item or turns.loop_item(machine, iterable, number, iteration, trips))
            elif isinstance(node, ir.While):
                test = protocols.condition(machine, machine.eval(node.test), node.test)
                machine.signals.looped(node, test)
                yes, _ = machine.truth(test)
                if not number and not yes & machine.live and truthiness(test.p) is False:
                    if followed:
                        machine.iteration_bits.pop()
                    break
                machine.live &= yes
                if machine.live:
                    pushed = machine.guard(node.test, test, machine.live, taken=True)
                    machine.block(node.body)
                    if pushed:
                        machine.guards.pop()
                finish_round(machine, iteration, followed)
                done |= enter
                continue
            machine.block(node.body)
            finish_round(machine, iteration, followed)
            done |= enter
    finally:
        if followed:
            machine.loops.pop()
            machine.loop_sites.pop()
    if guard_pushed:
        machine.guards.pop()
    # Every iteration has run by now: what was adapted on one is adapted on all.
    machine.signals.loop_ended(first_record, own_bits)
    endless = isinstance(node, ir.While) and isinstance(node.test, ir.Const) and bool(node.test.value)
    after = live0
    if endless:
        after = machine.broken or live0 & ~frame.returned_bits & ~frame.thrown
    machine.live = after & live0
    join_breaks(machine, breaks)
    leave_untouched(machine.frame.names, machine.relevance.assigned(node), machine.count)
    machine.jumped, machine.broken = jumped, broken
    machine.weak = weak
    machine.loop_depth -= 1


def plainly(test: ir.Expr) -> bool:
    """Return whether a condition asks for names and constants only, so that asking twice does nothing."""
    if isinstance(test, ir.UnaryOp):
        return plainly(test.operand)
    if isinstance(test, ir.BoolOp):
        return all(plainly(part) for part in test.values)
    if isinstance(test, ir.Compare):
        return all(plainly(part) for part in (test.left, *test.rights))
    return isinstance(test, ir.Name | ir.Const)


def place(machine: Machine, node: ir.For | ir.While) -> tuple[object, ...]:
    """Return what tells a loop from others: where it stands and, in a generator, from where it is pulled on."""
    frame = machine.frame
    outer = frame.pulled_by.pulled_at if frame.pulled_by is not None else ()
    return (frame.scope.source.path, frame.scope.source.layer, node.start, *outer)


def forget_carried(machine: Machine, node: ir.For | ir.While, iteration: int) -> None:
    """Forget constants that the loop's body assigns: a later iteration may see other values.

    Numbers that the body advances pick the tokens of the iteration, as a loop variable would.
    """
    names = machine.frame.names
    advanced = machine.relevance.advanced(node)
    loops = machine.atoms.family("iteration")
    constants = machine.relevance.latches(node)
    for name in machine.relevance.assigned(node):
        value = names.get(name)
        if value is None:
            continue
        if isinstance(value.p, Known | PerSetting) and (
            not isinstance(value.p, Known) or not isinstance(value.p.v, str)
        ):
            if name in constants:
                names[name] = latched(value, constants[name], machine.count)
                continue
            value = Value(_of_any_round(value.p), value.m)
            names[name] = value
        if iteration and name in advanced and not value.m & machine.atoms.family("forward"):
            names[name] = Value(value.p, value.m & ~loops | iteration | value.m & outer_iterations(machine, loops))


def _of_any_round(p: Payload) -> Payload:
    """Return what is left of a payload of an earlier round: objects and functions, of which rounds add others."""
    if isinstance(p, PerSetting):
        return per_setting([_of_any_round(each) for each in p.each])
    if isinstance(p, Either):
        return p if any(isinstance(option, _OBJECTS) for option in p.options) else SOME
    if isinstance(p, _OBJECTS):
        return p
    return None if p is None else _NONE_OR_MORE if is_none(p) else SOME


def leave_untouched(names: dict[str, Value], assigned: Iterable[str], count: int) -> None:
    """Let names that held None before a loop hold it after it, under the settings that never assigned another."""
    for name in assigned:
        value = names.get(name)
        if value is None or value.p is None:
            continue
        each = [at_setting(value.p, index) for index in range(count)]
        if any(p is _NONE_OR_MORE for p in each):
            names[name] = Value(per_setting([Known(None) if p is _NONE_OR_MORE else p for p in each]), value.m)


def mark_advanced(machine: Machine, node: ir.For | ir.While, iteration: int) -> None:
    """Give numbers that the body advances the first iteration as origin."""
    names = machine.frame.names
    for name in machine.relevance.advanced(node):
        value = names.get(name)
        if value is not None and not isinstance(value.p, Heap):
            names[name] = Value(value.p, value.m | iteration)


def outer_iterations(machine: Machine, loops: int) -> int:
    """Return the origins of the current iterations of all followed loops."""
    out = 0
    for bit in machine.iteration_bits:
        out |= bit
    return out & loops


def finish_round(machine: Machine, iteration: int, followed: bool) -> None:
    """Close one followed iteration."""
    if followed and iteration:
        machine.iteration_bits.pop()
    machine.live |= machine.jumped


def join_breaks(machine: Machine, outer: list[dict[str, Value]]) -> None:
    """Join what names held where a ``break`` left the loop."""
    names = machine.frame.names
    for left in machine.break_names:
        for name, value in left.items():
            other = names.get(name)
            if other is None:
                names[name] = value
            elif other is not value:
                names[name] = join(other, value)
    machine.break_names = outer


def latched(value: Value, constant: object, count: int) -> Value:
    """Return what a loop leaves in a name that its body only ever sets to ``constant``."""
    known = Known(constant)
    each = [at_setting(value.p, index) for index in range(count)]
    if any(is_none(p) for p in each) or constant is None:
        return Value(per_setting([p if same(p, known) else None for p in each]), value.m)
    return Value(per_setting([p if same(p, known) else SOME for p in each]), value.m)
