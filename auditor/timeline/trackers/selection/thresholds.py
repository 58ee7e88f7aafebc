"""Thresholds on the prediction of the true token: what they decide, nobody could decide before reading it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import containers
from auditor.timeline.engine.numbers import numbers
from auditor.timeline.trackers.keys.reads import Keys, of_an_earlier_round
from auditor.timeline.trackers.selection.marks import Marks, kept_apart, pending, predicts
from auditor.timeline.values.payloads import Heap, Known, Tup, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine

ORDER = frozenset({"<", ">", "<=", ">="})
_NUMERIC = 1e-3  # a probability below it, or a loss above 30, is only kept from overflowing
_LARGEST = 30.0


def compared(machine: Machine, op: str, left: Value, right: Value, out: Value, node: ir.Node) -> Value:
    """Return a comparison of the true token's prediction with something else: what it selects is gated by it."""
    keys = machine.of(Keys)
    if op not in ORDER or not (left.m ^ right.m) & keys.gold:
        return out
    gold, limit = (left, right) if left.m & keys.gold else (right, left)
    if gold.m & machine.of(Marks).space and predicts(machine, limit):
        bit = machine.atoms.bit("pick", pending(machine, "oracle", node))  # another prediction of the token
        keys.picks |= bit
        return Value(out.p, out.m | bit)
    if not gold.m & machine.of(Marks).space or gold.m & machine.of(Marks).summed or _numeric(machine, limit):
        return out
    if gold.m & machine.of(Marks).gap and not any(numbers(machine, limit).values()):
        bit = machine.atoms.bit("pick", pending(machine, "oracle", node))
    else:
        bit = machine.atoms.bit("pick", pending(machine, "gate", node)) | keys.bounded
        keys.picks |= bit & ~keys.bounded
        above = (op in (">", ">=")) == (gold is left)
        bit |= keys.better if keeps(machine, gold, limit, above=above) else 0
        return Value(out.p, out.m | bit)
    keys.picks |= bit
    return Value(out.p, out.m | bit)


def keeps(machine: Machine, gold: Value, limit: Value, *, above: bool) -> bool:
    """Return whether what passes was predicted better than a constant: small losses, large probabilities."""
    marks = machine.of(Marks)
    space = gold.m & marks.space
    found = numbers(machine, limit).values()
    if not found:
        return False
    if space == marks.losses:
        return not above and all(0.5 <= n < _LARGEST for n in found)
    if space == marks.logs:
        return above and all(-_LARGEST < n <= -0.5 for n in found)
    return space == marks.probs and above and all(_NUMERIC < n < 1 for n in found)


def _numeric(machine: Machine, limit: Value) -> bool:
    """Return whether a bound only keeps numbers finite."""
    found = numbers(machine, limit).values()
    return bool(found) and all(0 < abs(n) <= _NUMERIC or abs(n) >= _LARGEST for n in found)


def either(machine: Machine, test: Value, one: Value, other: Value, out: Value) -> Value:
    """Return ``one if test else other`` as chosen by ``test``, where that looks at the true token's prediction."""
    keys = machine.of(Keys)
    picks = test.m & keys.picks
    if not picks or not (predicts(machine, one) and predicts(machine, other)):
        return out
    if not (containers.deep(one) | containers.deep(other)) & keys.gold:
        return out
    if of_an_earlier_round(machine, test.m):  # what the last document gained says nothing of this one's tokens
        return out
    if test.m & keys.bounded and not kept_apart(machine, one, other):
        return out
    chosen = 0
    for choice in machine.atoms.meanings(picks, "pick"):
        assert isinstance(choice, int)
        chosen |= choice
    return _marked(out, chosen)


def branched(machine: Machine, test: Value, before: Mapping[str, Value], after: dict[str, Value]) -> None:
    """Let the predictions that a branch replaces be chosen by its test."""
    keys = machine.of(Keys)
    if not test.m & keys.picks:
        return
    for name, value in after.items():
        old = before.get(name)
        if old is None or old is value or isinstance(value.p, Known | Heap):
            continue
        after[name] = either(machine, test, value, old, value)


def filtered(machine: Machine, tests: list[Value], out: Value) -> Value:
    """Return a comprehension that keeps what passes ``tests``: a selection of places, where they look at losses."""
    picks = 0
    for test in tests:
        picks |= test.m & machine.of(Keys).picks
    if not picks:
        return out
    p = out.p
    if isinstance(p, Heap):
        p.origins |= picks
    return Value(p, out.m | picks)


def _marked(value: Value, bits: int) -> Value:
    if isinstance(value.p, Tup):
        return Value(Tup(tuple(_marked(item, bits) for item in value.p.items)), value.m | bits)
    return Value(value.p, value.m | bits)
