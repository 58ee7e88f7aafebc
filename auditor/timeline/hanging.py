"""The conditions on the way to something, and what it hangs on beside the switches that are named for it already."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from auditor.settings import lookup
from auditor.timeline.events import Event, Timeline
from auditor.timeline.values.frames import Guard

_MOST = 5  # switches that are named with their values
_LONGEST = 24  # characters of a value that are told


def conditions(events: Iterable[Event], *, made: bool = False) -> list[Guard]:
    """Return the conditions on the way to some events; of what both ways of one call, only what leads to them.

    ``made``: with those under which was made what a condition asks for (``if cache is not None``).
    """
    out: dict[tuple[str, int, bool], Guard] = {}
    for event in events:
        called = {step.name for step in event.calls}
        for guard in _all(event.guards) if made else event.guards:
            if not guard.settings:
                continue
            if guard.shared:
                guard = replace(guard, shared=guard.shared & called)
            out.setdefault(guard.place, guard)
    return list(out.values())


def _all(guards: Iterable[Guard]) -> Iterator[Guard]:
    for guard in guards:
        if guard.made and guard.taken == guard.made_if:
            yield from _all(guard.made)
        yield guard


def also(timeline: Timeline, guards: Sequence[Guard], index: int, said: str) -> str:
    """Return the words on the switches without whose values it would not run under a setting; "" where all are said.

    ``said`` is what is said of it already. Left out are what a launcher sets, where files lie, whether something was
    made at all, and tests that read several sizes at once: which of those decides can't be told.
    """
    words = {word.strip(";,()") for word in said.split()}
    names: dict[str, None] = {}
    for guard in guards:
        for test in guard.hanging(1 << (index + 1)):
            if len(test) == 1:
                names.setdefault(test[0])
    parts = [_value(timeline, name, index) for name in names if name not in words and _decides(timeline, name, index)]
    if not parts:
        return ""
    more = len(parts) - _MOST
    told = parts if more < 1 else [*parts[:_MOST], f"{more} more"]
    return f"it {'also ' if words & timeline.switches.keys() else ''}hangs on {_joined(told)}"


def _decides(timeline: Timeline, name: str, index: int) -> bool:
    """Return whether a name is a switch of the script's, and neither the machine's nor a place."""
    switch = timeline.switches.get(name)
    if switch is None or switch.launched:
        return False
    return not any(set(value or "") & set("/\\*") for value in (switch.values[index], switch.default))


def _value(timeline: Timeline, name: str, index: int) -> str:
    """Return a switch with its value under a setting, as far as that is known."""
    setting, switch = timeline.settings[index], timeline.switches[name]
    given = lookup(setting, name) if setting.kind != "defaults" else None
    value = given.value if given is not None else switch.values[index]
    plain = (value or "").strip("'\" ")
    return f"{name} ({plain})" if plain and plain != "None" and len(plain) <= _LONGEST else name


def _joined(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
