"""Tokens of which those that are picked at random are replaced, and losses that count at those places only.

A masked denoiser reads both sides of what it predicts; the sum of its losses where tokens were replaced is a bound of
the loss that a score is made of. What was picked is followed by the comparison that picked it, and by its opposite.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import arguments
from auditor.timeline.engine.calls import heeds
from auditor.timeline.engine.plain import past_plain
from auditor.timeline.engine.signals import Tracker
from auditor.timeline.events import Report
from auditor.timeline.trackers.keys.reads import Keys
from auditor.timeline.values.atoms import RANDOM, VAL
from auditor.timeline.values.payloads import Value

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine

Pick = tuple[int, bool]  # the comparison that drew, and whether it is where it held or where it didn't

_DRAWS = frozenset({"bernoulli", "bernoulli_"})
_OPPOSITE = frozenset({"logical_not", "bitwise_not"})
_PICKS = frozenset({"where", "masked_fill", "masked_fill_", "mul", "mul_", "masked_select"})


class Noise(Tracker):
    """What is replaced at random, and what is counted there."""

    rank = 19

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.bounds: list[Report] = []  # reports whose losses count where tokens were replaced
        self.draws = False

    @property
    def hidden(self) -> int:
        """The origins of tokens of which some are replaced."""
        return self.machine.atoms.family("hidden")

    def _picks(self, origins: int, family: str = "drawn") -> Iterator[Pick]:
        for meaning in self.machine.atoms.meanings(origins, family):
            if isinstance(meaning, tuple):
                yield meaning

    def _with(self, value: Value, family: str, picks: list[Pick]) -> Value:
        bits = value.m
        for pick in picks:
            bits |= self.machine.atoms.bit(family, pick)
        return value if bits == value.m else Value(value.p, bits)

    def _opposite(self, value: Value) -> Value:
        picks = list(self._picks(value.m))
        bare = Value(value.p, value.m & ~self.machine.atoms.family("drawn"))
        return self._with(bare, "drawn", [(place, not held) for place, held in picks])

    @past_plain
    def compared(self, op: str, left: Value, right: Value, node: ir.Compare, out: Value) -> Value:
        """Note what a comparison draws, and where replaced tokens are told from others."""
        if not out.m & RANDOM:
            return out
        hidden = self.hidden
        if left.m & hidden and not right.m & (hidden | VAL) and op in ("==", "!="):
            bare = Value(out.p, out.m & ~self.machine.atoms.family("drawn"))
            return self._with(bare, "drawn", [(p, held == (op == "==")) for p, held in self._picks(left.m, "hidden")])
        if (left.m ^ right.m) & RANDOM and not (left.m | right.m) & hidden:
            self.draws = True
            return self._with(out, "drawn", [(node.start, True)])
        return out

    def negated(self, node: ir.UnaryOp, out: Value) -> Value:
        """Note the opposite of what was picked."""
        return self._opposite(out) if self.draws and node.op in ("~", "not") else out

    @heeds(_DRAWS, _OPPOSITE, _PICKS)
    def called(self, func: Value, args: Args, node: ir.Call, out: Value) -> Value:
        """Note what a library's function draws, replaces or keeps."""
        if not out.m & RANDOM:
            return out
        name = arguments.callee_name(func)
        if name in _DRAWS:
            self.draws = True
            return self._with(out, "drawn", [(node.start, True)])
        if not self.draws:
            return out
        if name in _OPPOSITE:
            return self._opposite(out)
        given = arguments.given_to(func, args)
        if name == "where" and len(given) > 2:
            return self._chosen(given[0], given[1], given[2], out)
        if name in ("masked_fill", "masked_fill_") and len(given) > 2:
            return self._chosen(given[1], given[2], given[0], out)
        if name in ("mul", "mul_", "masked_select") and len(given) > 1:
            return self._counted(given[0], given[1], out)
        return out

    def _chosen(self, condition: Value, yes: Value, no: Value, out: Value) -> Value:
        """Note what ``where(condition, yes, no)`` replaces of the tokens, or keeps of their losses."""
        picks = list(self._picks(condition.m))
        gold = self.machine.of(Keys).gold
        for value, other, held in ((no, yes, True), (yes, no, False)):
            if value.m & gold and not other.m & VAL:
                return self._counted_at(value, [(place, kept == (not held)) for place, kept in picks], out)
            if value.m & VAL and not other.m & VAL:
                return self._with(out, "hidden", [(place, kept == held) for place, kept in picks])
        return out

    def item_stored(self, base: Value, node: ir.Subscript, out: tuple[Value, Value]) -> tuple[Value, Value]:
        """Note tokens that are replaced in place."""
        index, value = out
        if self.draws and base.m & VAL and not value.m & VAL:
            return index, self._with(value, "hidden", list(self._picks(index.m)))
        return out

    @past_plain
    def combined(self, node: ir.BinOp | ir.AugAssign, left: Value, right: Value, out: Value) -> Value:
        """Note losses that are multiplied by what was picked."""
        if not self.draws or node.op != "*":
            return out
        return self._counted(right, left, self._counted(left, right, out))

    @past_plain
    def subscripted(self, base: Value, index: Value, node: ir.Subscript, out: Value) -> Value:
        """Note losses at the places that were picked."""
        return self._counted(base, index, out) if self.draws else out

    def _counted(self, losses: Value, factor: Value, out: Value) -> Value:
        gold = self.machine.of(Keys).gold
        if not losses.m & gold or factor.m & gold:
            return out
        return self._counted_at(losses, list(self._picks(factor.m)), out)

    def _counted_at(self, losses: Value, picks: list[Pick], out: Value) -> Value:
        """Note losses that count where ``picks`` say, if that is where their tokens were replaced."""
        replaced = set(self._picks(losses.m, "hidden"))
        both = [pick for pick in picks if pick in replaced and (pick[0], not pick[1]) not in picks]
        return self._with(out, "counted where replaced", both)

    def reported(self, origins: int, report: Report) -> None:
        """Note a score that is made of such losses."""
        if origins & self.machine.atoms.family("counted where replaced"):
            self.bounds.append(report)
