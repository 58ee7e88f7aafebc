"""Which targets a score leaves out: limits, ignored kinds of targets, targets of a smaller vocabulary."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import calling
from auditor.timeline.engine.containers import deep, tag
from auditor.timeline.engine.signals import Tracker
from auditor.timeline.trackers.metric.metric import FEWEST, doubt
from auditor.timeline.values.atoms import LAUNCH, SIZE, VAL
from auditor.timeline.values.payloads import External, Function, Known, Native, PerSetting, Tup, Value, at_setting

if TYPE_CHECKING:
    from auditor.timeline.engine.calling import Args
    from auditor.timeline.engine.machine import Machine

_ORDER = frozenset({"<", ">", "<=", ">="})
_VOCABULARY = re.compile(r"(?:\bsp|_sp|10B_sp|vocab)_?(\d{3,6})(?!\d)")
_LOSSES = frozenset({"cross_entropy", "nll_loss", "linear_cross_entropy"})
_CLAMPS = frozenset({"clamp", "clip", "clamp_max", "clamp_", "minimum", "fmin", "remainder", "fmod", "mod"})
_FILLS = frozenset({"where", "masked_fill", "masked_fill_"})


class Parts(Tracker):
    """Targets that are left out of a score."""

    rank = 12

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.vocabulary = 0  # the largest one that a path names
        self.limit = machine.atoms.bit("limit", "")  # a number of tokens that stays below a constant
        self.fraction = machine.atoms.bit("fraction", "")  # a part of the number of tokens
        self.kind = machine.atoms.bit("kind of token", "")  # a truth about which token it is
        self.limits: dict[str, float] = {}

    def library_called(self, name: str, args: Args, node: ir.Node) -> None:
        """Note the vocabulary that a path names."""
        for value in args.positional:
            if isinstance(value.p, Known) and isinstance(value.p.v, str) and len(value.p.v) < 400:
                for found in _VOCABULARY.findall(value.p.v):
                    self.vocabulary = max(self.vocabulary, int(found))

    def combined(self, node: ir.BinOp | ir.AugAssign, left: Value, right: Value, out: Value) -> Value:
        """Note a part of the number of tokens, a loss that is masked, and targets that are wrapped."""
        marked = out.m & (self.limit | self.fraction)
        if node.op == "*":
            if marked:
                return Value(out.p, out.m & ~(self.limit | self.fraction))
            for mask, loss in ((left, right), (right, left)):
                if mask.m & self.kind and loss.m & self._gold() and not loss.m & self.kind:
                    return tag(Value(out.p, out.m & ~self.kind), self._left_out(node))
        elif node.op in ("//", "/") and left.m & SIZE and not left.m & VAL and not right.m & (LAUNCH | SIZE):
            if _at_least(self.machine, right, 2, 64):
                return Value(out.p, out.m | self.fraction)
        elif node.op == "%" and self._tokens(left) and isinstance(node, ir.BinOp):
            return self._smaller(left, right, 0, node, out)
        return out

    def compared(self, op: str, left: Value, right: Value, node: ir.Compare, out: Value) -> Value:
        """Note a truth about which token it is."""
        for token, bound in ((left, right), (right, left)):
            if op in _ORDER and self._tokens(token) and isinstance(bound.p, Known | PerSetting):
                return Value(out.p, out.m | self.kind)
        return out

    def called(self, func: Value, args: Args, node: ir.Call, out: Value) -> Value:
        """Note limits, and targets that are clamped, ignored or judged."""
        if isinstance(func.p, Function | Native):
            return out
        name = calling.callee_name(func)
        given = calling.given_to(func, args)
        if name == "min" and len(given) == 2 and not out.m & VAL:
            size, bound = (given[0], given[1]) if given[0].m & SIZE else (given[1], given[0])
            if size.m & SIZE and _at_least(self.machine, bound, FEWEST, 10**9) and not bound.m & SIZE:
                return Value(out.p, out.m | self.limit)
        if name in ("int", "round", "floor") and out.m & (self.limit | self.fraction):
            return out
        if name in _FILLS and any(v.m & self.kind for v in given) and self._tokens(out):
            fill = next((v for v in given if isinstance(v.p, Known) and isinstance(v.p.v, int)), None)
            if fill is not None:
                return Value(out.p, out.m & ~self.kind | self.machine.atoms.bit("ignored", self._left_out(node)))
        if name in _CLAMPS and given and self._tokens(given[0]):
            most = args.keywords.get("max", given[-1] if len(given) > 1 else None)
            return self._smaller(given[0], most, 1 if name not in ("remainder", "fmod", "mod") else 0, node, out)
        if name in _LOSSES:
            target = args.get(0 if not isinstance(func.p, External) else 1, "target")
            if target is not None:
                return tag(out, self._judged(target.m))
        if out.m & self._gold() and not any(deep(v) & self._gold() for v in given):
            bits = 0
            for value in (*given[1:], *args.keywords.values()):
                bits |= self._judged(value.m)
            return tag(out, bits)
        return out

    def subscripted(self, base: Value, index: Value, node: ir.Subscript, out: Value) -> Value:
        """Note tokens that are picked below a limit, and losses of some kinds of targets only."""
        if index.m & self.kind and base.m & self._gold() and not isinstance(base.p, Tup):
            return tag(Value(out.p, out.m & ~self.kind), self._left_out(node))
        if base.m & self.machine.atoms.family("forward"):
            return tag(out, self._judged(index.m))
        if base.m & VAL and index.m & (self.limit | self.fraction) and isinstance(node.index, ir.Slice):
            upper = node.index.upper
            bounded = index.m & self.limit or (upper is not None and self.machine.eval(upper).m & self.fraction)
            if bounded:
                out = Value(out.p, out.m & ~(self.limit | self.fraction))
                return tag(out, doubt(self.machine, "first tokens", node, None, self.machine.all))
        return out

    def item_stored(self, base: Value, node: ir.Subscript, out: tuple[Value, Value]) -> tuple[Value, Value]:
        """Note targets that are overwritten for what they are (``y[y >= 900] = -100``)."""
        index, value = out
        if index.m & self.kind and self._tokens(base) and isinstance(value.p, Known) and isinstance(value.p.v, int):
            return index, Value(value.p, value.m | self.machine.atoms.bit("ignored", self._left_out(node)))
        return out

    def _gold(self) -> int:
        return self.machine.atoms.family("gold")

    def _tokens(self, value: Value) -> bool:
        """Return whether a value is validation tokens themselves."""
        return bool(value.m & VAL) and not value.m & self.machine.atoms.family("forward")

    def _left_out(self, node: ir.Node) -> int:
        return doubt(self.machine, "ignored targets", node, None, self.machine.all)

    def _smaller(self, tokens: Value, bound: Value | None, more: int, node: ir.Node, out: Value) -> Value:
        """Return tokens that are clamped or wrapped, marked where the bound is below the vocabulary."""
        if bound is None or not self.vocabulary:
            return out
        for index in range(1, self.machine.count):
            payload = at_setting(bound.p, index)
            if isinstance(payload, Known) and type(payload.v) is int and 1 < payload.v + more < self.vocabulary:
                made = doubt(self.machine, "clamped targets", node, float(payload.v + more), self.machine.all)
                return Value(out.p, out.m | self.machine.atoms.bit("ignored", made))
        return out

    def _judged(self, label: int) -> int:
        """Return the places that changed the targets by which something is judged."""
        out = 0
        for made in self.machine.atoms.meanings(label, "ignored"):
            assert isinstance(made, int)
            out |= made
        return out


def _at_least(machine: Machine, value: Value, least: float, most: float) -> bool:
    """Return whether a value is a number from ``least`` to ``most`` under a setting in play."""
    each = (at_setting(value.p, index) for index in range(1, machine.count))
    numbers = [p.v for p in each if isinstance(p, Known) and isinstance(p.v, int | float) and p.v is not True]
    return any(least <= number <= most for number in numbers)
