"""Patterns of ``match``: which settings a subject fits under, and what the names are bound to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import attributes, containers
from auditor.timeline.values.payloads import (
    SOME,
    UNKNOWN,
    Class,
    Either,
    External,
    Heap,
    Known,
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

Fit = bool | None  # certain, excluded, or (None) open

_BUILTIN = {"int": int, "float": float, "str": str, "bytes": bytes, "bool": bool, "tuple": tuple}


def eval_match(machine: Machine, node: ir.MatchTest) -> Value:
    """Return whether a case fits its subject; the names of its pattern are bound."""
    subject = machine.eval(node.subject)
    if isinstance(subject.p, PerSetting) and node.guard is None:
        return _under_each(machine, node.pattern, subject)
    fit = fits(machine, node.pattern, subject)
    if node.guard is not None and fit is not False:
        guard = machine.eval(node.guard)
        return guard if fit else Value(SOME, subject.m | guard.m)
    return Value(SOME if fit is None else Known(fit), subject.m)


def _under_each(machine: Machine, pattern: ir.Pattern, subject: Value) -> Value:
    """Return under which settings a subject that they decide fits; names are bound to what any of them gives."""
    found: list[Payload] = []
    for index in range(machine.count):
        fit = fits(machine, pattern, Value(at_setting(subject.p, index), subject.m))
        found.append(SOME if fit is None else Known(fit))
    fits(machine, pattern, subject)
    return Value(per_setting(found), subject.m)


def fits(machine: Machine, pattern: ir.Pattern, subject: Value) -> Fit:
    """Bind what ``pattern`` binds of ``subject``; return whether it fits."""
    kind = pattern.kind
    if kind == "any":
        fit = fits(machine, pattern.parts[0], subject) if pattern.parts else True
        if pattern.name:
            machine.bind_name(pattern.name, subject)
        return fit
    if kind == "or":
        found = [fits(machine, part, subject) for part in pattern.parts]
        return True if True in found else False if not any(f is None for f in found) else None
    if isinstance(subject.p, PerSetting | Either):
        return _of_any(machine, pattern, subject)
    if kind == "value":
        assert pattern.value is not None
        return _equal(machine, subject, machine.eval(pattern.value))
    if kind == "sequence":
        return _sequence(machine, pattern, subject)
    if kind == "mapping":
        return _mapping(machine, pattern, subject)
    return _instance(machine, pattern, subject)


def _of_any(machine: Machine, pattern: ir.Pattern, subject: Value) -> Fit:
    """Match a subject of which only some payloads may fit: names are bound to what any of those gives."""
    found = []
    names: dict[str, list[Value]] = {}
    for payload, _bits in machine.alternatives(subject):
        fit = fits(machine, pattern, Value(payload, subject.m))
        found.append(fit)
        if fit is not False:
            for name in bound(pattern):
                names.setdefault(name, []).append(machine.lookup(name) or UNKNOWN)
    for name, values in names.items():
        machine.bind_name(name, join_all(values))
    return found[0] if found and all(fit is found[0] for fit in found) else None


def bound(pattern: ir.Pattern) -> list[str]:
    """Return the names that a pattern binds."""
    out = [pattern.name] if pattern.name else []
    for part in pattern.parts:
        out.extend(bound(part))
    return out


def _equal(machine: Machine, subject: Value, wanted: Value) -> Fit:
    if isinstance(subject.p, Known) and isinstance(wanted.p, Known):
        return bool(subject.p.v == wanted.p.v)
    if isinstance(subject.p, Tup | Heap) and isinstance(wanted.p, Known) and not isinstance(wanted.p.v, tuple):
        return False
    return None


def _all(found: list[Fit]) -> Fit:
    return False if False in found else True if all(found) else None


def _sequence(machine: Machine, pattern: ir.Pattern, subject: Value) -> Fit:
    parts = pattern.parts
    star = next((i for i, part in enumerate(parts) if part.kind == "star"), None)
    items = containers.exact_items(machine, subject)
    if items is None:
        element = containers.element_of(machine, subject)
        for index, part in enumerate(parts):
            if part.kind != "star":
                fits(machine, part, machine.signals.unpacked(subject, index, element))
            elif part.name:
                machine.bind_name(part.name, containers.new_list(machine, None, element))
        return False if isinstance(subject.p, Known) and not isinstance(subject.p.v, tuple | range) else None
    if star is None:
        if len(items) != len(parts):
            return False
        items = [machine.signals.unpacked(subject, index, item) for index, item in enumerate(items)]
        return _all([fits(machine, part, item) for part, item in zip(parts, items, strict=True)])
    after = len(parts) - star - 1
    if len(items) < star + after:
        return False
    items = [machine.signals.unpacked(subject, index, item) for index, item in enumerate(items)]
    rest = items[star : len(items) - after]
    if parts[star].name:
        machine.bind_name(parts[star].name or "", containers.new_list(machine, rest))
    ends = items[len(items) - after :] if after else []
    pairs = [*zip(parts[:star], items[:star], strict=True), *zip(parts[star + 1 :], ends, strict=True)]
    return _all([fits(machine, part, item) for part, item in pairs])


def _mapping(machine: Machine, pattern: ir.Pattern, subject: Value) -> Fit:
    held = subject.p if isinstance(subject.p, Heap) and subject.p.kind == "dict" else None
    if held is None and isinstance(subject.p, Known | Tup):
        return False
    found: list[Fit] = []
    for key_node, part in zip(pattern.keys, pattern.parts, strict=True):
        key = containers.key_of(machine.eval(key_node))
        if held is not None and key is not None and key in held.attrs:
            found.append(fits(machine, part, held.attrs[key]))
        elif held is not None and key is not None and held.element is None and not held.origins:
            found.append(False)
        else:
            rest = held.element if held is not None and held.element is not None else Value(None, subject.m)
            fits(machine, part, rest)
            found.append(None)
    if pattern.name:
        machine.bind_name(pattern.name, subject)
    return _all(found)


def _instance(machine: Machine, pattern: ir.Pattern, subject: Value) -> Fit:
    assert pattern.value is not None
    cls = machine.eval(pattern.value).p
    own = subject.p.cls if isinstance(subject.p, Heap) and subject.p.kind == "instance" else None
    fit: Fit = None
    if isinstance(cls, Class) and own is not None:
        fit = cls in own.lineage()
    elif isinstance(cls, Class) and isinstance(subject.p, Known | Tup):
        fit = False
    elif isinstance(cls, External) and cls.name in _BUILTIN and isinstance(subject.p, Known):
        fit = isinstance(subject.p.v, _BUILTIN[cls.name])
    if fit is False:
        return False
    found: list[Fit] = [fit]
    names = list(pattern.names)
    positional = len(pattern.parts) - len(names)
    if positional:
        declared = cls.find("__match_args__") if isinstance(cls, Class) else None
        items = containers.exact_items(machine, declared) if declared is not None else None
        given = [i.p.v for i in items or () if isinstance(i.p, Known) and isinstance(i.p.v, str)]
        if not given and isinstance(cls, Class):
            given = list(cls.fields)
        if isinstance(cls, External) and cls.name in _BUILTIN and positional == 1:
            return _all([fit, fits(machine, pattern.parts[0], subject)])
        names = [*given[:positional], *names] if len(given) >= positional else []
    for index, part in enumerate(pattern.parts):
        if index < len(names):
            where = ir.Name(part.start, part.end, "_")
            item = attributes.get_attr(
                machine, subject, names[index], ir.Attr(part.start, part.end, where, names[index])
            )
        else:
            item = Value(None, containers.deep(subject))
        found.append(fits(machine, part, item))
    return _all(found)
