"""Counts of each candidate, divided by what is not their sum: no distribution over the candidates.

A hashed table of pairs is asked for every candidate (``(h * k + arange(V)) % size``), and the counts are divided by
the count of another table (the context's): the candidates' buckets hold other pairs, too, so the quotients add up to
anything. Divided by their own sum, at once or later, they are a distribution (#972 against its rerun #978).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import arguments
from auditor.timeline.engine.calls import heeds
from auditor.timeline.engine.plain import past_plain
from auditor.timeline.engine.signals import Tracker
from auditor.timeline.events import Lookup
from auditor.timeline.trackers.keys.reads import Keys
from auditor.timeline.trackers.mixtures.mixtures import emit
from auditor.timeline.values.payloads import Value

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine

_DIVISIONS = frozenset({"div", "div_", "divide", "true_divide", "truediv"})
_PICKS = frozenset({"gather", "take", "take_along_dim", "take_along_axis", "index_select"})
_NORMALISES = frozenset({"softmax", "log_softmax", "normalize", "renorm"})


class Ratios(Tracker):
    """Counts of candidates and what divides them."""

    rank = 20

    @past_plain
    def subscripted(self, base: Value, index: Value, node: ir.Subscript, out: Value) -> Value:
        """Note what an index picks."""
        return picked(self.machine, index.m, base.m, out)

    @past_plain
    def combined(self, node: ir.BinOp | ir.AugAssign, left: Value, right: Value, out: Value) -> Value:
        """Note a ratio."""
        if node.op != "/":
            return out
        origins = _divided(self.machine, node, left.m, right.m, out.m)
        return out if origins == out.m else Value(out.p, origins)

    @heeds(_NORMALISES, _PICKS, _DIVISIONS, frozenset({"arange"}))
    def called(self, func: Value, args: Args, node: ir.Call, out: Value) -> Value:
        """Note what a library divides or normalises."""
        name = arguments.callee_name(func)
        return called(self.machine, name, arguments.given_to(func, args), node, numbered(self.machine, name, out))


def numbered(machine: Machine, name: str, out: Value) -> Value:
    """Return the result of a call, marked as one number for each candidate if it is."""
    return Value(out.p, out.m | machine.of(Keys).every) if name == "arange" else out


def picked(machine: Machine, index: int, base: int, out: Value) -> Value:
    """Return what an index picks: it is not numbered itself because its index was."""
    lost = index & machine.of(Keys).every & ~base
    return Value(out.p, out.m & ~lost) if lost else out


def called(machine: Machine, name: str, given: list[Value], node: ir.Node, out: Value) -> Value:
    """Return the result of a call outside the program, with the ratio that it makes or that it normalises."""
    if name in _NORMALISES and out.m & machine.of(Keys).ratios:
        return Value(out.p, out.m & ~machine.of(Keys).ratios)
    if name in _PICKS and given:
        return picked(machine, _origins(given[1:]), given[0].m, out)
    if name in _DIVISIONS and len(given) > 1:
        return Value(out.p, _divided(machine, node, given[0].m, given[1].m, out.m))
    return out


def _origins(values: list[Value]) -> int:
    """Return the origins of all of ``values``."""
    origins = 0
    for value in values:
        origins |= value.m
    return origins


def _divided(machine: Machine, node: ir.Node, above: int, below: int, origins: int) -> int:
    keys = machine.of(Keys)
    own = above & below & keys.ratios
    if own:
        return origins & ~own  # by its own sum
    if not above & keys.lookups or not below & keys.lookups:
        return origins
    counted = [found for found in _lookups(machine, above) if found.candidates]
    if not counted or any(found.candidates for found in _lookups(machine, below)):
        return origins
    atom = emit(machine, "ratio", node)
    keys.ratios |= atom
    return origins | atom


def _lookups(machine: Machine, origins: int) -> list[Lookup]:
    return [found for found in machine.atoms.meanings(origins, "lookup") if isinstance(found, Lookup)]
