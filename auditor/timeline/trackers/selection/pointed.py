"""Predictions that are raised at the token being scored, by itself or through a hint whose boost looks at it."""

from __future__ import annotations

from auditor.program import ir
from auditor.program.written import factors
from auditor.timeline.engine import containers
from auditor.timeline.engine.numbers import numbers
from auditor.timeline.trackers.keys.reads import Keys
from auditor.timeline.trackers.selection.knowing import Knowing
from auditor.timeline.trackers.selection.waiting import Waiting
from auditor.timeline.values.payloads import Heap, Tup, Value

_SAME = frozenset({"float", "double", "half", "to", "type", "type_as", "cuda", "cpu", "view", "reshape", "unsqueeze"})


class Pointed(Waiting):
    """What is added to a prediction of all tokens, or to the token's own, at a place that the token itself gives."""

    rank = 46  # beside what a weight knows of the token

    def combined(self, node: ir.BinOp | ir.AugAssign, left: Value, right: Value, out: Value) -> Value:
        """Note what is added to predictions."""
        found = self._weighed(node, left, right) | self._pointed(node, left, right)
        return Value(out.p, out.m | found) if found else out

    def _weighed(self, node: ir.BinOp | ir.AugAssign, left: Value, right: Value) -> int:
        """Return the origin of a hint's boost that is computed from the token being scored (``boost * (hint == y)``).

        What the boost looks at is kept with the product, until that is added to the token's prediction.
        """
        atoms, keys = self.machine.atoms, self.machine.of(Keys)
        hits, weighed = atoms.family("hit"), atoms.family("weighed hit")
        for hit, boost in ((left, right), (right, left)):
            if (hit.m | boost.m) & (keys.mixtures | keys.aware):
                continue  # it is told where the hint is made
            if node.op == "*" and hit.m & hits and not boost.m & (hits | atoms.family("forward")):
                reads = self.machine.of(Knowing).reads_of(boost)
                return atoms.bit("weighed hit", reads) if reads else 0
            if node.op in ("+", "-") and boost.m & keys.gold and hit.m & weighed and not boost.m & weighed:
                found = 0
                for looked_at in atoms.meanings(hit.m, "weighed hit"):
                    assert isinstance(looked_at, int)
                    found |= self.found("hint", looked_at, node)
                return found
        return 0

    def _pointed(self, node: ir.BinOp | ir.AugAssign, left: Value, right: Value) -> int:
        """Return the origin of a prediction of all tokens that is raised at a token which is read for it (0: none).

        ``logits[rows, y] += 2.0`` or ``logits + 2.0 * F.one_hot(y, n)``.
        """
        if isinstance(node, ir.AugAssign) and isinstance(node.target, ir.Subscript):
            whole, index = self.machine.eval(node.target.value), self.machine.eval(node.target.index)
            known = numbers(self.machine, right).values()
            raised = (node.op == "+" and all(n > 0 for n in known)) or (node.op == "-" and known and max(known) < 0)
            if not raised or isinstance(whole.p, Heap | Tup) or not self.machine.of(Knowing).predicts(whole):
                return 0
            return self._at(containers.deep(index), node)
        if node.op != "+":
            return 0
        for scores, rest, text in ((left, right, _right(node)), (right, left, _left(node))):
            hot = self.machine.atoms.meanings(rest.m, "one hot")
            plain = (
                hot and self.machine.of(Knowing).predicts(scores) and not rest.m & self.machine.atoms.family("forward")
            )
            if plain and any(_is_one_hot(part) for part in factors(text)):
                (reads,) = hot[:1]
                assert isinstance(reads, int)
                return self._at(reads, node)
        return 0

    def _at(self, index: int, node: ir.Node) -> int:
        """Return the origin of what is raised at the reads of ``index``, should they be the token being scored."""
        keys = self.machine.of(Keys)
        reads = index & keys.reads if not index & (keys.spots | keys.truths | keys.gold) else 0
        return self.found("pointed", reads, node) if reads else 0


def _left(node: ir.BinOp | ir.AugAssign) -> ir.Expr:
    return node.left if isinstance(node, ir.BinOp) else node.target


def _right(node: ir.BinOp | ir.AugAssign) -> ir.Expr:
    return node.right if isinstance(node, ir.BinOp) else node.value


def _is_one_hot(node: ir.Expr) -> bool:
    """Return whether an expression is a call of ``one_hot``, in another type or shape."""
    while isinstance(node, ir.Call):
        func = node.func
        name = func.attr if isinstance(func, ir.Attr) else func.id if isinstance(func, ir.Name) else ""
        if name == "one_hot":
            return True
        if not isinstance(func, ir.Attr) or name not in _SAME:
            return False
        node = func.value
    return False
