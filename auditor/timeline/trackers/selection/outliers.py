"""Losses that are left out for what they are: by masks, branches and comprehensions, and at the ends of an order.

A loss that is compared with a constant is *easier* where the smaller ones pass, *harder* where the larger ones do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from auditor.program import ir
from auditor.program.defined import called_as
from auditor.program.walk import walk
from auditor.timeline.engine import arguments
from auditor.timeline.engine.calls import heeds
from auditor.timeline.engine.containers import deep, tag
from auditor.timeline.engine.plain import past_plain
from auditor.timeline.engine.signals import Tracker
from auditor.timeline.trackers.keys.reads import Keys
from auditor.timeline.trackers.metric.metric import Doubts, Kind, doubt
from auditor.timeline.trackers.selection.marks import Marks
from auditor.timeline.trackers.selection.thresholds import ORDER, keeps
from auditor.timeline.values.payloads import External, Heap, Known, Method, Tup, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine

Kinds = TypeVar("Kinds", bound=ir.Node)
_ORDERED = frozenset({"sorted", "sort", "msort", "partition"})
_FIRST = frozenset({"nsmallest", "nlargest", "topk"})  # the first so many of an order
_MASKS = frozenset({"where", "masked_fill", "masked_fill_", "masked_select", "compress", "extract"})
_LIKE = frozenset({"zeros_like", "full_like"})  # of losses: as many numbers, none of them a loss
_KEPT = frozenset({"append", "extend", "add", "insert", "put"})
_INVERTED = frozenset({"~", "not"})
_LOGICAL_NOT = frozenset({"logical_not", "invert", "bitwise_not"})
_CALLS = _LIKE | _ORDERED | _FIRST | _MASKS | _KEPT | _LOGICAL_NOT


class Outliers(Tracker):
    """Which losses count because they are small."""

    rank = 49

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.easier = machine.atoms.bit("easier", "")
        self.harder = machine.atoms.bit("harder", "")
        self.rest = machine.atoms.bit("harder losses", "")  # of some losses, those that easier ones leave
        self.nothing = machine.atoms.bit("no losses", "")
        self.ordered = machine.atoms.bit("losses in order", "")
        self.tests: dict[int, tuple[ir.Expr, bool]] = {}  # by identity: a condition, whether smaller losses pass

    # ---------------------------------------------------------------- comparisons

    @past_plain
    def compared(self, op: str, left: Value, right: Value, node: ir.Compare, out: Value) -> Value:
        """Note a comparison of a loss with a constant."""
        gold = self._gold()
        if op not in ORDER or len(node.ops) != 1 or not (left.m ^ right.m) & gold:
            return out
        loss, limit = (left, right) if left.m & gold else (right, left)
        above = (op in (">", ">=")) == (loss is left)
        easier = keeps(self.machine, loss, limit, above=above)
        if not easier and not keeps(self.machine, loss, limit, above=not above):
            return out
        self.tests[id(node)] = node, easier
        return Value(out.p, out.m & ~self._sides() | (self.easier if easier else self.harder))

    def negated(self, node: ir.UnaryOp, out: Value) -> Value:
        """Turn a truth around."""
        return self._inverted(out) if node.op in _INVERTED else out

    def _inverted(self, out: Value) -> Value:
        side = out.m & self._sides()
        return Value(out.p, out.m ^ self._sides()) if side and side != self._sides() else out

    def branch_entered(self, node: ir.Expr, test: Value) -> None:
        """Note a branch whose condition is a truth about a loss, wherever that was found."""
        side = test.m & self._sides()
        if side and side != self._sides():
            self.tests[id(node)] = node, side == self.easier

    # ---------------------------------------------------------------- masks and orders

    @past_plain
    def combined(self, node: ir.BinOp | ir.AugAssign, left: Value, right: Value, out: Value) -> Value:
        """Note a loss times the mask of the easier ones, and losses that are added up under a condition on them."""
        found = 0
        if node.op == "*":
            for mask, loss in ((left, right), (right, left)):
                if mask.m & self._sides() == self.easier and self._judges(loss) and not loss.m & self._sides():
                    found = self._doubt("ignored losses", node)
        elif node.op not in ("&", "|", "^") and out.m & (self._sides() | self.nothing):
            out = Value(out.p, out.m & ~(self._sides() | self.nothing))
        if self.tests and node.op == "+" and (self._judges(right) or self._judges(left)):
            target = self._summed(node)
            found |= self._conditional(node, target) if target else 0
            if left.m & self.rest != right.m & self.rest and (left.m | right.m) & self._left_out():
                return Value(out.p, out.m & ~(self._left_out() | self.rest))  # all of them, in two parts
        return Value(out.p, out.m & ~self._sides() | found) if found else out

    @past_plain
    def subscripted(self, base: Value, index: Value, node: ir.Subscript, out: Value) -> Value:
        """Note the easier losses, and those at one end of an order."""
        if isinstance(base.p, Tup):
            return out
        if index.m & self._sides() == self.harder and deep(base) & self._gold():
            return tag(Value(out.p, out.m & ~self._sides()), self.rest)
        if index.m & self._sides() == self.easier and deep(base) & self._gold():
            return tag(Value(out.p, out.m & ~self._sides()), self._doubt("ignored losses", node))
        piece = node.index
        part = not isinstance(piece, ir.Slice) or piece.lower or piece.upper
        if part and deep(base) & self.ordered:
            return tag(out, self._doubt("ranked losses", node))
        return out

    def item_stored(self, base: Value, node: ir.Subscript, out: tuple[Value, Value]) -> tuple[Value, Value]:
        """Note harder losses that are overwritten: by nothing, or by no number."""
        index, value = out
        if index.m & self._sides() == self.harder and base.m & self._gold() and _nothing(value):
            return index, tag(value, self._doubt("ignored losses", node))
        return out

    @heeds(_CALLS, made_of=("losses in order",))
    def called(self, func: Value, args: Args, node: ir.Call, out: Value) -> Value:
        """Note masks, orders and places where losses are kept."""
        name = arguments.callee_name(func)
        if name not in _CALLS:
            return out
        given = arguments.given_to(func, args)
        if name in _LOGICAL_NOT:
            return self._inverted(out)
        if name in _MASKS:
            if self._masked(name, given, self.harder):
                return tag(out, self.rest)
            return tag(out, self._doubt("ignored losses", node)) if self._masked(name, given, self.easier) else out
        if name in _KEPT:
            self._keep(func, given, node)
            return out
        if not given or not self._judges(given[0]):
            return out
        if name in _LIKE:
            return tag(out, self.nothing) if len(given) == 1 or _nothing(given[1]) else out
        if name in _FIRST:
            return tag(out, self._doubt("ranked losses", node)) if not _alone(given, args) else out
        if isinstance(func.p, Method) and isinstance(given[0].p, Heap):  # in place
            given[0].p.origins |= self.ordered
            return out
        return tag(out, self.ordered)

    def filtered(self, tests: list[Value], out: Value) -> Value:
        """Note a comprehension that keeps the easier ones of losses."""
        sides = 0
        for test in tests:
            sides |= test.m & self._sides()
        if not sides or sides == self._sides() or not deep(out) & self._gold():
            return out
        where = next((node for node, easier in reversed(self.tests.values()) if easier), None)
        if where is None and sides == self.easier:
            return out
        found = self.rest if sides == self.harder or where is None else self._doubt("ignored losses", where)
        if isinstance(out.p, Heap) and out.p.kind == "list":
            out.p.items = None if out.p.items is None else [tag(item, found) for item in out.p.items]
            out.p.element = None if out.p.element is None else tag(out.p.element, found)
        return Value(out.p, out.m & ~self._sides() | found)

    def conditional(self, test: Value, one: Value, other: Value, out: Value) -> Value:
        """Note ``loss if loss < 8 else 0``."""
        small = self._masked("where", (test, one, other), self.easier)
        last = next(reversed(self.tests.values()), None)
        return tag(out, self._doubt("ignored losses", last[0])) if small and last is not None else out

    def _masked(self, name: str, given: Sequence[Value], kept: int) -> bool:
        """Return whether a mask leaves the easier losses, or the harder ones: the others are nothing, or no number."""
        gone = kept ^ self._sides()
        if name == "where" and len(given) == 3:
            test, one, other = given
            side = test.m & self._sides()
            if side == kept:
                return self._judges(one) and self._none(other)
            return side == gone and self._judges(other) and self._none(one)
        if name in ("masked_fill", "masked_fill_") and len(given) == 3:
            return given[1].m & self._sides() == gone and self._judges(given[0]) and self._none(given[2])
        if name in ("masked_select", "compress", "extract") and len(given) >= 2:
            sides = [value.m & self._sides() for value in given[:2]]
            return kept in sides and any(self._judges(v) for v in given[:2])
        return False

    def _left_out(self) -> int:
        """Return the marks of places where the easier ones of losses are all that is left."""
        out = 0
        for event in self.machine.of(Doubts).known.values():
            out |= self.machine.atoms.bit("doubt", event) if event.kind == "ignored losses" else 0
        return out

    def _none(self, value: Value) -> bool:
        return bool(value.m & self.nothing) or _nothing(value)

    # ---------------------------------------------------------------- branches

    def _keep(self, func: Value, given: Sequence[Value], node: ir.Call) -> None:
        """Note losses that are put into a container under a condition on them."""
        p = func.p
        if not self.tests or not isinstance(p, Method) or not isinstance(p.receiver.p, Heap):
            return
        if len(given) > 1 and any(self._judges(value) for value in given[1:]):
            p.receiver.p.origins |= self._conditional(node, _written(p.where))

    def _conditional(self, node: ir.Node, target: str) -> int:
        """Return the mark of a condition on the loss itself, under which ``node`` puts it into ``target`` only."""
        out = 0
        for branch in self._nodes(ir.If):
            known = self._known(branch.test) if branch.start < node.start else None
            if known is None:
                continue
            test, small = known  # the body is followed where the loss is small
            inside, other = (branch.body, branch.orelse) if small else (branch.orelse, branch.body)
            leaves = other and _leaves(other) and self._same_round(branch, node)
            if (_holds(inside, node) or leaves) and not _counts(other, target, test):
                out |= self._doubt("ignored losses", test)
        return out

    def _summed(self, node: ir.BinOp | ir.AugAssign) -> str:
        """Return the name that something is added to: ``total += loss``, ``total = total + loss``."""
        if isinstance(node, ir.AugAssign):
            return _written(node.target)
        operands = {part.id for part in (node.left, node.right) if isinstance(part, ir.Name)}
        for assigned in self._nodes(ir.Assign):
            if assigned.value is node and len(assigned.targets) == 1:
                target = assigned.targets[0]
                return target.id if isinstance(target, ir.Name) and target.id in operands else ""
        return ""

    def _known(self, test: ir.Expr) -> tuple[ir.Expr, bool] | None:
        """Return the condition on a loss that a branch's test is, or holds, and whether it is a small one's."""
        if id(test) in self.tests:
            return self.tests[id(test)]
        if isinstance(test, ir.UnaryOp) and test.op == "not":
            inner = self._known(test.operand)
            return None if inner is None else (inner[0], not inner[1])
        parts = test.values if isinstance(test, ir.BoolOp) and test.op == "and" else ()
        return next((found for part in parts if (found := self._known(part)) is not None), None)

    def _nodes(self, kind: type[Kinds]) -> list[Kinds]:
        """Return the nodes of one kind in the file in progress."""
        unit = self.machine.program.units.get(self.machine.frame.scope.source.path)
        return unit.index.of(kind) if unit is not None and unit.module is not None else []

    def _same_round(self, branch: ir.If, node: ir.Node) -> bool:
        """Return whether ``node`` follows a branch in the body of its innermost loop."""
        around = [
            loop for loop in (*self._nodes(ir.For), *self._nodes(ir.While)) if loop.start < branch.start < loop.end
        ]
        innermost = max(around, key=lambda loop: loop.start, default=None)
        return innermost is not None and branch.end <= node.start < innermost.end

    # ---------------------------------------------------------------- marks

    def _doubt(self, kind: Kind, node: ir.Node) -> int:
        return doubt(self.machine, kind, node, None, self.machine.all)

    def _sides(self) -> int:
        return self.easier | self.harder

    def _gold(self) -> int:
        return self.machine.of(Keys).gold

    def _judges(self, value: Value) -> bool:
        """Return whether a value is made of losses of the true tokens."""
        return (
            not isinstance(value.p, Known)
            and bool(deep(value) & self._gold())
            and bool(deep(value) & self.machine.of(Marks).space)
        )


def _nothing(value: Value) -> bool:
    """Return whether a value is zero, or not a number."""
    if isinstance(value.p, Known):
        return isinstance(value.p.v, int | float) and (value.p.v == 0 or value.p.v != value.p.v)
    return isinstance(value.p, External) and value.p.name.rpartition(".")[2].lower() == "nan"


def _alone(given: Sequence[Value], args: Args) -> bool:
    """Return whether the first of an order is one thing only, as the best of several: ``nsmallest(1, rows)``."""
    counts = [*given[1:2], *args.keywords.values()]
    return any(isinstance(v.p, Known) and v.p.v == 1 and type(v.p.v) is int for v in counts)


def _written(target: ir.Expr) -> str:
    """Return the name that is added to, or put into."""
    while isinstance(target, ir.Subscript | ir.Attr):
        target = target.value
    return target.id if isinstance(target, ir.Name) else ""


def _leaves(body: Sequence[ir.Stmt]) -> bool:
    """Return whether statements end in the next round of their loop."""
    return bool(body) and isinstance(body[-1], ir.Jump) and body[-1].kind == "continue"


def _holds(body: Sequence[ir.Stmt], node: ir.Node) -> bool:
    return any(statement.start <= node.start < statement.end for statement in body)


def _counts(body: Sequence[ir.Stmt], target: str, test: ir.Expr) -> bool:
    """Return whether statements add to ``target``, or add up or keep elsewhere what ``test`` compares."""
    compared = {part.id for part in walk(test) if isinstance(part, ir.Name)}
    for part in walk(*body):
        if isinstance(part, ir.Name) and part.id == target:
            return True
        kept: Sequence[ir.Node] = ()
        if isinstance(part, ir.AugAssign):
            kept = (part.value,)
        elif isinstance(part, ir.Call) and called_as(part.func) in _KEPT:
            kept = [arg.value for arg in part.args]
        if any(isinstance(name, ir.Name) and name.id in compared for name in walk(*kept)):
            return True
    return False
