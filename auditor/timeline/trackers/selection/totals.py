"""Constant weights that predictions are added with, and what they come to, however they are spelled.

As terms of a sum, as a list that is gone through beside the predictions, or as an array that multiplies them. Of
predictions of all tokens a division by their sum, or a softmax, takes it back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.program.index import within
from auditor.timeline.engine import arguments, containers
from auditor.timeline.engine.calls import heeds
from auditor.timeline.engine.numbers import numbers
from auditor.timeline.engine.plain import past_plain
from auditor.timeline.engine.signals import Tracker
from auditor.timeline.trackers.keys.reads import Keys
from auditor.timeline.trackers.selection.knowing import by_own_sum
from auditor.timeline.trackers.selection.marks import Marks
from auditor.timeline.trackers.selection.ranks import PLACES
from auditor.timeline.trackers.selection.shares import Shares
from auditor.timeline.values.atoms import VAL
from auditor.timeline.values.payloads import Value

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine

_ARRAYS = frozenset({"tensor", "as_tensor", "array", "asarray", "FloatTensor", "float32", "float64"})
_PRODUCTS = frozenset({"matmul", "mm", "mv", "dot", "einsum", "tensordot", "vdot", "inner"})
_SUMS = frozenset({"sum", "nansum", "fsum"})
_VIEWS = frozenset(
    {"view", "reshape", "unsqueeze", "to", "cuda", "cpu", "float", "double", "expand", "astype", "clone"}
)
_SLACK = 1e-3
_MOST = 16  # more constants are no weights of predictions


class Totals(Tracker):
    """What the weights of predictions that are added come to."""

    rank = 49

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.normal = machine.atoms.bit("normal", "")  # divided by what it adds up to

    def combined(self, node: ir.BinOp | ir.AugAssign, left: Value, right: Value, out: Value) -> Value:
        """Note a sum of weighted predictions, and an array of weights that meets them."""
        held = left.m | right.m
        constants, weighing = self._family("constant weights"), self._family("weighing")
        origins = out.m & ~(constants | self.normal)
        if held & constants and node.op in ("*", "@"):
            for weights, others in ((left, right), (right, left)):
                if weights.m & constants and self._several(others):
                    if node.op == "@":
                        origins |= self._over(self._sum_of(weights.m, "constant weights"), node, origins)
                    else:
                        origins |= self._marked("weighing", self._sum_of(weights.m, "constant weights"))
        elif node.op == "/":
            origins = origins & ~weighing | (self.normal if by_own_sum(node) else 0)
        elif node.op == "-" and not numbers(self.machine, right):
            origins &= ~(left.m & self.machine.of(Shares).unsettled())
        elif node.op == "+" and origins & self.machine.of(Marks).probs and origins & VAL:
            terms: list[ir.Expr] = []
            _terms(node, terms)
            whole = not origins & self.machine.of(Keys).gold
            found = self._written(terms, whole=whole) if isinstance(node, ir.BinOp) else {}
            origins |= self._over(found or self._in_loop(node, terms, whole=whole), node, origins)
        return out if origins == out.m else Value(out.p, origins)

    @heeds(_ARRAYS, PLACES, _PRODUCTS, _SUMS, made_of=("constant weights",))
    def called(self, func: Value, args: Args, node: ir.Call, out: Value) -> Value:
        """Note arrays of constants, and sums of what they have weighed."""
        name = arguments.callee_name(func)
        given = arguments.given_to(func, args)
        constants, weighing = self._family("constant weights"), self._family("weighing")
        origins = out.m & ~constants if name not in _VIEWS else out.m
        if name in _ARRAYS and given and (totals := self._totals(given[0])):
            origins |= self._marked("constant weights", totals)
        elif name in PLACES:
            origins &= ~self.machine.of(Shares).counted
        elif name in _PRODUCTS and len(given) > 1:
            for weights, others in ((given[-2], given[-1]), (given[-1], given[-2])):
                if weights.m & constants and self._several(others):
                    origins |= self._over(self._sum_of(weights.m, "constant weights"), node, origins)
        elif name in _SUMS and out.m & self.machine.of(Marks).probs:
            origins &= ~weighing
            whole = not origins & self.machine.of(Keys).gold
            found = self._sum_of(out.m, "weighing") if out.m & weighing else self._gone_through(node, whole=whole)
            origins |= self._over(found, node, origins)
        return out if origins == out.m else Value(out.p, origins)

    @past_plain
    def subscripted(self, base: Value, index: Value, node: ir.Subscript, out: Value) -> Value:
        """Note that one of several weights is a number of its own."""
        constants = self._family("constant weights")
        one = out.m & constants and isinstance(node.index, ir.Const | ir.Name)
        return Value(out.p, out.m & ~constants) if one else out

    # ---------------------------------------------------------------- what is known of weights

    def _family(self, name: str) -> int:
        return self.machine.atoms.family(name)

    def _marked(self, family: str, totals: dict[int, float]) -> int:
        return self.machine.atoms.bit(family, tuple(sorted(totals.items()))) if totals else 0

    def _sum_of(self, origins: int, family: str) -> dict[int, float]:
        """Return what the weights come to that ``origins`` tell of, nothing where they tell of several arrays."""
        found = self.machine.atoms.meanings(origins, family)
        totals = found[0] if len(found) == 1 else ()
        return dict(totals) if isinstance(totals, tuple) else {}

    def _several(self, value: Value) -> bool:
        marks = self.machine.of(Marks)
        return bool(value.m & marks.probs and value.m & (marks.rivals | marks.whole))

    def _totals(self, value: Value) -> dict[int, float]:
        """Return what a list of constants comes to by setting, nothing where it is no such list."""
        items = containers.exact_items(self.machine, value)
        if items is None or not 2 <= len(items) <= _MOST:
            return {}
        out: dict[int, float] = {}
        for place, item in enumerate(items):
            known = numbers(self.machine, item)
            if any(number < 0 for number in known.values()):
                return {}
            out = {i: out.get(i, 0.0) + n for i, n in known.items() if not place or i in out}
        return out

    def _over(self, totals: dict[int, float], node: ir.Node, origins: int) -> int:
        """Return the origin of a sum whose weights come to more than one, under the settings where they do."""
        settings = [index for index, total in totals.items() if total > 1.0 + _SLACK]
        if not settings or not origins & self.machine.of(Marks).probs:
            return 0
        live = self.machine.live
        self.machine.live &= sum(1 << index for index in settings) | 1
        try:
            return self.machine.of(Shares).blend("overweight", node, origins) if self.machine.live & ~1 else 0
        finally:
            self.machine.live = live

    # ---------------------------------------------------------------- how they are written

    def _spreads(self, value: Value) -> bool:
        """Return whether a value is predictions of all tokens that add up to one."""
        shares = self.machine.of(Shares)
        even = value.m & shares.even and value.m & self.machine.of(Marks).probs
        return bool(even or value.m & self.normal) and not value.m & (shares.wrong | self.machine.of(Keys).gold)

    def _one_spread(self, term: ir.Expr) -> bool:
        """Return whether ``term`` is such predictions, times constants."""
        rest = []
        for factor, _ in _factors(term):
            if isinstance(factor, ir.Call):
                rest.append(isinstance(factor.func, ir.Attr) and factor.func.attr in ("exp", "softmax"))
            elif not numbers(self.machine, value := self.machine.eval(factor)):
                rest.append(self._spreads(value))
        return rest == [True]

    def _written(self, terms: list[ir.Expr], *, whole: bool) -> dict[int, float]:
        """Return what the constant factors of the terms come to, nothing where one has none.

        ``whole``: they are to be predictions of all tokens, each of which adds up to one.
        """
        totals: dict[int, float] = {}
        if whole and not all(self._one_spread(term) for term in terms):
            return {}
        for place, term in enumerate(terms):
            weight = self._factor(term)
            totals = {i: totals.get(i, 0.0) + n for i, n in weight.items() if not place or i in totals}
            if not totals:
                return {}
        return totals if len(terms) > 1 else {}

    def _factor(self, term: ir.Expr) -> dict[int, float]:
        """Return the constant factor of ``term`` by setting, nothing where it has none, or where it is what is left."""
        out: dict[int, float] = {}
        for factor, inverse in _factors(term):
            if isinstance(factor, ir.Call) or (isinstance(factor, ir.Subscript) and not _spelled(factor)):
                continue
            value = self.machine.eval(factor)
            if (isinstance(factor, ir.BinOp) and factor.op == "-") or value.m & self.machine.of(Shares).wrong:
                return {}
            for index, number in numbers(self.machine, value).items():
                if number:
                    out[index] = out.get(index, 1.0) * (1.0 / number if inverse else number)
        return out

    def _gone_through(self, node: ir.Call, *, whole: bool) -> dict[int, float]:
        """``sum(w * p for w, p in zip(weights, predictions))``: what the weights come to."""
        made = node.args[0].value if node.args else None
        if not isinstance(made, ir.Comprehension) or len(made.clauses) != 1 or made.clauses[0].ifs:
            return {}
        return self._beside(made.elt, made.clauses[0].target, made.clauses[0].iter, whole=whole)

    def _in_loop(self, node: ir.BinOp | ir.AugAssign, terms: list[ir.Expr], *, whole: bool) -> dict[int, float]:
        """``for w, p in zip(weights, predictions): mix = mix + w * p``: what the weights come to."""
        func = self.machine.frame.func
        if func is None or isinstance(func.node, ir.Lambda):
            return {}
        for loop in within(self.machine.program.indexes, func.node, ir.For):
            if loop.start <= node.start and node.end <= loop.end:
                for term in terms:
                    if found := self._beside(term, loop.target, loop.iter, whole=whole):
                        return found
        return {}

    def _beside(self, term: ir.Expr, target: ir.Expr, iterated: ir.Expr, *, whole: bool) -> dict[int, float]:
        """Return what the weights come to of which ``term`` has one as a factor, by its name in ``target``."""
        named = {factor.id for factor, _ in _factors(term) if isinstance(factor, ir.Name)}
        if not isinstance(target, ir.Sequence) or not isinstance(iterated, ir.Call) or len(named) < 2:
            return {}
        if not isinstance(iterated.func, ir.Name) or iterated.func.id != "zip":
            return {}
        given = [self.machine.eval(arg.value) for arg in iterated.args if not isinstance(arg.value, ir.Call)]
        items = [containers.exact_items(self.machine, value) or [] for value in given]
        if whole and not any(each and all(self._spreads(item) for item in each) for each in items):
            return {}
        for place, (name, arg) in enumerate(zip(target.elts, iterated.args, strict=False)):
            if isinstance(name, ir.Name) and name.id in named and place < len(iterated.args):
                totals = self._totals(self.machine.eval(arg.value)) if not isinstance(arg.value, ir.Call) else {}
                if totals:
                    return totals
        return {}


def _factors(node: ir.Expr, inverse: bool = False) -> list[tuple[ir.Expr, bool]]:
    """Return what a product is made of, each with whether it divides."""
    if isinstance(node, ir.BinOp) and node.op in ("*", "/"):
        return [*_factors(node.left, inverse), *_factors(node.right, inverse != (node.op == "/"))]
    return [(node, inverse)]


def _spelled(node: ir.Subscript) -> bool:
    """Return whether an item is one of a name's, at a place that is written out."""
    return isinstance(node.value, ir.Name) and isinstance(node.index, ir.Const)


def _terms(node: ir.Node, out: list[ir.Expr]) -> None:
    if isinstance(node, ir.AugAssign):
        out.append(node.value)
    elif isinstance(node, ir.BinOp) and node.op == "+":
        _terms(node.left, out)
        _terms(node.right, out)
    else:
        out.append(node)  # type: ignore[arg-type]
