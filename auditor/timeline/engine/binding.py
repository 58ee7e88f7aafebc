"""Names: what is bound to them, and what assigning does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import (
    classes,
    containers,
    presence,
)
from auditor.timeline.values.atoms import under
from auditor.timeline.values.frames import Frame
from auditor.timeline.values.payloads import (
    UNKNOWN,
    Either,
    Known,
    Payload,
    PerSetting,
    Value,
    at_setting,
    join_all,
    per_setting,
)

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine


def lookup(machine: Machine, name: str) -> Value | None:
    """Return the value bound to ``name``, or None."""
    frame: Frame | None = machine.frame
    if frame is not None and frame.scopes.get(name) == "global":
        return frame.scope.names.get(name)
    first = True
    while frame is not None:
        # A class body's names are not visible in its methods.
        if first or frame.func is not None or frame.parent is None:
            value = frame.names.get(name)
            if value is not None:
                return value
        first = False
        if frame.parent is None:
            return frame.scope.names.get(name)
        frame = frame.parent
    return None


def bind(machine: Machine, target: ir.Expr, value: Value) -> None:
    """Assign ``value`` to a target."""
    type(target)
    if type(target) is ir.Name:
        machine.bind_name(target.id, value)
    elif type(target) is ir.Sequence:
        machine.bind_items(target.elts, value)
    elif type(target) is ir.Attr:
        machine.store_attr(machine.eval(target.value), target.attr, value, target)
    elif type(target) is ir.Subscript:
        machine.store_item(target, value)
    elif type(target) is ir.Starred:
        machine.bind(target.value, value)


def bind_name(machine: Machine, name: str, value: Value) -> None:
    """Bind a local (or declared global or nonlocal) name."""
    frame = machine.frame
    names = frame.names
    if frame.scopes:
        declared = frame.scopes.get(name)
        if declared == "global":
            names = frame.scope.names
        elif declared == "nonlocal":
            outer = frame.parent
            while outer is not None and name not in outer.names and outer.parent is not None:
                outer = outer.parent
            if outer is not None:
                names = outer.names
    if value.m & machine.atoms.family("setting"):
        value = machine.printed(name, value)
    held = names.get(name) if names is not frame.names else None
    if held is not None:
        value = presence.replaced(machine, held, value)
    old = names.get(name) if machine.finalizable else None
    names[name] = value
    frame.rebound.add(name)
    if old is not None and old.p is not value.p:
        classes.finalize(machine, old, ir.Name(0, 0, name))


def bind_items(machine: Machine, targets: tuple[ir.Expr, ...], value: Value) -> None:
    """Assign an iterable's items to several targets."""
    items = containers.exact_items(machine, value)
    star = next((i for i, t in enumerate(targets) if isinstance(t, ir.Starred)), None)
    if items is not None and star is not None and len(items) >= len(targets) - 1:
        after = len(items) - (len(targets) - star - 1)
        items = [*items[:star], containers.new_list(machine, items[star:after]), *items[after:]]
    if items is not None and len(items) == len(targets):
        for index, (target, item) in enumerate(zip(targets, items, strict=True)):
            machine.bind(target, _unpacked(machine, value, target, index, item))
        return
    if isinstance(value.p, PerSetting | Either):
        options = value.p.each if isinstance(value.p, PerSetting) else value.p.options
        columns = [_column(machine, Value(option, value.m), len(targets)) for option in options]
        known = [c for c in columns if c is not None]
        if known and star is None:
            for index, target in enumerate(targets):
                parts = [UNKNOWN if c is None else c[index] for c in columns]
                if isinstance(value.p, PerSetting):
                    mask = 0
                    for at, part in enumerate(parts):
                        mask |= under(part.m, 1 << at)
                    machine.bind(
                        target, Value(per_setting([at_setting(part.p, i) for i, part in enumerate(parts)]), mask)
                    )
                else:
                    machine.bind(target, join_all(parts))
            return
    element = containers.element_of(machine, value)
    for index, target in enumerate(targets):
        item = Value(element.p, element.m)  # each a thing of its own, see write_into
        if isinstance(target, ir.Starred):
            item = containers.new_list(machine, None, item)
        machine.bind(target, _unpacked(machine, value, target, index, item))


def _column(machine: Machine, value: Value, count: int) -> list[Value] | None:
    """Return the ``count`` items of one option of a value, whichever of its own it is; None: they aren't known."""
    if not isinstance(value.p, Either):
        items = containers.exact_items(machine, value)
        return items if items is not None and len(items) == count else None
    columns = [_column(machine, Value(option, value.m), count) for option in value.p.options]
    known = [c for c in columns if c is not None]
    if not known:
        return None
    return [join_all([UNKNOWN if c is None else c[index] for c in columns]) for index in range(count)]


def _unpacked(machine: Machine, whole: Value, target: ir.Expr, index: int, item: Value) -> Value:
    """Return ``item``, which an assignment takes from its place in ``whole``; what a star takes stays as it is."""
    return item if isinstance(target, ir.Starred) else machine.signals.unpacked(whole, index, item)


def printed(machine: Machine, name: str, value: Value) -> Value:
    """Return ``value`` with what a log prints for the attribute ``name`` under the log's setting."""
    each: list[Payload] | None = None
    for index, setting in enumerate(machine.settings, start=1):
        if setting.kind != "log":
            continue
        override = setting.overrides.get(name.lower())
        if override is None:
            continue
        if each is None:
            each = [at_setting(value.p, i) for i in range(machine.count)]
        each[index] = Known(machine.library.parse_printed(override.value, at_setting(value.p, 1)))
    return value if each is None else Value(per_setting(each), value.m)


def rebind(machine: Machine, name: str, value: Value) -> None:
    """Bind a name again where it is bound already: here or in the frame that sees it."""
    frame: Frame | None = machine.frame
    while frame is not None:
        if name in frame.names:
            frame.names[name] = value
            return
        frame = frame.parent
    if name in machine.frame.scope.names:
        machine.frame.scope.names[name] = value
    else:
        machine.frame.names[name] = value


def made_trainable(machine: Machine, where: ir.Expr, value: Value) -> None:
    """Let the tensor at ``where``, which is made trainable in place, be the parameter ``value``."""
    if isinstance(where, ir.Name):
        machine.rebind(where.id, value)
    elif isinstance(where, ir.Attr):
        machine.store_attr(machine.eval(where.value), where.attr, value, where)
    elif isinstance(where, ir.Subscript):
        machine.store_item(where, value)
