"""Methods of lists and dicts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from auditor.timeline.engine import containers, parameters, presence
from auditor.timeline.library import ordered
from auditor.timeline.values.payloads import (
    NONE,
    SOME,
    UNKNOWN,
    Heap,
    Known,
    PerSetting,
    Tup,
    Value,
    join,
    join_all,
    merge,
)

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine


def list_method(machine: Machine, p: Heap, receiver: Value, name: str, args: Args) -> Value | None:
    """Call a list method."""
    first = args.get(0)
    if name in ("append", "add"):
        containers.append(machine, p, first or UNKNOWN)
        return NONE
    if name in ("insert", "appendleft"):
        _insert(machine, p, Value(Known(0)) if name == "appendleft" else first, args.get(1 if name == "insert" else 0))
        return NONE
    if name in ("extend", "update"):
        containers.extend(machine, p, first or UNKNOWN)
        return NONE
    if name in ("pop", "popleft"):
        out = containers.element_of(machine, receiver)
        if p.items is not None and machine.in_loop:
            containers.append_any(p, out)
        elif p.items and first is None:
            last = p.items.pop()
            if machine.live != machine.all:
                p.items.append(presence.within(machine, last, machine.all & ~machine.live))
            return last
        return out
    if name == "clear":
        left = machine.all & ~machine.live | machine.weak & machine.live
        if left != machine.all:
            p.items = [presence.within(machine, item, left) for item in p.items or ()] if left else []
            p.element = presence.within(machine, p.element, left) if left and p.element is not None else None
            if left and p.element is not None:
                p.items = None
            machine.heap_version += 1
        return NONE
    if name == "sort" and args.node is not None:
        items = p.items if p.items is not None else [p.element] if p.element is not None else []
        found = [ordered.ranked(machine, args, items, item, args.node) for item in items[:1]]
        if found and found[0] is not items[0]:
            p.items, p.element = None, join_all([*found, *items])
            machine.heap_version += 1
    if name in ("sort", "reverse", "remove"):
        return NONE
    if name == "copy":
        return containers.new_list(machine, list(p.items) if p.items is not None else None, p.element)
    if name in ("parameters", "state_dict", "named_parameters"):
        bits = parameters.param(machine, p)
        return containers.new_list(machine, None, Value(SOME, bits))
    if name == "index" and first is not None and args.node is not None:
        return machine.signals.ranked([first], args.node, Value(SOME))  # where a loss lies among others, say
    if name in ("index", "count"):
        return Value(SOME)
    return None


def _insert(machine: Machine, p: Heap, place: Value | None, value: Value | None) -> None:
    """Put something into a list where it is told to, or somewhere."""
    before = len(p.items or ())
    containers.append(machine, p, value or UNKNOWN)
    if p.items is None or len(p.items) == before:
        return
    at = place.p.v if place is not None and isinstance(place.p, Known) else None
    last = p.items.pop()
    if isinstance(at, int):
        p.items.insert(at, last)
    else:
        containers.append_any(p, last)


def dict_method(machine: Machine, p: Heap, receiver: Value, name: str, args: Args) -> Value | None:
    """Call a dict method."""
    first = args.get(0)
    if name == "get" and first is not None and isinstance(first.p, PerSetting):
        rest = args.positional[1:]

        def entry(key: Value) -> Value:
            return dict_method(machine, p, receiver, name, replace(args, positional=(key, *rest))) or UNKNOWN

        chosen = machine.per_option(first, entry)
        return Value(chosen.p, chosen.m | first.m & machine.atoms.family("setting"))
    if name in ("get", "pop", "setdefault"):
        key = containers.key_of(first) if first is not None else None
        default = args.get(1)
        if name == "setdefault" and default is not None and first is not None and key not in p.attrs:
            containers.set_item(machine, p, first, default)
        elif name == "setdefault" and default is not None and key is not None:
            lacking = machine.live & ~presence.there(machine, p.attrs[key])
            if lacking:
                p.attrs[key] = merge(default, p.attrs[key], lacking, machine.all & ~lacking, machine.count)
        if key is not None and key in p.attrs:
            found = p.attrs[key]
            there = presence.there(machine, found)
            if machine.all & ~there:
                found = merge(found, NONE if default is None else default, there, machine.all & ~there, machine.count)
            if name == "pop":
                presence.take_out(machine, p, key)
            return found if p.element is None else join(found, p.element)
        if key is not None and p.element is None and not p.origins:
            return default if default is not None else NONE
        parts = [*p.attrs.values()] if key is None else []
        if p.element is not None:
            parts.append(p.element)
        elif key is None and machine.in_loop:
            parts.append(Value(None, p.origins))  # what earlier iterations put there
        if default is not None:
            parts.append(default)
        out = join_all(parts) if parts else Value(None, p.origins)
        return containers.tag(out, first.m if first is not None else 0)
    if name == "items":
        if p.element is None and len(p.attrs) <= 32 and not p.origins:
            pairs = [Value(Tup((Value(Known(k)), v)), v.m) for k, v in p.attrs.items()]
            return containers.new_list(machine, pairs)
        element = join_all([*p.attrs.values(), *([p.element] if p.element is not None else [])] or [UNKNOWN])
        return containers.new_list(machine, None, Value(Tup((Value(SOME, p.origins), element)), element.m | p.origins))
    if name == "values":
        parts = [*p.attrs.values(), *([p.element] if p.element is not None else [])]
        if p.element is None and len(parts) <= 32:
            return containers.new_list(machine, parts)
        return containers.new_list(machine, None, join_all(parts))
    if name == "keys":
        return containers.new_list(machine, None, Value(SOME, p.origins))
    if name == "update":
        if first is not None:
            containers.update_dict(machine, p, first)
        for key, value in args.keywords.items():
            machine.store_field(p.attrs, key, value, machine.all, p)
        return NONE
    if name == "clear":
        if not machine.weak and machine.live == machine.all:
            p.attrs.clear()
            p.element = None
            machine.heap_version += 1
        return NONE
    if name == "copy":
        made = Heap("dict", attrs=dict(p.attrs), element=p.element, origins=p.origins, made_at=machine.order)
        made.made_with = dict(p.made_with)
        return Value(made, receiver.m)
    return None
