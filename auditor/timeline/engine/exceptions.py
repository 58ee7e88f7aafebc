"""Exceptions as control flow: what is raised reaches the handlers that may catch it, with its value.

An exception that nothing catches ends the run. A run that ends so reports nothing, so where a condition that is
decided would lead to one under every setting, the way past it is the one that is followed (see ``do_if``).
"""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING

from msgspec import Struct, field

from auditor.program import ir
from auditor.timeline.engine import arguments, containers
from auditor.timeline.values.payloads import UNKNOWN, Class, External, Heap, Payload, Tup, Value, join, join_all

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine

BUILTIN = {
    name: cls for name, cls in vars(builtins).items() if isinstance(cls, type) and issubclass(cls, BaseException)
}


class Attempt(Struct):
    """A ``try`` (or a context that may swallow) in progress, and what was raised in it under which settings."""

    raised: list[tuple[Value, int]] = field(default_factory=list)

    @property
    def bits(self) -> int:
        """Return the settings under which something was raised."""
        out = 0
        for _, bits in self.raised:
            out |= bits
        return out


def is_exception(cls: Class) -> bool:
    """Return whether a class of the program is an exception."""
    return any(base in BUILTIN for base in cls.external_bases())


def made(name: str, args: arguments.Args, machine: Machine) -> Value | None:
    """Return an instance of a built-in exception, None when ``name`` is something else."""
    if name not in BUILTIN:
        return None
    heap = Heap("external", name=name, made_at=machine.order)
    heap.attrs["args"] = Value(Tup(args.positional), args.origins())
    if args.positional:
        heap.attrs["value"] = args.positional[0]
    return Value(heap, args.origins())


def do_raise(machine: Machine, node: ir.Raise) -> None:
    """Raise: what follows is not reached; the innermost handler that may catch it gets the value."""
    value = machine.handling[-1] if machine.handling else UNKNOWN
    if node.exc is not None:
        value = machine.eval(node.exc)
        if isinstance(value.p, Class | External):
            value = machine.call(value, arguments.Args(node=node), node.exc)
    throw(machine, value, machine.live)
    machine.live = 0


def throw(machine: Machine, value: Value, bits: int) -> None:
    """Let ``value`` be raised here under the settings ``bits``."""
    if machine.attempts:
        machine.attempts[-1].raised.append((value, bits))
        machine.frame.thrown |= bits
    else:
        machine.frame.died |= bits


def do_try(machine: Machine, node: ir.Try) -> None:
    """Follow a body and its handlers, any of which may run, and what comes after."""
    live = machine.live
    frame = machine.frame
    names = frame.names
    left = frame.returned_bits | machine.jumped
    attempt = Attempt()
    outer_thrown = frame.thrown
    if node.handlers:
        machine.attempts.append(attempt)
    machine.block(node.body)
    if node.handlers:
        machine.attempts.pop()
        frame.thrown = outer_thrown
    body_live = machine.live
    # What neither went on nor left by return or break was raised for certain.
    certain = attempt.bits & live & ~body_live & ~((frame.returned_bits | machine.jumped) & ~left)
    if body_live and node.orelse:
        machine.block(node.orelse)
        body_live = machine.live
    handled = 0
    if node.handlers:
        handled = _handlers(machine, node, attempt, live, body_live, certain)
        for value, bits in attempt.raised:
            if not any(_catches(machine, handler, value) is not False for handler in node.handlers):
                throw(machine, value, bits)
    machine.live = body_live | handled
    if node.finalbody:
        was = machine.live
        machine.live = live
        machine.block(node.finalbody)
        machine.live &= was
    assert names is frame.names


def _handlers(machine: Machine, node: ir.Try, attempt: Attempt, live: int, body_live: int, certain: int) -> int:
    """Follow every handler; return the settings under which one of them goes on."""
    names = machine.frame.names
    after_body = dict(names)
    weak = machine.weak
    merged = after_body
    handled = 0
    for handler in node.handlers:
        caught = [value for value, _ in attempt.raised if _catches(machine, handler, value) is not False]
        sure = 0
        for value, bits in attempt.raised:
            if _catches(machine, handler, value):
                sure |= bits & certain
        if sure and sure == live:
            machine.live = sure
        else:
            sure = 0
            machine.live = live
            machine.weak = weak | live
            machine.branch_count += 2
            machine.branches.append(machine.branch_count)
        names.clear()
        names.update(after_body)
        if handler.type is not None:
            machine.eval(handler.type)
        value = join_all(caught) if caught else UNKNOWN
        if handler.name:
            names[handler.name] = value
        machine.handling.append(value)
        machine.block(handler.body)
        machine.handling.pop()
        if not sure:
            machine.branches.pop()
            machine.weak = weak
        else:
            certain &= ~sure
        if machine.live:
            handled |= machine.live
            for name, value in names.items():
                other = merged.get(name)
                if other is None or sure:
                    merged[name] = value
                elif other is not value and not isinstance(_handler_import(node), bool):
                    merged[name] = join(other, value) if body_live else value
    machine.weak = weak
    names.clear()
    names.update(merged)
    return handled


def _handler_import(node: ir.Try) -> bool | None:
    """Return False when a try only guards an import (its handler's values then don't replace the import)."""
    if all(isinstance(s, ir.Import | ir.ImportFrom) for s in node.body[:1]):
        return False
    return None


def _catches(machine: Machine, handler: ir.Handler, value: Value) -> bool | None:
    """Return whether a handler catches an exception; None when that is not known."""
    if handler.type is None:
        return True
    wanted = machine.eval(handler.type)
    found = [
        _is_a(payload, cls.p)
        for payload, _ in machine.alternatives(value)
        for cls in containers.exact_items(machine, wanted) or [wanted]
    ]
    if True in found:
        return True
    return None if None in found or not found else False


def _is_a(p: Payload, cls: Payload) -> bool | None:
    if not isinstance(p, Heap):
        return None
    if isinstance(cls, External) and cls.name in ("Exception", "BaseException"):
        return True
    if p.cls is not None:
        if isinstance(cls, Class):
            return cls in p.cls.lineage()
        bases = p.cls.external_bases()
        if isinstance(cls, External) and all(base in BUILTIN for base in bases):
            wanted = BUILTIN.get(cls.name)
            return wanted is not None and any(issubclass(BUILTIN[base], wanted) for base in bases)
        return None
    own = BUILTIN.get(p.name)
    if own is None:
        return None
    if isinstance(cls, External):
        wanted = BUILTIN.get(cls.name)
        return None if wanted is None else issubclass(own, wanted)
    return False if isinstance(cls, Class) else None
