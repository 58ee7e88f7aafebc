"""Powers of the probabilities that several predictions give the token being scored, added up.

Divided by the sum of lower powers they are a mean that weighs each prediction by what it gives the token; the root of
their sum is a power mean, which is more than the mean where the power is above one. Powers of whole predictions that
are divided by their own sum are distributions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import arguments, containers
from auditor.timeline.engine.calls import heeds
from auditor.timeline.engine.numbers import numbers
from auditor.timeline.engine.plain import past_plain
from auditor.timeline.engine.signals import Tracker
from auditor.timeline.trackers.keys.reads import Keys, of_this_token
from auditor.timeline.trackers.selection.marks import Marks, kept_apart, pending
from auditor.timeline.trackers.selection.ranks import several
from auditor.timeline.trackers.selection.shares import Shares
from auditor.timeline.values.atoms import VAL
from auditor.timeline.values.payloads import Known, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine

_POWERS = frozenset({"pow", "power", "float_power", "pow_"})
_FIXED = {"square": 2.0, "square_": 2.0, "sqrt": 0.5, "sqrt_": 0.5, "rsqrt": -0.5}
_SUMS = frozenset({"sum", "mean", "nansum", "fsum", "nanmean"})
_LOG_SUMS = frozenset({"logsumexp", "logaddexp", "logaddexp2"})


class Powers(Tracker):
    """Predictions that are raised to a power, and what their sums become."""

    rank = 48

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.power = machine.atoms.bit("power", "")  # a prediction to any power but one
        self.higher = machine.atoms.bit("higher", "")  # to one that is above one
        self.added = machine.atoms.bit("powers", "")  # such powers of several predictions, added up
        self.own = self.power | self.higher | self.added

    @past_plain
    def combined(self, node: ir.BinOp | ir.AugAssign, left: Value, right: Value, out: Value) -> Value:
        """Note a power, sums of powers, and what these are divided by."""
        origins = self._combined(node, left, right, out.m)
        return out if origins == out.m else Value(out.p, origins)

    def _combined(self, node: ir.BinOp | ir.AugAssign, left: Value, right: Value, origins: int) -> int:
        op = node.op
        if op == "**":
            return self._raised(left, self._exponents(right), node, origins)
        if not origins & self.machine.of(Marks).space:
            return origins
        logs = self.machine.of(Marks).logs | self.machine.of(Marks).losses
        constant = right if isinstance(right.p, Known) else left
        if op in ("*", "/") and isinstance(constant.p, Known) and (left.m | right.m) & logs:
            each = self._exponents(constant)
            return self._raised(
                left if constant is right else right, [1 / n for n in each if n] if op == "/" else each, node, origins
            )
        if op == "*" and self._predicts(left) and self._predicts(right):
            apart = kept_apart(self.machine, left, right)
            return origins & ~self.own if apart else origins | self.power | self.higher
        if op == "+" and left.m & right.m & (self.power | self.added):
            return self._sum(origins) if kept_apart(self.machine, left, right) else origins
        ratio = op == "/" or (op == "-" and bool(right.m & logs))
        if ratio and left.m & self.added and self._predicts(right) and of_this_token(self.machine, right.m):
            return origins & ~self.own | pending(self.machine, "gate", node)
        if op == "/" or (op == "-" and not isinstance(right.p, Known)):
            return origins & ~self.own
        return origins

    @heeds(_POWERS, frozenset(_FIXED), _SUMS, _LOG_SUMS)
    def called(self, func: Value, args: Args, node: ir.Call, out: Value) -> Value:
        """Note what a library raises, and adds up."""
        if not out.m & (self.machine.of(Marks).space | VAL):
            return out
        name = arguments.callee_name(func)
        given = arguments.given_to(func, args)
        origins = out.m
        if name in _POWERS and len(given) > 1:
            origins = self._raised(given[0], self._exponents(given[1]), node, origins)
        elif name in _FIXED and given:
            origins = self._raised(given[0], [_FIXED[name]], node, origins)
        else:
            held = 0
            for value in given:
                held |= containers.deep(value)
            side_by_side = held & self.power and several(self.machine, given)
            origins = self._sum(origins) if side_by_side else origins & ~(self.power | self.higher)
        return out if origins == out.m else Value(out.p, origins)

    def _exponents(self, value: Value) -> list[float]:
        return list(numbers(self.machine, value).values())

    def _raised(self, base: Value, exponents: list[float], node: ir.Node, origins: int) -> int:
        """Return the origins of ``base`` to a power: what is not known may be one."""
        if not exponents or all(number == 1 for number in exponents):
            return origins
        if base.m & self.added and any(0 < abs(number) < 1 for number in exponents):
            settled = origins & ~self.own
            return settled | self.machine.of(Shares).blend("powers", node, origins) if base.m & self.higher else settled
        if not base.m & (self.machine.of(Marks).space | VAL):
            return origins
        return origins | self.power | (self.higher if any(number > 1 for number in exponents) else 0)

    def _sum(self, origins: int) -> int:
        return origins & ~self.power | self.added

    def _predicts(self, value: Value) -> bool:
        """Return whether a value is a prediction of the token being scored."""
        return bool(value.m & self.machine.of(Keys).gold and value.m & self.machine.of(Marks).space)
