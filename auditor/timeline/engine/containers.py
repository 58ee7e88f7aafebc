"""Lists, dicts, tuples, ranges and indexing, abstractly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import births, enums, environments, presence, streams
from auditor.timeline.values.atoms import LISTING, TEXT_FILE, TRAIN, VAL, under
from auditor.timeline.values.folding import FoldError
from auditor.timeline.values.payloads import (
    HOLDING,
    NOTHING,
    SOME,
    UNKNOWN,
    Class,
    Either,
    External,
    Function,
    Heap,
    Known,
    Payload,
    PerSetting,
    Stream,
    Tup,
    Value,
    at_setting,
    join,
    join_all,
    per_setting,
)

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine

MAX_EXACT = 64


def deep(value: Value, depth: int = 4) -> int:
    """Return the origins of a value and of what its containers hold, so many of them deep."""
    p = value.p
    kind = type(p)
    out = value.m
    if depth and kind in HOLDING:
        if kind is Tup:
            for item in p.items:  # type: ignore[union-attr]
                out |= deep(item, depth - 1)
        elif kind is Heap:
            assert isinstance(p, Heap)
            out |= p.origins
            if p.kind in ("list", "dict", "buffer"):
                for item in p.items or ():
                    out |= deep(item, depth - 1)
                if p.element is not None:
                    out |= deep(p.element, depth - 1)
                if p.kind == "dict":
                    for item in p.attrs.values():
                        out |= deep(item, depth - 1)
        elif kind is Either:
            for option in p.options:  # type: ignore[union-attr]
                if type(option) is Tup or type(option) is Heap:
                    out |= deep(Value(option), depth - 1)
        elif kind is PerSetting:
            for index, option in enumerate(p.each):  # type: ignore[union-attr]
                if type(option) in HOLDING:
                    out |= under(deep(Value(option), depth), 1 << index)  # no container of its own
    return out


def new_list(machine: Machine, items: list[Value] | None, element: Value | None = None) -> Value:
    """Return a new list with exact ``items`` or with elements like ``element``."""
    if items is not None and len(items) > MAX_EXACT:
        element = join_all(items)
        items = None
    heap = Heap("list", items=items, element=element, made_at=machine.order)
    origins = 0
    for item in items or ():
        origins |= item.m
    if element is not None:
        origins |= element.m
    return Value(heap, origins)


def new_dict(machine: Machine, pairs: list[tuple[Value, Value]]) -> Value:
    """Return a new dict of keys and values; values under keys that are no constants lie under any key."""
    heap = Heap("dict", made_at=machine.order)
    births.note(machine, heap)
    origins = 0
    for key, value in pairs:
        name = key_of(key)
        if name is not None:
            heap.attrs[name] = value
        else:
            heap.element = value if heap.element is None else join(heap.element, value)
            heap.origins |= key.m
        origins |= value.m
    return Value(heap, origins)


def exact_items(machine: Machine, value: Value) -> list[Value] | None:
    """Return an iterable's items while they are known exactly, else None."""
    p = value.p
    if type(p) is Tup:
        return list(p.items)
    if type(p) is Heap:
        return p.items if p.kind == "list" else None
    if type(p) is Class:
        found = enums.members(p)
        return list(found.values()) if found is not None else None
    if type(p) is Known:
        if isinstance(p.v, tuple) and len(p.v) <= MAX_EXACT:
            return [Value(Known(item), value.m) for item in p.v]
        if isinstance(p.v, range) and len(p.v) <= 8:
            return [Value(Known(item), value.m) for item in p.v]
    return None


def element_of(machine: Machine, value: Value) -> Value:
    """Return the join of what iterating over ``value`` yields."""
    p = value.p
    if isinstance(p, Tup):
        return join_all(p.items)
    if isinstance(p, Heap):
        if p.kind == "list":
            if p.items:
                out = join_all(p.items)
                out = out if p.element is None else join(out, p.element)
            else:
                out = p.element if p.element is not None else Value(None, value.m)
            # The iteration that picked this list picked what is in it.
            return tag(out, value.m & machine.atoms.family("iteration"))
        if p.kind == "dict":
            return Value(SOME, p.origins | value.m)
        if p.kind == "instance" and p.cls is not None:
            for name in ("__iter__", "__next__", "__getitem__"):
                method = p.cls.find(name)
                if method is not None:
                    out = machine.call_own(value, name, [] if name != "__getitem__" else [UNKNOWN])
                    return element_of(machine, out) if name == "__iter__" and out.p is not p else out
        if p.kind == "external" and p.element is not None:
            return p.element
        return Value(None, value.m | p.origins)
    if isinstance(p, Stream):
        return streams.element(p)
    if isinstance(p, Known) and isinstance(p.v, range | tuple | str):
        return Value(SOME, value.m)
    if isinstance(p, Either):  # ``None`` has no items: a loop is not there where it would be gone through
        given = [option for option in p.options if not (isinstance(option, Known) and option.v is None)]
        return join_all(element_of(machine, Value(option, value.m)) for option in given or p.options)
    if isinstance(p, PerSetting):
        parts = [element_of(machine, Value(option, value.m)) for option in p.each]
        origins = 0
        for index, part in enumerate(parts):
            origins |= under(part.m, 1 << index)
        return Value(per_setting([part.p for part in parts]), origins)
    return Value(p if p is SOME else None, value.m)


def tag(value: Value, origins: int) -> Value:
    """Return ``value`` with further origins (a tuple's items get them too)."""
    if not origins:
        return value
    return Value(_tagged(value.p, origins), value.m | origins)


def _tagged(p: Payload, origins: int) -> Payload:
    if isinstance(p, Tup):
        return Tup(tuple(tag(item, origins) for item in p.items))
    if isinstance(p, Either) and any(isinstance(option, Tup) for option in p.options):
        return Either(tuple(_tagged(option, origins) for option in p.options))
    if isinstance(p, PerSetting) and any(isinstance(option, Tup | Either) for option in p.each):
        return PerSetting(tuple(_tagged(option, origins) for option in p.each))
    return p


def as_constant(machine: Machine, value: Value) -> Value:
    """Return a display of constants as one constant tuple, so that ``x in (…)`` can be evaluated."""
    items = exact_items(machine, value)
    if items is not None and not isinstance(value.p, Known) and all(isinstance(i.p, Known) for i in items):
        return Value(Known(tuple(i.p.v for i in items)), value.m)  # type: ignore[union-attr]
    told = items is not None and not isinstance(value.p, Known) and any(isinstance(i.p, PerSetting) for i in items)
    if items is not None and told:
        each: list[Payload] = []
        for index in range(machine.count):
            held = [p for i in items if (p := at_setting(i.p, index)) is not NOTHING]
            each.append(Known(tuple(p.v for p in held)) if all(isinstance(p, Known) for p in held) else SOME)  # type: ignore[union-attr]
        return Value(per_setting(each), value.m)
    if isinstance(value.p, Heap) and value.p.kind == "dict" and value.p.element is None and not value.p.origins:
        held_by = {key: presence.there(machine, item) for key, item in value.p.attrs.items()}
        return Value(
            per_setting(
                [Known(tuple(k for k, bits in held_by.items() if bits & 1 << i)) for i in range(machine.count)]
            ),
            value.m,
        )
    return value


_SPLIT_KEY = "\0"


def key_of(index: Value) -> str | None:
    """Return the name under which a dict keeps a constant key, or None."""
    if isinstance(index.p, Known) and isinstance(index.p.v, str | int | float | bool | None):
        return index.p.v if isinstance(index.p.v, str) else repr(index.p.v)
    named = index.m & LISTING or not index.m & TEXT_FILE
    if named and index.m & (VAL | TRAIN) and not isinstance(index.p, Known):
        # A cache of opened files: entries of one split are not those of the other.
        return _SPLIT_KEY + ("val" if index.m & VAL else "") + ("train" if index.m & TRAIN else "")
    return None


def get_item(machine: Machine, base: Value, index: Value, node: ir.Subscript) -> Value:
    """Return ``base[index]``."""
    p = base.p
    kind = type(p)
    if type(p) is Known:
        if isinstance(index.p, Known) and isinstance(p.v, str | bytes | tuple) and isinstance(index.p.v, int):
            try:
                return Value(Known(p.v[index.p.v]), base.m)
            except IndexError:
                return UNKNOWN
        if isinstance(node.index, ir.Slice) and isinstance(p.v, str | bytes | tuple):
            return machine.fold(_cut, base, *_bounds(machine, node.index))
        return Value(SOME, base.m | index.m)
    if kind is PerSetting or kind is Either:
        chosen = machine.per_option(base, lambda option: get_item(machine, option, index, node))
        return Value(chosen.p, chosen.m | base.m & machine.atoms.family("setting"))
    if type(index.p) is PerSetting and kind in (Tup, Heap):
        chosen = machine.per_option(index, lambda option: get_item(machine, base, option, node))
        return Value(chosen.p, chosen.m | index.m & machine.atoms.family("setting"))
    if type(p) is Tup:
        if isinstance(index.p, Known) and isinstance(index.p.v, int) and -len(p.items) <= index.p.v < len(p.items):
            item = p.items[index.p.v]
            return Value(item.p, item.m | index.m)
        if isinstance(node.index, ir.Slice):
            return new_list(machine, None, tag(join_all(p.items), index.m))
        return tag(join_all(p.items), index.m)
    if type(p) is Function:
        return machine.library.launcher(machine, p)
    if type(p) is External:
        if p.name == "os.environ":
            return machine.library.environment_read(machine, index, node)
        return Value(None, base.m | index.m)
    if type(p) is Heap:
        if p.kind == "list":
            if isinstance(node.index, ir.Slice):
                if p.items is not None and isinstance(p.items, list) and not index.m and _whole(node.index):
                    return new_list(machine, list(p.items), p.element)
                return new_list(machine, None, tag(element_of(machine, base), index.m))
            exact = p.items or []
            if isinstance(index.p, Known) and isinstance(index.p.v, int) and -len(exact) <= index.p.v < len(exact):
                return tag(exact[index.p.v], index.m)
            return tag(element_of(machine, base), index.m)
        if p.kind == "dict":
            if environments.is_copy(p):
                own = environments.held(machine, p, index)
                return own if own is not None else machine.library.environment_read(machine, index, node)
            key = key_of(index)
            if key is not None and key in p.attrs:
                found = p.attrs[key]
                return found if p.element is None else join(found, p.element)
            parts = list(p.attrs.values())
            if p.element is not None:
                parts.append(p.element)
            if not parts:
                return Value(None, base.m | p.origins)
            if key is not None and p.element is not None:
                return p.element
            return tag(join_all(parts), index.m)
        if p.kind == "instance" and p.cls is not None:
            if p.cls.find("__getitem__") is not None:
                return machine.call_own(base, "__getitem__", [index])
            for name in ("layers", "blocks"):
                if name in p.attrs:
                    return tag(element_of(machine, p.attrs[name]), index.m)
        if p.kind == "optimizer":
            return Value(None, base.m)
        if p.kind == "external" and p.element is not None:
            return tag(p.element, index.m)
        return Value(SOME, base.m | p.origins | index.m)
    origins = base.m | index.m
    # Indexing tokens picks tokens: what the index was made from stays an origin; so does the iteration.
    return Value(SOME if p is SOME else None, origins)


def _bounds(machine: Machine, index: ir.Slice) -> list[Value]:
    none = Value(Known(None))
    return [none if part is None else machine.eval(part) for part in (index.lower, index.upper, index.step)]


def _cut(held: object, *bounds: object) -> object:
    """Return ``held[a:b:c]`` of a constant; raises FoldError."""
    lower, upper, step = (bound if isinstance(bound, int) else None for bound in bounds)
    if not isinstance(held, str | bytes | tuple) or step == 0 or [lower, upper, step] != list(bounds):
        raise FoldError
    return held[lower:upper:step]


def _whole(index: ir.Slice) -> bool:
    return index.lower is None and index.upper is None


def set_item(machine: Machine, heap: Heap, key: Value, value: Value) -> None:
    """Put ``value`` under ``key`` into a dict."""
    name = key_of(key)
    if name is None:
        heap.origins |= key.m
        value = presence.put(machine, value)
        heap.element = value if heap.element is None else join(heap.element, value)
        machine.heap_version += 1
    else:
        machine.store_field(heap.attrs, name, value, machine.all, heap)


def update_dict(machine: Machine, heap: Heap, other: Value) -> None:
    """Merge another mapping into a dict."""
    p = other.p
    if isinstance(p, Heap) and p.kind == "dict":
        for key, value in p.attrs.items():
            machine.store_field(heap.attrs, key, value, machine.all, heap)
        if p.element is not None:
            if environments.is_copy(p) and heap.element is None:
                heap.made_with.update(p.made_with)
            given = presence.put(machine, p.element)
            heap.element = given if heap.element is None else join(heap.element, given)
        heap.origins |= p.origins
    elif environments.is_environment(other) and not heap.attrs and heap.element is None:
        environments.copied(machine, heap)
    else:
        value = presence.put(machine, Value(None, deep(other)))
        heap.element = value if heap.element is None else join(heap.element, value)


def extend(machine: Machine, heap: Heap, other: Value) -> None:
    """Append another iterable's items to a list."""
    items = exact_items(machine, other)
    machine.heap_version += 1
    if heap.items is not None and items is not None and not machine.loops and not machine.weak & ~1:
        heap.items = [*heap.items, *(presence.put(machine, item) for item in items)]
        return
    append_any(heap, presence.put(machine, element_of(machine, other)))


def append(machine: Machine, heap: Heap, value: Value) -> None:
    """Append one value to a list; under a condition on the iteration, it was picked for that iteration."""
    machine.heap_version += 1
    for iterations, depth in machine.picking:
        if depth == machine.depth:
            value = tag(value, iterations)
    value = presence.put(machine, value)
    if heap.items is not None and len(heap.items) < MAX_EXACT and not machine.in_loop and not machine.weak & ~1:
        heap.items = [*heap.items, value]
    else:
        append_any(heap, value)


def append_any(heap: Heap, value: Value) -> None:
    """Let a list hold ``value`` among its elements, without knowing where."""
    parts = [*(heap.items or ()), value]
    if heap.element is not None:
        parts.append(heap.element)
    heap.items = None
    heap.element = join_all(parts)
