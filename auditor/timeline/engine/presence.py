"""What is there under some settings only: an item, an entry, a file that was put there under a switch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.timeline.values.atoms import under
from auditor.timeline.values.payloads import (
    NOTHING,
    SOME,
    Heap,
    PerSetting,
    Tup,
    Value,
    at_setting,
    merge,
    per_setting,
)

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine


def put(machine: Machine, value: Value) -> Value:
    """Return ``value`` as it is put somewhere now: it is there under the settings in progress only."""
    return within(machine, value, machine.live)


def within(machine: Machine, value: Value, settings: int) -> Value:
    """Return ``value`` as something that is there under ``settings`` only: of a split, and whatever it is, if told."""
    if settings & machine.all == machine.all:
        return value
    p = value.p
    if type(p) is Tup:
        return Value(Tup(tuple(within(machine, item, settings) for item in p.items)), under(value.m, settings))
    if p is not None and p is not SOME:
        p = per_setting([at_setting(p, i) if settings & 1 << i else NOTHING for i in range(machine.count)])
    return Value(p, under(value.m, settings))


def replaced(machine: Machine, old: Value, value: Value) -> Value:
    """Return what lies where ``old`` did once ``value`` was put there under the settings in progress."""
    keep = machine.all & ~machine.live | machine.weak & machine.live
    return merge(value, old, machine.live, keep, machine.count) if keep else value


def take_out(machine: Machine, heap: Heap, key: str) -> None:
    """Take what lies under ``key`` out of a dict, under the settings in progress."""
    left = machine.all & ~machine.live | machine.weak & machine.live
    if key in heap.attrs and left:
        machine.heap_version += 1
        heap.attrs[key] = within(machine, heap.attrs[key], left)


def there(machine: Machine, value: Value) -> int:
    """Return the settings under which an item, a pair or an entry is there."""
    p = value.p
    if type(p) is Tup:
        out = machine.all
        for item in p.items:
            out &= there(machine, item)
        return out
    if type(p) is not PerSetting:
        return machine.all
    return sum(1 << index for index, option in enumerate(p.each) if option is not NOTHING)
