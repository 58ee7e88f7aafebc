"""Comparisons, ``and`` and ``or``, ``a if b else c``: what may be true, and under which settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import (
    choices,
    containers,
    escapes,
    protocols,
)
from auditor.timeline.values.atoms import under
from auditor.timeline.values.constants import is_none, none_ness, past_first, truthiness
from auditor.timeline.values.folding import fold_compare
from auditor.timeline.values.payloads import (
    SOME,
    UNKNOWN,
    External,
    Heap,
    Known,
    Later,
    Payload,
    PerSetting,
    Value,
    at_setting,
    join_payloads,
    merge,
    per_setting,
)

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine


def eval_boolop(machine: Machine, node: ir.BoolOp) -> Value:
    """Return ``and`` or ``or``; later operands only run where earlier ones let them."""
    conj = node.op == "and"
    live = machine.live
    rest = live
    origins = 0
    each: list[Payload] = [None] * machine.count
    filled = 0
    settled = 0  # settings under which one operand alone decides, whatever those before it are
    last = len(node.values) - 1
    value = UNKNOWN
    operands: list[Value] = []
    for position, operand in enumerate(node.values):
        machine.live = rest
        value = machine.eval(operand)
        operands.append(value)
        machine.joined = node, operands
        if position == last:
            stops, goes = rest, 0
            yes, no = machine.truth(value)
        else:
            yes, no = machine.truth(protocols.condition(machine, value, operand))
            stops, goes = (no & rest, yes & rest) if conj else (yes & rest, no & rest)
        origins |= under(value.m, stops)
        settled |= rest & (no & ~yes if conj else yes & ~no)
        filled_in = not conj and isinstance(value.p, Heap)  # `things or {}` is the things
        if stops == live and not filled and (not goes or filled_in):  # the usual cases: decided by this operand alone
            machine.live = live
            return Value(value.p, origins)
        for index in range(machine.count):
            bit = 1 << index
            if stops & bit:
                own = at_setting(value.p, index)
                each[index] = join_payloads(each[index], own) if filled & bit else own
                filled |= bit
        rest = goes
        if not rest:
            break
    machine.live = live
    for index in range(machine.count):
        if not filled & 1 << index:
            each[index] = at_setting(value.p, index)
        own = at_setting(value.p, index)
        truth = conj or (isinstance(own, Known) and own.v is True)
        if truth and settled & 1 << index and truthiness(each[index]) is None:
            each[index] = Known(not conj)
    return Value(per_setting(each), origins)


def eval_compare(machine: Machine, node: ir.Compare) -> Value:
    """Return a chain of comparisons."""
    left = machine.eval(node.left)
    out: Value | None = None
    for op, operand in zip(node.ops, node.rights, strict=True):
        right = machine.eval(operand)
        part = compare(machine, op, left, right)
        part = machine.signals.compared(op, left, right, node, part)
        out = part if out is None else Value(both(machine, out, part), out.m | part.m)
        left = right
    assert out is not None
    return machine.signals.chained(node, out)


def both(machine: Machine, a: Value, b: Value) -> Payload:
    """Return the payload of ``a and b`` for two truth values."""
    a_yes, a_no = machine.truth(a)
    b_yes, b_no = machine.truth(b)
    return boolean(machine, a_no | b_no, a_yes & b_yes)


def boolean(machine: Machine, yes: int, no: int) -> Payload:
    """Return the payload of ``not``: False where ``yes`` only, True where ``no`` only."""
    each: list[Payload] = []
    for index in range(machine.count):
        bit = 1 << index
        if yes & bit and no & bit:
            each.append(SOME)
        elif no & bit:
            each.append(Known(True))
        else:
            each.append(Known(False))
    return per_setting(each)


_TYPES = frozenset({"bool", "int", "float", "str", "bytes", "list", "tuple", "dict", "set", "frozenset", "complex"})


def _type_named(payload: Payload) -> str:
    """Return the name of a builtin type, "" of anything else: a helper that reads settings asks which one it got."""
    name = payload.name.removeprefix("builtins.") if isinstance(payload, External) else ""
    return name if name in _TYPES else ""


def compare(machine: Machine, op: str, left: Value, right: Value) -> Value:
    """Return the truth value of one comparison."""
    origins = left.m | right.m
    if protocols.speaks(left) or protocols.speaks(right):
        own = protocols.compare(machine, op, left, right, ir.Name(0, 0, op))
        if own is not None:
            return own
    if op in ("is", "is not", "==", "!=") and (is_none(right.p) or is_none(left.p)):
        other = left if is_none(right.p) else right
        each: list[Payload] = []
        for index in range(machine.count):
            payload = at_setting(other.p, index)
            none = none_ness(payload)
            each.append(SOME if none is None else Known(none == (op in ("is", "=="))))
        return Value(per_setting(each), origins)
    if op in ("is", "is not", "==", "!=") and _type_named(left.p) and _type_named(right.p):
        return Value(Known((_type_named(left.p) == _type_named(right.p)) == (op in ("is", "=="))), origins)
    if isinstance(left.p, Later | PerSetting) and op in ("==", "!=", ">", "<="):
        folded = machine.fold(lambda a, b: fold_compare(op, a, b), left, right)
        later = [past_first(op, at_setting(left.p, i), at_setting(right.p, i)) for i in range(machine.count)]
        if any(payload is not None for payload in later):
            mixed = [p or at_setting(folded.p, i) for i, p in enumerate(later)]
            return Value(per_setting(mixed), origins)
        return folded
    if op in ("in", "not in"):
        found = machine.library.in_environment(machine, left, right)
        if found is not None:
            return found if op == "in" else machine.fold(lambda a: not a, found)
        right = containers.as_constant(machine, right)
    return machine.fold(lambda a, b: fold_compare(op, a, b), left, right)


def eval_ifexp(machine: Machine, node: ir.IfExp) -> Value:
    """Return a conditional expression, each side under its settings."""
    test = protocols.condition(machine, machine.eval(node.test), node.test)
    decisive = sum(map(machine.atoms.family, ("setting", choices.TURNED, escapes.FAMILY)))
    yes, no = machine.truth(test)
    live = machine.live
    yes &= live
    no &= live
    if not no or not yes:
        with_guard = machine.guard(node.test, test, yes or no, taken=not no)
        value = machine.eval(node.orelse if no else node.body)
        if with_guard:
            machine.guards.pop()
        return Value(value.p, value.m | test.m & decisive)
    with_guard = machine.guard(node.test, test, yes, taken=True)
    machine.live = yes
    a = machine.eval(node.body)
    if with_guard:
        machine.guards[-1] = machine.other_way(machine.guards[-1], no)
    machine.live = no
    b = machine.eval(node.orelse)
    if with_guard:
        machine.guards.pop()
    machine.live = live
    out = machine.signals.conditional(test, a, b, merge(a, b, yes, no, machine.count))
    return Value(out.p, out.m | test.m & decisive)
