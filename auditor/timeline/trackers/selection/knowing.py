"""Weights, temperatures and branches that are computed from the token being scored itself, not from its loss.

Whether a read is the token being scored is known when all has been followed (its label may come later), so what is
found here waits until then. A prediction is *plain* while it is the model's own, in whatever unit: where a test of the
token raises it and leaves it plain elsewhere, what the raised tokens gain is taken from none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.program.written import same_expression, weight_of
from auditor.timeline.engine import arguments, containers
from auditor.timeline.engine.calls import heeds
from auditor.timeline.engine.plain import past_plain
from auditor.timeline.engine.signals import Names
from auditor.timeline.trackers.keys.reads import Keys, of_this_token
from auditor.timeline.trackers.mixtures.mixtures import emit
from auditor.timeline.trackers.selection import weights
from auditor.timeline.trackers.selection.marks import Marks
from auditor.timeline.trackers.selection.waiting import Waiting
from auditor.timeline.values.atoms import VAL
from auditor.timeline.values.payloads import Heap, Known, PerSetting, Tup, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine

# What these give is the same prediction in another unit, type or shape.
_SAME = frozenset(
    {
        "exp", "log", "neg", "negative", "numpy", "cpu", "to", "double", "float", "astype", "squeeze", "unsqueeze",
        "view", "reshape", "view_as", "tolist", "item", "flatten", "detach", "clone", "copy", "asarray", "array",
        "tensor", "as_tensor", "from_numpy", "cuda", "ravel", "half", "bfloat16", "log2", "exp2", "list", "zip",
        "enumerate", "clamp_min",
    }
)  # fmt: skip

# What these make of losses are shares: between 0 and 1, and more where a prediction is the better one.
_SHARES = frozenset(
    {"softmax", "log_softmax", "sigmoid", "sigmoid_", "expit", "logsigmoid", "tanh", "tanh_", "hardsigmoid", "erf"}
)
_JUDGES = frozenset({"cross_entropy", "nll_loss", "gather", "take_along_dim", "take_along_axis"})
# Along the vocabulary, these make one number of predictions, which predicts no token any more.
_REDUCE = frozenset({"sum", "mean", "amax", "amin", "logsumexp", "std", "var", "norm", "nansum"})


class Knowing(Waiting):
    """What a weight, a temperature or a test knows of the token being scored."""

    rank = 46

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.plain = machine.atoms.bit("plain", "")
        self.shares = machine.atoms.bit("shares", "")  # made from losses, and brought between 0 and 1
        self.whole = machine.atoms.bit("whole share", "")  # ``w + (1 - w) * p``: a hint's share, as if it was right
        self.bonuses = 0
        self.raised = 0  # what a test of the token raised, which a normaliser may lower again
        self.reduced = machine.atoms.bit("reduced", "")  # one number made of predictions of all tokens: an entropy, say
        self.tests: dict[int, Value] = {}  # the number of an open condition → its test
        self.places: dict[int, ir.Node] = {}  # a test, by identity → where it is
        self.last: ir.Node | None = None  # the last comparison
        self.sides: dict[tuple[int, str], dict[int, Value]] = {}  # predictions stored under it, by side

    # ---------------------------------------------------------------- arithmetic

    @past_plain
    def combined(self, node: ir.BinOp | ir.AugAssign, left: Value, right: Value, out: Value) -> Value:
        """Note a blend whose weight knows the token, and predictions that are scaled by what does."""
        keys = self.machine.of(Keys)
        origins = self._summary((left, right), out.m & ~self.plain)
        if node.op == "+" and isinstance(node, ir.BinOp) and origins & keys.gold:
            weight = weight_of(node)
            reads = self.reads_of(self.machine.eval(weight)) if weight is not None else 0
            if reads:
                origins |= self.found("told", reads, node)
            if _gives_whole_share(node):
                origins |= self.whole
        both = left.m & right.m & keys.gold
        if node.op == "/" and ((both and by_own_sum(node)) or (right.m & keys.gold and of_both(node))):
            origins |= self.shares
        elif both and (shares := self._weight(node.op, left, right)) is not None:
            origins &= ~self.shares  # of whatever tokens: what is weighted is a prediction again
            if of_this_token(self.machine, shares.m):
                weighed = self.machine.of(Marks).weighted if node.op != "*" else 0
                origins |= weighed | emit(self.machine, "gate", node)
        if origins & self.raised and node.op in ("/", "+", "-"):
            origins = self._normalised(node, left, right, origins)
        if node.op in ("+", "-") and isinstance(node, ir.BinOp):
            for loss, rest in ((left, right), (right, left)):
                if loss.m & keys.gold and rest.m & VAL and not isinstance(rest.p, Known | PerSetting):
                    origins = self._lowered(loss, rest, node, origins)
        if node.op in ("*", "/"):
            for scores, factor in ((left, right), (right, left)):
                if node.op == "/" and scores is right:
                    continue
                if self.predicts(scores) and not self.predicts(factor):
                    reads = self.reads_of(factor)
                    own = factor.m & keys.gold and of_this_token(self.machine, factor.m)
                    if reads or own:
                        heated = self.machine.atoms.bit("heated", (self.machine.site(node), 0 if own else reads))
                        origins = origins & ~(keys.chosen if own else 0) | heated
        return out if origins == out.m else Value(out.p, origins)

    def _normalised(self, node: ir.BinOp | ir.AugAssign, left: Value, right: Value, origins: int) -> int:
        """Return the origins of what a normaliser lowers for every token: it is made of predictions of others.

        As ``where(hit, s * p, p) / (1 - p_hint + s * p_hint)``, or less its logarithm.
        """
        for raised, rest in ((left, right), (right, left)):
            if node.op == "/" and raised is right:
                continue
            if raised.m & self.raised and rest.m & self.machine.atoms.family("forward"):
                own, judged = (set(self.machine.atoms.meanings(side.m, "judged")) for side in (raised, rest))
                if not rest.m & self.machine.of(Keys).gold or judged - own:
                    origins &= ~self.raised
        return origins

    def _lowered(self, loss: Value, rest: Value, node: ir.BinOp, origins: int) -> int:
        """Return the origins of a loss that something is taken off where a hint is right, and added to nowhere."""
        marks, hits = self.machine.of(Marks), self.machine.atoms.family("hit")
        if loss.m & self.bonuses:
            return origins & ~self.bonuses  # by a normaliser, it may be
        if not loss.m & (marks.losses | marks.logs) or not loss.m & self.plain:
            return origins
        if not rest.m & hits or rest.m & (self.machine.of(Keys).gold | self.machine.atoms.family("forward")):
            return origins  # what the model makes of other tokens may be its normaliser
        reads = 0
        for found in self.machine.atoms.meanings(rest.m, "hit"):
            assert isinstance(found, int)
            reads |= found
        bonus = self.found("bonus", reads, node)
        self.bonuses |= bonus
        return origins & ~hits | bonus

    def _weight(self, op: str, left: Value, right: Value) -> Value | None:
        """Return the one of two values that weights the other, predictions of a token: shares, made from losses.

        A product of probabilities, or a sum of their logarithms. What two scores come to, each of many tokens, tells
        which of them is the better one, and weights nothing.
        """
        marks = self.machine.of(Marks)
        logs = marks.logs | marks.losses
        if op != "*" and not (op in ("+", "-") and left.m & logs and right.m & logs):
            return None
        if left.m & right.m & marks.summed:
            return None
        for weight, other in ((left, right), (right, left)):
            if weight.m & self.shares and not other.m & self.shares:
                return weight
        return None

    def predicts(self, value: Value) -> bool:
        """Return whether a value is predictions of all tokens."""
        no = self.machine.of(Keys).gold | self.reduced
        return bool(value.m & self.machine.atoms.family("forward")) and not value.m & no

    def _summary(self, given: Iterable[Value], origins: int) -> int:
        """Return the origins of what is made of ``given``: one number only where none of them is all predictions."""
        whole = origins & self.reduced and any(self.predicts(value) for value in given)
        return origins & ~self.reduced if whole else origins

    def reads_of(self, value: Value) -> int:
        """Return the reads of tokens that a value is made of, where it is a number or an array and no prediction."""
        keys = self.machine.of(Keys)
        if value.m & keys.gold or isinstance(value.p, Known | Heap | Tup):
            return 0
        return value.m & keys.reads

    # ---------------------------------------------------------------- calls

    @heeds(made_of=("gold", "forward"))
    def called(self, func: Value, args: Args, node: ir.Call, out: Value) -> Value:
        """Note what a library chooses between, and predictions that are judged."""
        gold = self.machine.of(Keys).gold
        if not out.m & (gold | self.machine.atoms.family("forward")):
            return out
        given = arguments.given_to(func, args)
        if not out.m & gold:
            return self._along(given, args, node, out)
        name = arguments.callee_name(func)
        scaled = name in _JUDGES and any(value.m & self.machine.atoms.family("heated") for value in given)
        if scaled or not any(containers.deep(value) & gold for value in given):
            return self._judged(given, node, out)
        if name in _SHARES:
            return Value(out.p, out.m & ~self.plain | self.shares)
        if name == "lerp" and len(given) == 3 and (weight := self._weight("*", given[2], given[0])) is not None:
            found = emit(self.machine, "gate", node) if of_this_token(self.machine, weight.m) else 0
            return Value(out.p, out.m & ~(self.plain | self.shares) | found)
        if out.m & self.plain and name not in _SAME:
            out = Value(out.p, out.m & ~self.plain)
        if name == "where" and len(given) == 3:
            return self._either(given[0], given[1], given[2], node, out)
        return out

    def _along(self, given: list[Value], args: Args, node: ir.Call, out: Value) -> Value:
        """Return what a library makes of predictions of all tokens: along the last axis, one number."""
        if not out.m & self.machine.atoms.family("forward"):
            return out
        origins = self._summary(given, out.m)
        name = node.func.attr if isinstance(node.func, ir.Attr) else ""
        axes = [args.keywords.get("dim"), args.keywords.get("axis"), *given[1:2]]
        last = any(v is not None and isinstance(v.p, Known) and v.p.v == -1 for v in axes)
        if name in _REDUCE and last and given and self.predicts(given[0]):
            origins |= self.reduced
        return out if origins == out.m else Value(out.p, origins)

    @past_plain
    def subscripted(self, base: Value, index: Value, node: ir.Subscript, out: Value) -> Value:
        """Note predictions that are judged by an index."""
        gold = self.machine.of(Keys).gold
        if out.m & gold and not base.m & gold and not isinstance(base.p, Heap | Tup):
            return self._judged([base], node, out)
        return out

    def _judged(self, given: list[Value], node: ir.Node, out: Value) -> Value:
        origins = out.m | self.plain
        for value in given:
            for meaning in self.machine.atoms.meanings(value.m, "heated"):
                assert isinstance(meaning, tuple)
                site, reads = meaning
                found = self.found("heated", reads, node, site) if reads else emit(self.machine, "heated", node, site)
                origins |= found
        return Value(out.p, origins & ~self.machine.atoms.family("heated"))

    # ---------------------------------------------------------------- branches

    def compared(self, op: str, left: Value, right: Value, node: ir.Compare, out: Value) -> Value:
        """Remember where something was compared last."""
        self.last = node
        keys = self.machine.of(Keys)
        if op == "==" and not out.m & (keys.gold | keys.picks) and not isinstance(right.p, Known):
            both = (left.m | right.m) & keys.reads
            if left.m & VAL and right.m & VAL and (left.m & keys.reads) != (right.m & keys.reads):
                return Value(out.p, out.m | self.machine.atoms.bit("hit", both))
        return out

    def conditional(self, test: Value, one: Value, other: Value, out: Value) -> Value:
        """Note a conditional expression."""
        return self._either(test, one, other, self.last, out)

    def branch_entered(self, node: ir.Expr, test: Value) -> None:
        """Remember the test of a branch."""
        if self.machine.branches and test.m & self.machine.of(Keys).reads:
            self.tests[self.machine.branches[-1] >> 1] = test
            self.places[id(test)] = node

    def branches_joined(self, test: Value, before: Mapping[str, Value], after: Names) -> None:
        """Note predictions that a branch replaces."""
        node = self.places.pop(id(test), None)
        for name, value in after.items() if node is not None else ():
            old = before.get(name)
            if old is not None and old is not value and not isinstance(value.p, Known | Heap):
                after[name] = self._either(test, value, old, node, value)

    def item_stored(self, base: Value, node: ir.Subscript, out: tuple[Value, Value]) -> tuple[Value, Value]:
        """Note predictions that are stored in one branch, and others in the other."""
        index, value = out
        if not value.m & self.machine.of(Keys).gold or not isinstance(node.value, ir.Name):
            return out
        for branch in reversed(self.machine.branches):
            test = self.tests.get(branch >> 1)
            if test is None:
                continue
            sides = self.sides.setdefault((branch >> 1, node.value.id), {})
            sides[branch & 1] = value
            if len(sides) == 2:
                value = self._either(test, sides[0], sides[1], node, value)
        return index, value

    def _either(self, test: Value, one: Value, other: Value, node: ir.Node | None, out: Value) -> Value:
        """Return ``one if test else other``: a prediction that is raised for some tokens, and plain for the others."""
        keys = self.machine.of(Keys)
        both = containers.deep(one) & containers.deep(other) & keys.gold
        if both and test.m & self.machine.atoms.family("hit") and not (one.m | other.m) & self.plain:
            return Value(out.p, weights.unshifted(self.machine, out.m))
        if not both or not (one.m ^ other.m) & self.plain or test.m & (keys.gold | keys.picks):
            return out
        reads = test.m & keys.reads
        if not reads:
            return out
        if test.m & self.machine.atoms.family("hit") and node is not None and (one.m | other.m) & self.whole:
            return Value(out.p, out.m & ~self.plain | emit(self.machine, "raised", node))  # the hint names the token
        found = self.found("raised", reads, node) if node is not None else 0
        self.raised |= found
        return Value(out.p, out.m & ~self.plain | found)


def by_own_sum(node: ir.BinOp | ir.AugAssign) -> bool:
    """Return whether something is divided by its own sum (``w / w.sum(0)``, ``w /= w.sum()``)."""
    above, below = (node.left, node.right) if isinstance(node, ir.BinOp) else (node.target, node.value)
    if not isinstance(below, ir.Call):
        return False
    if isinstance(below.func, ir.Attr) and below.func.attr == "sum" and same_expression(below.func.value, above):
        return True
    name = (
        below.func.attr if isinstance(below.func, ir.Attr) else below.func.id if isinstance(below.func, ir.Name) else ""
    )
    return name == "sum" and bool(below.args) and same_expression(below.args[0].value, above)


def of_both(node: ir.BinOp | ir.AugAssign) -> bool:
    """Return whether something is divided by its sum with another (``b / (a + b)``)."""
    if not isinstance(node, ir.BinOp) or not isinstance(node.right, ir.BinOp) or node.right.op != "+":
        return False
    return any(same_expression(node.left, side) for side in (node.right.left, node.right.right))


def _gives_whole_share(node: ir.BinOp) -> bool:
    """Return whether a sum is ``w + (1 - w) * p``."""
    for share, rest in ((node.left, node.right), (node.right, node.left)):
        factors = (rest.left, rest.right) if isinstance(rest, ir.BinOp) and rest.op == "*" else ()
        for factor in factors:
            if not isinstance(factor, ir.BinOp) or factor.op != "-" or not isinstance(factor.left, ir.Const):
                continue
            if factor.left.value == 1 and same_expression(factor.right, share):
                return True
    return False
