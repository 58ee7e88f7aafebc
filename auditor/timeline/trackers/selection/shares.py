"""Predictions that are blended or raised without anything that makes them add up to one.

Weights are *loose* while nothing has divided them by their sum: ones that are only ever scaled, a sigmoid of each. A
prediction is *even* as a softmax gives it, and *lifted* when something was then added to some of its tokens. What is
divided, or goes through a softmax, is settled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.program.written import factors, same_expression
from auditor.timeline.engine import arguments, containers, stores
from auditor.timeline.engine.calls import heeds
from auditor.timeline.engine.numbers import numbers
from auditor.timeline.engine.plain import past_plain
from auditor.timeline.events import MixtureKind
from auditor.timeline.trackers.keys.reads import Keys
from auditor.timeline.trackers.mixtures.mixtures import emit
from auditor.timeline.trackers.selection.marks import Marks, kept_apart, pending, predicts
from auditor.timeline.trackers.selection.waiting import Waiting
from auditor.timeline.values.atoms import VAL
from auditor.timeline.values.payloads import Heap, Known, Method, Tup, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine

_LOOSE = frozenset({"sigmoid", "sigmoid_", "expit", "softplus", "ones", "ones_like"})
_SOFTMAX = frozenset({"softmax", "log_softmax"})
_SETTLES = _SOFTMAX | {"normalize", "renorm", "logsumexp", "logaddexp", "cross_entropy", "softmin"}
_SUMS = frozenset({"sum", "nansum", "fsum", "einsum", "matmul", "mm", "dot", "tensordot"})
_PICKS = frozenset({"gather", "take_along_dim", "take_along_axis", "nll_loss"})
_COUNTS = frozenset({"gather", "take_along_dim", "take_along_axis", "get", "index_select"})
_LARGEST = frozenset({"max", "amax"})
_PRODUCTS = frozenset({"matmul", "mm", "dot", "einsum", "tensordot"})
_SHARE = 0.01  # a factor below it may be one over the vocabulary


class Shares(Waiting):
    """What adds up to one, and what is left uneven."""

    rank = 47

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        atoms = machine.atoms
        self.loose = atoms.bit("loose", "")  # weights that nothing has divided by their sum
        self.spread = atoms.bit("spread", "")  # several predictions, each times such a weight
        self.even = atoms.bit("even", "")  # as a softmax gives it
        self.lifted = atoms.bit("lifted", "")  # and then raised for some tokens
        self.wrong = atoms.bit("wrong", "")  # one minus a prediction of the token
        self.neither = atoms.bit("neither", "")  # the product of two such
        self.rest = atoms.bit("rest", "")  # what one prediction leaves over, times another; or both together
        self.entropy = atoms.bit("entropy", "")
        self.peaked = atoms.bit("peaked", "")  # divided by the largest of its own
        self.top = atoms.bit("top", "")  # the largest probability of a prediction, whichever token it is of
        self.own = self.loose | self.spread | self.even | self.lifted | self.wrong | self.neither | self.peaked
        self.own |= self.top | self.rest
        self.counted = 0

    # ---------------------------------------------------------------- arithmetic

    @past_plain
    def combined(self, node: ir.BinOp | ir.AugAssign, left: Value, right: Value, out: Value) -> Value:
        """Note what arithmetic does to weights and predictions."""
        origins = out.m
        own = self.own
        if not origins & (own | VAL | self.machine.of(Marks).space):
            return out
        op = node.op
        if op == "/":
            origins = self._divided(node, left, right, origins & ~own)
        elif op == "-":
            origins = self._taken_off(node, left, right, origins)
        elif op == "*":
            origins = self._times(node, left, right, origins)
        elif op == "@" and self._weighs(left, right):
            origins = origins & ~self.loose | self.blend("loose", node, origins)
        elif op == "+":
            origins = self._added(node, left, right, origins)
        if origins & self.even and not (isinstance(node, ir.AugAssign) and isinstance(node.target, ir.Subscript)):
            origins &= ~self.even
        return out if origins == out.m else Value(out.p, origins)

    def _divided(self, node: ir.BinOp | ir.AugAssign, left: Value, right: Value, origins: int) -> int:
        """Return the origins of a quotient: settled, but for one by the largest, or with too small a divisor."""
        above, below = (node.left, node.right) if isinstance(node, ir.BinOp) else (node.target, node.value)
        known = numbers(self.machine, right).values()
        if origins & self.machine.of(Marks).probs and not (known and max(known) <= 1):
            origins &= ~self.unsettled()
        if _largest_of(below, above):
            return origins | self.peaked
        asked = left.m & self._asked()
        while isinstance(above, ir.BinOp) and above.op == "*":
            above = above.right if isinstance(above.right, ir.BinOp) else above.left
        if asked and isinstance(above, ir.BinOp) and isinstance(below, ir.BinOp) and above.op == below.op == "+":
            more, most = self._constant(above), self._constant(below)
            if more is not None and most is not None and 0 <= most < 2 * more:
                reads = 0
                for each in self.machine.atoms.meanings(asked, "asked"):
                    assert isinstance(each, int)
                    reads |= each
                origins = origins & ~self._asked() | self.found("smoothed", reads, node)
        return origins

    def _constant(self, node: ir.BinOp) -> float | None:
        """Return the constant that is added to counts in ``node``, the same under all settings, else None."""
        for side, counts in ((node.right, node.left), (node.left, node.right)):
            if not isinstance(side, ir.Const | ir.Name) or isinstance(counts, ir.BinOp | ir.Const):
                continue
            if isinstance(counts, ir.Name | ir.Attr) and numbers(self.machine, self.machine.eval(counts)):
                continue  # what it begins with
            found = set(numbers(self.machine, self.machine.eval(side)).values())
            if len(found) == 1:
                return found.pop()
        return None

    def _taken_off(self, node: ir.BinOp | ir.AugAssign, left: Value, right: Value, origins: int) -> int:
        origins &= ~(self.lifted | self.loose)
        if right.m & self.rest and left.m & self.machine.of(Keys).gold and left.m & self.machine.of(Marks).probs:
            return origins & ~self.rest | self.blend("noisy", node, origins)
        if not isinstance(left.p, Known) or left.p.v != 1:
            return origins & ~(self.wrong | self.neither)
        if right.m & self.neither:
            return origins & ~(self.wrong | self.neither) | self.blend("noisy", node, origins)
        is_prediction = right.m & self.machine.of(Marks).probs or predicts(self.machine, right)
        return origins & ~self.neither | (self.wrong if is_prediction else 0)

    def _times(self, node: ir.BinOp | ir.AugAssign, left: Value, right: Value, origins: int) -> int:
        keys, marks = self.machine.of(Keys), self.machine.of(Marks)
        if left.m & right.m & self.wrong and kept_apart(self.machine, left, right):
            return origins & ~self.wrong | self.neither
        if self._predicts(left) and self._predicts(right) and kept_apart(self.machine, left, right):
            return origins & ~(self.wrong | self.neither) | self.rest
        if (left.m ^ right.m) & marks.space == marks.probs | marks.logs and not origins & keys.gold:
            origins |= self.entropy
        if isinstance(node, ir.AugAssign) and isinstance(node.target, ir.Subscript) and left.m & self.even:
            found = set(numbers(self.machine, right).values())
            if found and all(n > 1 if left.m & marks.probs else 0 < n < 1 for n in found):
                origins |= self.lifted
        if self._weighs(left, right):
            return origins | self.spread
        constants = [*numbers(self.machine, left).values(), *numbers(self.machine, right).values()]
        if not constants or max(constants) < _SHARE:
            origins &= ~self.top
        return origins & ~(self.wrong | self.neither)

    def _weighs(self, left: Value, right: Value) -> bool:
        """Return whether one side is loose weights and the other several predictions, side by side."""
        marks = self.machine.of(Marks)
        for weight, other in ((left, right), (right, left)):
            several = other.m & (marks.rivals | marks.whole) and other.m & marks.probs
            if weight.m & self.loose and several and not other.m & self.loose:
                return True
        return False

    def _added(self, node: ir.BinOp | ir.AugAssign, left: Value, right: Value, origins: int) -> int:
        keys, marks = self.machine.of(Keys), self.machine.of(Marks)
        origins &= ~(self.wrong | self.neither)
        if isinstance(node, ir.AugAssign):
            lowered = [number for number in numbers(self.machine, right).values() if number <= 0]
            if isinstance(node.target, ir.Subscript) and left.m & self.even and not lowered:
                origins |= self.lifted
            return origins
        if origins & self.loose and origins & (marks.probs | keys.gold) and self._apart(node):
            return origins & ~self.loose | self.blend("loose", node, origins)
        if (left.m ^ right.m) & self.rest and self._leftover(left, right):
            return origins & ~self.rest | self.blend("noisy", node, origins)
        hits = self.machine.atoms.family("hit")
        for one, other in ((left, right), (right, left)):
            if other.m & self.peaked and other.m & hits and one.m & keys.gold and one.m & marks.probs:
                return origins & ~self.peaked | pending(self.machine, "loose", node)
            if other.m & self.top and not other.m & keys.gold and one.m & keys.gold and one.m & marks.probs:
                return origins & ~self.top | pending(self.machine, "pseudo", node)
            more = other.m & VAL and not other.m & (self._forwards() | marks.space) and not numbers(self.machine, other)
            if one.m & self.even and one.m & marks.probs and more and not one.m & keys.gold:
                origins |= self.lifted
        return origins

    def _leftover(self, left: Value, right: Value) -> bool:
        """Return whether one side is a prediction and the other what it leaves over, times another prediction."""
        one, other = (left, right) if right.m & self.rest else (right, left)
        return bool(other.m & self.wrong) and self._predicts(one)

    def _predicts(self, value: Value) -> bool:
        """Return whether a value is a probability of the token being scored, as a number."""
        if isinstance(value.p, Known):
            return False
        marks = self.machine.of(Marks)
        if value.m & (marks.losses | marks.logs | marks.summed):
            return False
        return bool(value.m & self.machine.of(Keys).gold and value.m & marks.probs) or predicts(self.machine, value)

    def _forwards(self) -> int:
        return self.machine.atoms.family("forward")

    def _apart(self, node: ir.BinOp) -> bool:
        """Return whether each term of a sum has a weight of its own out of the same loose ones (``g[0] * p + …``)."""
        terms: list[ir.Expr] = [node]
        seen: set[object] = set()
        base: ir.Expr | None = None
        while terms:
            term = terms.pop()
            if isinstance(term, ir.BinOp) and term.op == "+":
                terms += [term.left, term.right]
                continue
            weight = next((found for factor in factors(term) if (found := self._item(factor)) is not None), None)
            if weight is None or (base is not None and not same_expression(base, weight[0])):
                return False
            base = weight[0]
            seen.add(weight[1])
        return len(seen) > 1

    def _item(self, node: ir.Expr) -> tuple[ir.Expr, object] | None:
        """Return of what, and at which place, ``node`` takes a loose weight."""
        if not isinstance(node, ir.Subscript) or not isinstance(node.index, ir.Const):
            return None
        if not isinstance(node.value, ir.Name | ir.Attr) or not self.machine.eval(node.value).m & self.loose:
            return None
        return node.value, node.index.value

    # ---------------------------------------------------------------- calls, items

    @heeds(
        _LOOSE, _SETTLES, _SUMS, _PICKS, _COUNTS, _LARGEST, _PRODUCTS,
        frozenset({"prod", "log1p", "entropy", "exp", "scatter_add", "scatter_add_"}),
    )  # fmt: skip
    def called(self, func: Value, args: Args, node: ir.Call, out: Value) -> Value:
        """Note what a library settles, adds up or judges."""
        name = arguments.callee_name(func)
        origins = out.m
        if name in _LOOSE:
            return Value(out.p, origins | self.loose)
        if name in _SETTLES:
            origins &= ~(self.own | self.unsettled())
            if name in _SOFTMAX and origins & self.machine.atoms.family("forward"):
                origins |= self.even
            if name == "logaddexp" and self._overfull(arguments.given_to(func, args)):
                origins |= self.lifted
            return out if origins == out.m else Value(out.p, origins)
        given = arguments.given_to(func, args)
        if name == "prod" and given and given[0].m & self.wrong:
            return Value(out.p, origins & ~self.wrong | self.neither)
        if name == "log1p" and given and given[0].m & self.neither:
            return Value(out.p, origins & ~self.neither | self.blend("noisy", node, origins))
        if name == "entropy" and origins & self._forwards() and not origins & self.machine.of(Keys).gold:
            return Value(out.p, origins | self.entropy)
        if name == "exp" and given and given[0].m & self.entropy and not origins & self.machine.of(Keys).gold:
            return Value(out.p, origins & ~self.entropy | self.top)
        if name in _PRODUCTS and len(given) > 1 and self._weighs(given[-2], given[-1]):
            return Value(out.p, origins & ~self.loose | self.blend("loose", node, origins))
        keys, marks = self.machine.of(Keys), self.machine.of(Marks)
        if name in _SUMS and origins & self.spread and origins & marks.space in (0, marks.probs):
            return Value(out.p, origins & ~(self.spread | self.loose) | self.blend("loose", node, origins))
        side_by_side = given and given[0].m & keys.pseudo and given[0].m & marks.space == marks.probs
        if name in _SUMS and side_by_side and origins & keys.gold:
            return Value(out.p, origins | emit(self.machine, "pseudo", node))
        if name in _LARGEST and origins & marks.probs and not origins & keys.gold and self._alone(given):
            return Value(out.p, origins | self.top)
        if name in ("scatter_add", "scatter_add_") and given and given[0].m & self.even:
            if isinstance(func.p, Method):
                stores.update_in_place(self.machine, func.p.where, given[0], Value(None, self.lifted))
            return Value(out.p, origins & ~self.even | self.lifted)
        if name in _PICKS and given and given[0].m & self.lifted:
            return self._judged(given[0], node, out)
        if name in _COUNTS and len(given) > 1:
            index = 0
            for value in given[1:]:
                index |= containers.deep(value)
            return self._asked_for(given[0], index, out)
        return out

    @past_plain
    def subscripted(self, base: Value, index: Value, node: ir.Subscript, out: Value) -> Value:
        """Note predictions that are judged, and counts that are asked for."""
        if base.m & self.lifted and index.m & VAL and not isinstance(base.p, Heap | Tup):
            return self._judged(base, node, out)
        return self._asked_for(base, containers.deep(index), out) if index.m & VAL else out

    def _overfull(self, given: list[Value]) -> bool:
        """Return whether something is added to a prediction of all tokens that adds up to one as it is."""
        keys, marks = self.machine.of(Keys), self.machine.of(Marks)
        plain = [v.m & self.even and v.m & marks.logs and not v.m & keys.gold for v in given]
        return len(given) == 2 and any(plain) and all(v.m & VAL and not v.m & keys.gold for v in given)

    def _alone(self, given: list[Value]) -> bool:
        """Return whether a call is of one array, the other arguments are numbers."""
        return all(isinstance(value.p, Known) for value in given[1:])

    def _asked_for(self, base: Value, index: int, out: Value) -> Value:
        reads = index & self.machine.of(Keys).reads
        if not reads or base.m & self.machine.atoms.family("forward") or not out.m & VAL:
            return out
        return Value(out.p, out.m | self.machine.atoms.bit("asked", reads))

    def _judged(self, base: Value, node: ir.Node, out: Value) -> Value:
        if not out.m & self.machine.of(Keys).gold:
            return out
        return Value(out.p, out.m & ~self.lifted | emit(self.machine, "lifted", node))

    # ---------------------------------------------------------------- what is found

    def _asked(self) -> int:
        return self.machine.atoms.family("asked")

    def unsettled(self) -> int:
        """Return the origins of finds that a division takes back."""
        keys = self.machine.of(Keys)
        out = self.counted
        for event in keys.found.values():
            if event.kind in ("loose", "noisy", "overweight", "powers") and event.atom in keys.choices:
                out |= keys.choices[event.atom]
        return out

    def blend(self, kind: MixtureKind, node: ir.Node, origins: int) -> int:
        """Return the origin of a blend: of the token's own predictions, pending; of whole ones, until divided."""
        if origins & self.machine.of(Keys).gold:
            return pending(self.machine, kind, node)
        atom = emit(self.machine, kind, node)
        self.counted |= atom
        return atom


def _largest_of(below: ir.Expr, above: ir.Expr) -> bool:
    """Return whether ``below`` is the largest of what ``above`` holds (``w.max()``, ``w.max(1).values``)."""
    while isinstance(below, ir.Attr | ir.Subscript):
        below = below.value
    if not isinstance(below, ir.Call):
        return False
    func = below.func
    if isinstance(func, ir.Attr) and func.attr in _LARGEST and same_expression(func.value, above):
        return True
    name = func.attr if isinstance(func, ir.Attr) else func.id if isinstance(func, ir.Name) else ""
    return name in _LARGEST and bool(below.args) and same_expression(below.args[0].value, above)
