"""What a loop gives its variable, round by round."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import presence
from auditor.timeline.engine.containers import element_of, exact_items, tag
from auditor.timeline.values.payloads import (
    NOTHING,
    SOME,
    Bound,
    Class,
    Either,
    External,
    Function,
    Heap,
    Known,
    Later,
    Native,
    OpenRange,
    Payload,
    PerSetting,
    Tup,
    Value,
    at_setting,
    join_all,
    per_setting,
)

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine

_FEW = 8  # items that are told apart


def trip_counts(machine: Machine, iterable: Value) -> list[int | None]:
    """Return how often a loop over ``iterable`` runs, per setting; None where unknown."""
    out: list[int | None] = []
    for index in range(machine.count):
        payload = at_setting(iterable.p, index)
        if isinstance(payload, Known) and isinstance(payload.v, range | tuple | str):
            out.append(len(payload.v))
        elif isinstance(payload, Tup):
            out.append(len(payload.items))
        elif isinstance(payload, Heap) and payload.kind == "list":
            items = payload.items or ()
            out.append(sum(presence.there(machine, item) >> index & 1 for item in items) if items else None)
        else:
            out.append(None)
    return out


def spelled_items(machine: Machine, iterable: Value) -> list[Value] | None:
    """Return the items of a loop over a few names, functions or classes, which is followed for each of them."""
    items = exact_items(machine, iterable)
    if (
        items is None
        or not 2 <= len(items) <= 12
        or (isinstance(iterable.p, Known) and isinstance(iterable.p.v, range))
    ):
        return None
    return items if all(_spelled(item.p) for item in items) else None


def numbered_items(machine: Machine, iterable: Value, node: ir.For) -> list[Value] | None:
    """Return the numbers of a loop that replaces the items of a list of as many things, one by one (``a[i] = …``)."""
    p = iterable.p
    if not isinstance(p, Known) or not isinstance(p.v, range) or not 2 <= len(p.v) <= _FEW:
        return None
    if not isinstance(node.target, ir.Name):
        return None
    for assign in machine.relevance.setting(node):
        for target in assign.targets if isinstance(assign, ir.Assign) else ():
            if not isinstance(target, ir.Subscript) or not isinstance(target.index, ir.Name):
                continue
            if target.index.id != node.target.id or not isinstance(target.value, ir.Name):
                continue
            held = machine.frame.names.get(target.value.id)
            if held is not None and isinstance(held.p, Heap) and len(exact_items(machine, held) or ()) == len(p.v):
                return [Value(Known(number), iterable.m) for number in p.v]
    return None


def _spelled(p: Payload) -> bool:
    if isinstance(p, PerSetting):
        return all(each is NOTHING or _spelled(each) for each in p.each)
    if isinstance(p, Tup):
        return any(_spelled(item.p) for item in p.items)
    return isinstance(p, Function | Bound | Class | External | Native) or (isinstance(p, Known) and type(p.v) is str)


def loop_item(machine: Machine, iterable: Value, number: int, iteration: int, trips: list[int | None]) -> Value:
    """Return the loop variable: of round ``number`` where the loop is followed (``iteration``), else any."""
    p = iterable.p
    items = exact_items(machine, iterable) if not isinstance(p, PerSetting) else None
    if items:
        if not iteration:
            value = items[0] if len(items) == 1 else join_all(items)
            if isinstance(value.p, Either) and all(isinstance(o, Known) for o in value.p.options):
                value = Value(SOME, value.m)
            return value
        return tag(items[0] if number == 0 else join_all(items[1:] or items), iteration)
    if isinstance(p, Known | PerSetting | OpenRange) and iteration:
        each: list[Payload] = []
        for index in range(machine.count):
            payload = at_setting(p, index)
            if isinstance(payload, Known) and isinstance(payload.v, range | tuple) and len(payload.v):
                each.append(_of_round(payload.v, number))
            else:
                each.append(_first_or_later(payload, number))
        return Value(per_setting(each), iterable.m | iteration)
    element = element_of(machine, iterable)
    if isinstance(element.p, Known):
        element = Value(SOME, element.m)
    return tag(element, iteration)


def _of_round(items: range | tuple[object, ...], number: int) -> Payload:
    """Return the loop variable in the first round, or in any later one: the last when there are two."""
    if number == 0 or len(items) <= 2:
        return Known(items[0] if number == 0 else items[-1])
    first = items[0]
    return Later(first) if isinstance(first, int) and isinstance(items, range) and items.step > 0 else SOME


def _first_or_later(payload: Payload, number: int) -> Payload:
    if isinstance(payload, OpenRange):
        return Known(payload.first) if number == 0 else Later(payload.first)
    return SOME
