"""Values that differ by setting: which may be true where, and one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from auditor.program import ir
from auditor.program.walk import walk
from auditor.timeline.engine import births
from auditor.timeline.values.atoms import LISTING, TRAIN, VAL
from auditor.timeline.values.constants import is_none, truthiness
from auditor.timeline.values.frames import Guard, Operand
from auditor.timeline.values.payloads import (
    UNKNOWN,
    Either,
    Heap,
    Known,
    Payload,
    PerSetting,
    Value,
    at_setting,
    merge,
    same,
)

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine


TURNED = "turned"  # the family of switches that decided which of several values something has


def per_option(machine: Machine, base: Value, compute: Callable[[Value], Value]) -> Value:
    """Return ``compute`` of each payload that ``base`` may have, merged by setting."""
    return _each(machine, base, machine.alternatives(base), compute)


def per_thing(machine: Machine, base: Value, compute: Callable[[Value], Value]) -> Value:
    """Return ``compute`` of each payload that ``base`` may have but None, which has no attributes of its own."""
    options = machine.alternatives(base)
    return _each(machine, base, [(p, bits) for p, bits in options if not is_none(p)] or options, compute)


def _each(
    machine: Machine, base: Value, options: list[tuple[Payload, int]], compute: Callable[[Value], Value]
) -> Value:
    live = machine.live
    out: Value | None = None
    done = 0
    for payload, bits in options:
        machine.live = live & bits
        value = compute(Value(payload, base.m))
        out = value if out is None else merge(value, out, bits, done, machine.count)
        done |= bits
    machine.live = live
    return UNKNOWN if out is None else out


def truth(machine: Machine, value: Value) -> tuple[int, int]:
    """Return the settings for which ``value`` may be true, and for which it may be false."""
    p = value.p
    if type(p) is PerSetting:
        yes = no = 0
        for index, payload in enumerate(p.each):
            t = truthiness(payload)
            if t is not False:
                yes |= 1 << index
            if t is not True:
                no |= 1 << index
        return yes, no
    t = truthiness(p)
    if t is None and type(p) is Heap and p.kind == "list" and value.m & LISTING and value.m & (VAL | TRAIN):
        t = True  # the challenge's shards are there
    return (machine.all if t is not False else 0), (machine.all if t is not True else 0)


def alternatives(machine: Machine, value: Value) -> list[tuple[Payload, int]]:
    """Return the payloads that ``value`` may have among the live settings, each with its settings."""
    p = value.p
    if type(p) is PerSetting:
        found: list[tuple[Payload, int]] = []
        for index, payload in enumerate(p.each):
            bit = 1 << index
            if not machine.live & bit:
                continue
            options = payload.options if isinstance(payload, Either) else (payload,)
            for option in options:
                for at, (seen, bits) in enumerate(found):
                    if same(seen, option):
                        found[at] = (seen, bits | bit)
                        break
                else:
                    found.append((option, bit))
        return found
    if type(p) is Either:
        return [(option, machine.live) for option in p.options]
    return [(p, machine.live)]


def turned(machine: Machine, test: Value, yes: int, no: int) -> int:
    """Return, as origins, the switches of a condition that parts the settings; 0 where it does not.

    They are not those that a value is made from (family "setting"): it could be evaluated, and no log prints it.
    """
    if yes == no:
        return 0
    names = machine.atoms.meanings(test.m, "setting")
    out = test.m & machine.atoms.family(TURNED)
    for name in names:
        out |= machine.atoms.bit(TURNED, str(name))
    return out


def told_apart(merged: Value, one: Value, other: Value, switches: int) -> Value:
    """Return what two ways left with the ``switches`` that tell which of a constant and something else it is."""
    if switches and type(merged.p) is PerSetting and (type(one.p) is Known or type(other.p) is Known):
        return Value(merged.p, merged.m | switches)
    return merged


def _parts(machine: Machine, test: Value) -> bool:
    """Return whether a condition holds under one of the settings in play and not, or perhaps not, under another.

    Or may hold with values of the switches that are not in play, and under no setting that is.
    """
    yes, no = machine.truth(test)
    ours = machine.all & ~1
    if not yes & ours:
        return bool(yes)
    return bool(yes & ~no & ours) + bool(no & ~yes & ours) + bool(yes & no & ours) > 1


def guard(
    machine: Machine, node: ir.Expr, test: Value, passes: int, *, taken: bool, branches: ir.If | None = None
) -> bool:
    """Push a condition on the way, that of ``branches``, when it reads a setting; return whether it was pushed."""
    mask = test.m & machine.atoms.family("setting")
    chosen = test.m & machine.atoms.family(TURNED)
    if chosen and _parts(machine, test):
        mask |= chosen
    made, made_if = births.asked_for(machine, node)
    if not mask and made:
        machine.guards.append(Guard(machine.site(node), (), passes, taken, made=made, made_if=made_if))
    if not mask:
        return bool(made)
    names = machine.named.get(mask)
    if names is None:
        told = [*machine.atoms.meanings(mask, "setting"), *machine.atoms.meanings(mask, TURNED)]
        names = machine.named[mask] = tuple(dict.fromkeys(str(name) for name in told))
    operands = _operands(machine, node) if isinstance(node, ir.BoolOp) else ()
    asks, may = _asks_whether_there(machine, node), machine.truth(test)
    either = isinstance(node, ir.BoolOp) and node.op == "or"
    shared = _shared(machine, branches) if branches is not None else frozenset()
    machine.guards.append(
        Guard(machine.site(node), names, passes, taken, may, operands, asks, either, shared, made, made_if)
    )
    return True


def _shared(machine: Machine, node: ir.If) -> frozenset[str]:
    """Return the names of what both ways call; all that the one calls, where it ends there and the other goes on."""
    known = machine.sharing.get(id(node))
    if known is None:
        names: frozenset[str] = frozenset()
        if node.orelse or isinstance(node.body[-1], ir.Return):
            names = _called(node.body) & (_called(node.orelse) if node.orelse else _called(node.body))
        known = machine.sharing[id(node)] = node, names
    return known[1]


def _called(body: Sequence[ir.Stmt]) -> frozenset[str]:
    calls = [part.func for stmt in body for part in walk(stmt) if part.__class__ is ir.Call]
    return frozenset(f.attr if isinstance(f, ir.Attr) else f.id for f in calls if isinstance(f, ir.Attr | ir.Name))


def _asks_whether_there(machine: Machine, node: ir.Expr) -> bool:
    known = machine.asking.get(id(node))
    if known is None:
        asks = any(
            part.__class__ is ir.Compare
            and any(
                op in ("is", "is not") and isinstance(right, ir.Const) and right.value is None
                for op, right in zip(part.ops, part.rights, strict=True)
            )
            for part in walk(node)
        )
        known = machine.asking[id(node)] = node, asks
    return known[1]


def _operands(machine: Machine, node: ir.BoolOp) -> tuple[Operand, ...]:
    """Return what a condition joins, as far as it was evaluated just now, each by itself."""
    at, operands = machine.joined
    if at is not node:
        return ()
    return tuple(Operand(_switches(machine, value), machine.truth(value)) for value in operands)


def _switches(machine: Machine, value: Value) -> tuple[str, ...]:
    own = machine.atoms.meanings(value.m, "setting")
    chosen = machine.atoms.meanings(value.m, TURNED) if _parts(machine, value) else []
    return tuple(dict.fromkeys(str(name) for name in (*own, *chosen)))


def other_way(machine: Machine, guard: Guard, passes: int) -> Guard:
    """Return the guard of the other branch."""
    return replace(guard, passes=passes, taken=not guard.taken)


def open_switches(machine: Machine, node: ir.Expr, live: int) -> int:
    """Return the settings for which a switch in the condition ``node`` could not be evaluated."""
    if isinstance(node, ir.BoolOp):
        out = 0
        for operand in node.values:
            out |= machine.open_switches(operand, live)
        return out
    if isinstance(node, ir.UnaryOp) and node.op == "not":
        return machine.open_switches(node.operand, live)
    family = machine.atoms.family("setting")
    parts = [node.left, *node.rights] if isinstance(node, ir.Compare) else [node]
    if not isinstance(node, ir.Compare | ir.Name | ir.Attr | ir.Subscript):
        return 0
    values = [machine.eval(part) for part in parts]
    if not all(v.m & family or isinstance(v.p, Known) for v in values):
        return 0
    if any(v.m & ~family for v in values):
        return 0
    if any(isinstance(at_setting(v.p, i), Either) for v in values for i in range(machine.count)):
        return 0  # data chooses between values that are known
    value = values[0] if len(values) == 1 else machine.eval(node)
    yes, no = machine.truth(value)
    return yes & no & live & ~1


class Fallback(Struct, frozen=True):
    """A branch for the case that something which was filled before is empty: ``what``, and whether it is the first."""

    what: str
    taken: bool


def left_empty(machine: Machine, node: ir.Expr, test: Value) -> Fallback | None:
    """Return the branch of a condition that runs only where a container is empty that was filled before, if one does.

    Whether it was filled in the run at hand can't be told.
    """
    denied = isinstance(node, ir.UnaryOp) and node.op == "not"
    named = node.operand if isinstance(node, ir.UnaryOp) and denied else node
    if not isinstance(named, ir.Name | ir.Attr):
        return None
    p = machine.eval(named).p if denied else test.p
    if not isinstance(p, Heap) or p.kind not in ("dict", "list") or p.cls is not None:
        return None
    if not (p.attrs or p.items or p.element is not None):
        return None
    text = machine.frame.scope.source.text[named.start : named.end]
    return Fallback(" ".join(text.split())[:60], denied)
