"""Listens for what is done with predictions of the true token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.program.defined import called_as
from auditor.timeline.engine import arguments, containers
from auditor.timeline.engine.calls import heeds
from auditor.timeline.engine.plain import past_plain
from auditor.timeline.engine.signals import Names, Tracker
from auditor.timeline.trackers.keys.reads import Keys
from auditor.timeline.trackers.mixtures.mixtures import mask, settle_choices
from auditor.timeline.trackers.selection import ranks, records, thresholds, weights
from auditor.timeline.trackers.selection.marks import Marks, pending
from auditor.timeline.values.payloads import External, Heap, Method, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args

_COMPARES = {
    "lt": "<", "less": "<", "gt": ">", "greater": ">", "le": "<=", "less_equal": "<=",
    "ge": ">=", "greater_equal": ">=",
}  # fmt: skip
_LOSSES = frozenset({"cross_entropy", "nll_loss", "NLLLoss", "CrossEntropyLoss", "linear_cross_entropy"})


class Selection(Tracker):
    """Choices, gates, weights and shifts of predictions."""

    rank = 45

    def negated(self, node: ir.UnaryOp, out: Value) -> Value:
        """Note the sign of a loss."""
        if node.op == "-" and out.m & self.machine.of(Marks).space:
            return Value(out.p, weights.negated(self.machine, out.m))
        return out

    @past_plain
    def combined(self, node: ir.BinOp | ir.AugAssign, left: Value, right: Value, out: Value) -> Value:
        """Note arithmetic on losses and probabilities."""
        machine, marks = self.machine, self.machine.of(Marks)
        origins = out.m
        if not origins & marks.space:
            return out
        origins = ranks.combine(machine, node, left, right, origins)
        origins = weights.combine(machine, node, left, right, origins)
        if isinstance(node, ir.AugAssign):
            origins |= marks.summed
            if origins & machine.of(Keys).chosen:
                origins = settle_choices(machine, origins)
        return out if origins == out.m else Value(out.p, origins)

    def compared(self, op: str, left: Value, right: Value, node: ir.Compare, out: Value) -> Value:
        """Note a threshold on the true token's prediction, and a set of places that was picked by one."""
        keys = self.machine.of(Keys)
        if op in ("in", "not in") and isinstance(right.p, Heap):
            return Value(out.p, out.m | right.p.origins & keys.picks | right.m & keys.picks)
        if (left.m ^ right.m) & keys.gold:
            return thresholds.compared(self.machine, op, left, right, out, node)
        return out

    def conditional(self, test: Value, one: Value, other: Value, out: Value) -> Value:
        """Note a conditional expression between predictions."""
        if test.m & self.machine.of(Keys).picks:
            return thresholds.either(self.machine, test, one, other, out)
        return out

    def filtered(self, tests: list[Value], out: Value) -> Value:
        """Note places that are picked by their losses."""
        return thresholds.filtered(self.machine, tests, out)

    def ranked(self, keys: list[Value], node: ir.Node, out: Value) -> Value:
        """Note what is picked by the losses that predictions have (``min(losses, key=losses.get)``)."""
        gold, marks = self.machine.of(Keys).gold, self.machine.of(Marks)
        held = 0
        for key in keys:
            held |= containers.deep(key)
        name = called_as(node.func) if isinstance(node, ir.Call) else ""
        better = name in ranks.HIGHEST if held & marks.space == marks.probs else name in ranks.LOWEST
        if not held & gold or not better:  # what is in an order is all there still
            return out
        bit = self.machine.atoms.bit("pick", pending(self.machine, "oracle", node))
        self.machine.of(Keys).picks |= bit
        return ranks.picked_from(self.machine, Value(out.p, out.m | bit), bit)

    def branches_joined(self, test: Value, before: Mapping[str, Value], after: Names) -> None:
        """Note predictions that a branch replaces."""
        thresholds.branched(self.machine, test, before, after)

    @heeds(ranks.RANKED, made_of=("gold", "space", "forward"))
    def called(self, func: Value, args: Args, node: ir.Call, out: Value) -> Value:
        """Note what a call outside the program does with predictions."""
        machine, keys, marks = self.machine, self.machine.of(Keys), self.machine.of(Marks)
        name = arguments.callee_name(func)
        given = arguments.given_to(func, args)
        seen = 0
        for value in given:
            seen |= containers.deep(value)
        if name in ranks.RANKED:
            seen |= records.held(machine, given)
        judged = out.m & keys.gold and not seen & keys.gold
        if judged and (name in _LOSSES or not isinstance(func.p, External | Method)):
            return Value(out.p, out.m & ~marks.space | marks.losses)
        if (seen | out.m) & (marks.space | machine.atoms.family("forward")):
            out = weights.called(machine, name, given, args, node, out)
        if not seen & keys.gold:
            return out
        if name in _COMPARES and len(given) > 1:
            left, right, op = given[0], given[1], _COMPARES[name]
            if left.m & right.m & keys.gold:
                return mask(machine, op, out, node)
            return thresholds.compared(machine, op, left, right, out, node)
        out = ranks.called(machine, name, given, args, node, out)
        if name in weights.SUMS:
            origins = out.m | marks.summed
            return Value(out.p, settle_choices(machine, origins) if origins & keys.chosen else origins)
        return out
