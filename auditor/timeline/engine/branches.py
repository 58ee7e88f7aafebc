"""Open conditions by number: the same number for every condition on the same values.

A branch is a condition's number, which is even, or that plus one where the condition does not hold. What runs under
``a and b`` runs under ``a`` and under ``b``: it has their branches beside that of the whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from msgspec import Struct

from auditor.program import ir
from auditor.timeline.engine import conditions
from auditor.timeline.values.payloads import UNKNOWN, Either, Known, Payload, PerSetting, Some, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine

Key = tuple[object, ...]


class Branches(Struct, frozen=True):
    """The branches of one condition: those that are taken where it holds, and where it does not, the whole's last."""

    taken: tuple[int, ...]
    other: tuple[int, ...]

    @property
    def whole(self) -> int:
        """Return the branch where the condition as a whole holds."""
        return self.taken[-1]


def of(machine: Machine, test: ir.Expr, matters: int, *, known: bool = False) -> Branches:
    """Return the branches of a condition that is open; parts that are certain under ``matters`` are left out.

    ``known``: the value of the whole was asked just now, so that what has no parts needs not be asked again.
    """
    seen: dict[int, int | None] = {}
    core = test
    while type(core) is ir.UnaryOp and core.op == "not":
        core = core.operand
    if known and type(core) is not ir.BoolOp:
        seen[id(core)] = _number(machine, core)
    taken = _terms(machine, test, True, matters, seen)
    other = _terms(machine, test, False, matters, seen)
    if not taken or not other:
        fresh = _fresh(machine)
        return Branches((fresh,), (fresh ^ 1,))
    if len(taken) > 1:
        taken.append(other[-1] ^ 1)
    elif len(other) > 1:
        other.append(taken[-1] ^ 1)
    return Branches(tuple(taken), tuple(other))


def still_open(machine: Machine, branches: Iterable[int]) -> list[int]:
    """Return those of ``branches`` that say something: neither decided nor told by their parts."""
    kept = list(branches)
    known = set(kept)
    told = machine.conjunctions
    return [b for b in kept if b & ~1 not in machine.decided and not (b in told and told[b] <= known)]


def _terms(machine: Machine, test: ir.Expr, holds: bool, matters: int, seen: dict[int, int | None]) -> list[int]:
    """Return the branches that together say that ``test`` comes out as ``holds``.

    ``seen`` are the numbers that parts of the condition at hand were given, None for what is certain.
    """
    if type(test) is ir.UnaryOp and test.op == "not":
        return _terms(machine, test.operand, not holds, matters, seen)
    if type(test) is not ir.BoolOp:
        if id(test) not in seen:
            seen[id(test)] = _number_of(machine, test, matters)
        number = seen[id(test)]
        return [] if number is None else [number ^ (not holds)]
    every = (test.op == "and") is holds
    found: dict[int, None] = {}
    for part in test.values:
        found |= dict.fromkeys(_terms(machine, part, holds if every else not holds, matters, seen))
    if every or not found:
        return list(found)
    if len(found) == 1:
        return [next(iter(found)) ^ 1]
    whole = _numbered(machine, ("all", *sorted(found)))
    machine.conjunctions[whole] = frozenset(found)
    return [whole ^ 1]


def _number_of(machine: Machine, test: ir.Expr, matters: int) -> int | None:
    """Return the number of a part of a condition; None where it is certain under ``matters``."""
    value = _certain(machine, test)
    if value is not None:
        yes, no = machine.truth(value)
        if not yes & no & matters:
            return None
    return _number(machine, test)


def _number(machine: Machine, test: ir.Expr) -> int:
    key = _key(machine, test)
    return _fresh(machine) if key is None else _numbered(machine, key)


def _key(machine: Machine, test: ir.Expr) -> Key | None:
    """Return what a condition asks of which values, or None where something is called or may change in place."""
    if type(test) is ir.Const:
        return ("const", type(test.value), test.value)
    if type(test) is ir.Name or type(test) is ir.Attr:
        value = machine.eval(test)
        return ("is", value) if value is not UNKNOWN and _stays(value.p) else None
    if type(test) is ir.Compare:
        nothing = _asks_for_none(test)
        parts = [_key(machine, part) for part in (test.left, *test.rights)]
        if nothing and parts[0] is None and isinstance(test.left, ir.Name | ir.Attr):
            value = machine.eval(test.left)
            parts[0] = None if value is UNKNOWN else ("is", value)
        return None if None in parts else ("compared", *test.ops, *parts)
    return None


def _stays(p: Payload) -> bool:
    """Return whether a value says the same whenever it is asked: a number does, a list may have grown."""
    if isinstance(p, PerSetting):
        return all(_stays(each) for each in p.each)
    if isinstance(p, Either):
        return all(_stays(option) for option in p.options)
    return p is None or isinstance(p, Some | Known)


def _certain(machine: Machine, test: ir.Expr) -> Value | None:
    """Return the truth value of a part of a condition, or None where something would have to be called for it."""
    if isinstance(test, _SIMPLE):
        return machine.eval(test)
    if isinstance(test, ir.Compare) and len(test.ops) == 1:
        left, right = test.left, test.rights[0]
        if isinstance(left, _SIMPLE) and isinstance(right, _SIMPLE):
            return conditions.compare(machine, test.ops[0], machine.eval(left), machine.eval(right))
    return None


_SIMPLE = (ir.Name, ir.Attr, ir.Const)


def _asks_for_none(test: ir.Compare) -> bool:
    right = test.rights[0]
    return test.ops[0] in ("is", "is not") and isinstance(right, ir.Const) and right.value is None


def _numbered(machine: Machine, key: Key) -> int:
    known = machine.branch_of.get(key)
    if known is None:
        known = machine.branch_of[key] = _fresh(machine)
    return known


def _fresh(machine: Machine) -> int:
    machine.branch_count += 2
    return machine.branch_count
