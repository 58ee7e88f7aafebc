"""Copies of the environment: ``dict(os.environ)``, ``os.environ.copy()``, ``{**os.environ}``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.timeline.values.payloads import UNKNOWN, External, Heap, Known, Value, join

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine

NAME = "os.environ"


def is_environment(value: Value) -> bool:
    """Tell whether a value is the environment itself."""
    return isinstance(value.p, External) and value.p.name == NAME


def copied(machine: Machine, heap: Heap) -> None:
    """Make an empty dict a copy of the environment as it is now; what the script doesn't set is known by its name."""
    heap.element = Value(None)
    heap.made_with["environ"] = heap.element
    heap.attrs.update({key: value for key, (value, only_default) in machine.environ.items() if not only_default})


def is_copy(heap: Heap) -> bool:
    """Tell whether a dict is a copy of the environment into which nothing was put under a name that is not known."""
    return heap.element is not None and heap.made_with.get("environ") is heap.element


def held(machine: Machine, heap: Heap, name: Value) -> Value | None:
    """Return what a copy holds under a name, as far as the script put it there; None: what the environment has."""
    if not isinstance(name.p, Known) or not isinstance(name.p.v, str):
        return UNKNOWN
    written, own = machine.environ.get(name.p.v), heap.attrs.get(name.p.v)
    if own is not None:
        as_copied = written is not None and written[0] is own
        return own if as_copied or heap.element is None else join(own, heap.element)  # it may have been put under an if
    return UNKNOWN if written is not None and not written[1] else None  # set after it was copied
