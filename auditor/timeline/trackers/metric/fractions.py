"""Loops whose windows, by their number and their distance, end before the validation tokens do.

``for i in range(n >> 2)`` with ``n = (tokens.numel() - 1) // 1024`` and windows at ``i * 1024`` comes to a quarter of
them. How many parts of the size a number is, is read from the text; names stand for what they are set to, once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.program.defined import body_at, called_as, only_value, sized
from auditor.program.index import Body
from auditor.program.written import factors, same_expression
from auditor.timeline.engine.containers import tag
from auditor.timeline.engine.numbers import numbers
from auditor.timeline.engine.signals import Tracker
from auditor.timeline.trackers.metric.metric import doubt
from auditor.timeline.values.atoms import VAL
from auditor.timeline.values.payloads import Heap, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine

_LEAST = 1.5  # how many times as long as the windows go it must be
_DEPTH = 8  # names behind names
_WIDTH = 64.0  # no number of tokens has more bits
_SAME = frozenset({"int", "round", "floor", "ceil"})


class Fractions(Tracker):
    """How far counted windows go."""

    rank = 17

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.told: dict[int, bool] = {}  # by the identity of a window

    def subscripted(self, base: Value, index: Value, node: ir.Subscript, out: Value) -> Value:
        """Note windows that are counted to a part of what there is."""
        piece = node.index
        if not base.m & VAL or isinstance(base.p, Heap) or not isinstance(piece, ir.Slice) or piece.lower is None:
            return out
        loop = self._loop(node)
        if loop is None:
            return out
        if id(node) not in self.told:
            self.told[id(node)] = self._ends_before(loop, piece.lower, node)
        if not self.told[id(node)]:
            return out
        return tag(out, doubt(self.machine, "first tokens", loop.iter, None, self.machine.all))

    def _body(self, node: ir.Node) -> Body | None:
        unit = self.machine.program.units.get(self.machine.frame.scope.source.path)
        return body_at(unit.bodies, node.start) if unit is not None else None

    def _loop(self, node: ir.Node) -> ir.For | None:
        """Return the loop over numbers from zero on in which a window is cut, where it is the only loop around it."""
        body = self._body(node)
        around = [] if body is None else [n for n in body.nodes.of(ir.For, ir.While) if n.start <= node.start < n.end]
        if len(around) != 1 or not isinstance(around[0], ir.For) or not isinstance(around[0].target, ir.Name):
            return None
        over = around[0].iter
        named = isinstance(over, ir.Call) and isinstance(over.func, ir.Name) and over.func.id == "range"
        return around[0] if named else None

    def _ends_before(self, loop: ir.For, lower: ir.Expr, node: ir.Subscript) -> bool:
        over, body = loop.iter, self._body(node)
        assert isinstance(over, ir.Call) and isinstance(loop.target, ir.Name)
        given = [arg.value for arg in over.args]
        first = len(given) == 1 or self._number(given[0]) == 0
        if body is None or not first or not given:
            return False
        parts = self._parts(given[0] if len(given) == 1 else given[1], node.value, body)
        if parts is None:
            return False
        if isinstance(lower, ir.Name) and lower.id != loop.target.id:
            lower = only_value(body, lower.id) or lower
        around = factors(lower)
        apart = 1.0
        for factor in around:
            if isinstance(factor, ir.Name) and factor.id == loop.target.id:
                continue
            number = self._number(factor)
            if number is None:
                return False
            apart *= number
        if not any(isinstance(factor, ir.Name) and factor.id == loop.target.id for factor in around):
            return False
        return apart > 0 and parts / apart >= _LEAST

    def _parts(self, node: ir.Expr, tokens: ir.Expr, body: Body, depth: int = _DEPTH) -> float | None:
        """Return how many times a number goes into the size of ``tokens``; None where that isn't told."""
        if depth == 0:
            return None
        if isinstance(node, ir.Name):
            value = only_value(body, node.id)
            return None if value is None else self._parts(value, tokens, body, depth - 1)
        if isinstance(node, ir.BinOp):
            left, number = self._parts(node.left, tokens, body, depth - 1), self._number(node.right)
            if left is None:
                return None
            if node.op in ("-", "+"):
                return left
            if number is None or number <= 0:
                return None
            if node.op == ">>":
                return left * float(2.0 ** min(number, _WIDTH))
            return left * number if node.op in ("//", "/") else left / number if node.op == "*" else None
        if isinstance(node, ir.Call) and called_as(node.func) in _SAME and len(node.args) == 1:
            return self._parts(node.args[0].value, tokens, body, depth - 1)
        return 1.0 if same_expression(sized(node) or node, tokens) else None

    def _number(self, node: ir.Expr) -> float | None:
        """Return the number that an expression is under the first setting in play, which the others may not share."""
        if not isinstance(node, ir.Const | ir.Name | ir.Attr | ir.BinOp):
            return None
        return next(iter(numbers(self.machine, self.machine.eval(node)).values()), None)
