"""Scores that take the place of first ones, made with a table that was filled from the same tokens in between.

``total - first + second``, ``total += second - first``, and a list of losses whose items are replaced: that two losses
are of the same tokens is what such a correction says. It is none of our business where the second loss comes from the
same look as the first, or from a table that was not filled while the first ones were made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import arguments, containers
from auditor.timeline.engine.calls import heeds
from auditor.timeline.engine.signals import Tracker
from auditor.timeline.events import Forward
from auditor.timeline.trackers.counts import sweeps
from auditor.timeline.trackers.counts.counts import Counting, Counts
from auditor.timeline.trackers.keys.reads import Keys
from auditor.timeline.values.atoms import VAL
from auditor.timeline.values.payloads import Heap, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine

_LOOKS = frozenset({"get", "setdefault", "pop", "take", "gather", "take_along_dim", "take_along_axis", "index_select"})

# What bends a number: a correction that went through it corrects no sum (the weights of a mixture that learns, say).
_BENDS = frozenset(
    {"softmax", "log_softmax", "softmin", "log", "exp", "sigmoid", "logsigmoid", "tanh", "softplus", "sqrt"}
)


class Rescored(Tracker):
    """Losses that are taken out of a sum, or overwritten, for others that saw more."""

    rank = 44  # after the counting is known, before sums are settled

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        # Where losses were stored under a place: by what holds them, the loops that went over the places, as written.
        self.stored: dict[object, tuple[object, set[str]]] = {}
        self.scored_in: dict[int, frozenset[int]] = {}  # by the number of a forward: the loops in progress

    def scored(self, origins: int, forwards: list[Forward], node: ir.Node) -> None:
        """Note in which loops tokens are scored."""
        running = frozenset(self.machine.of(Counts).loops)
        for forward in forwards:
            self.scored_in.setdefault(forward.number, running)

    def subscripted(self, base: Value, index: Value, node: ir.Subscript, out: Value) -> Value:
        """Note a look into a table after a loop that filled it."""
        return self._looked(base, index.m, out)

    @heeds(_LOOKS | _BENDS)
    def called(self, func: Value, args: Args, node: ir.Call, out: Value) -> Value:
        """Note such a look by a call; forget corrections that are bent."""
        if arguments.callee_name(func) in _BENDS:
            atoms = self.machine.atoms
            return Value(out.p, out.m & ~(atoms.family("change") | atoms.family("without")))
        if arguments.callee_name(func) not in _LOOKS:
            return out
        given = arguments.given_to(func, args)
        index = 0
        for value in given[1:]:
            index |= value.m
        return self._looked(given[0], index, out) if given else out

    def combined(self, node: ir.BinOp | ir.AugAssign, left: Value, right: Value, out: Value) -> Value:
        """Note a loss that is taken out of a sum, and what comes in its place."""
        gold = self.machine.of(Keys).gold
        if node.op == "-":
            out = self._replaced(node, left, right, out)
            return self._without(node, left, right, out) if left.m & right.m & gold else out
        if node.op == "+":
            out = self._replaced(node, left, right, out)
            return self._replaced(node, right, left, out)
        return out

    def item_stored(self, base: Value, node: ir.Subscript, out: tuple[Value, Value]) -> tuple[Value, Value]:
        """Note losses that overwrite earlier ones."""
        index, value = out
        new = containers.deep(value)
        if not new & self.machine.of(Keys).gold:
            return out
        listed = isinstance(base.p, Heap) and base.p.kind == "list"
        if isinstance(node.index, ir.Const) and not listed:
            return out  # one row of several experts' losses, say
        key, keep = self._holder(base, node)
        late = self._late(new)
        old = containers.deep(base)
        if not listed and not old & self.machine.of(Keys).gold:
            self.stored.pop(key, None)  # a table that was made anew
        before = self.stored.get(key)
        texts = sweeps.gone_over(self.machine, node)
        if not late:
            self.stored[key] = (keep, texts | (before[1] if before is not None else set()))
            return out
        if not old & self.machine.of(Keys).gold:
            return out
        # What was filled place by place is overwritten only by a loop over the same places.
        again = not before if listed else bool(before and before[1] & texts)
        return (index, containers.tag(value, self._told(new, old, node))) if again else out

    # ---------------------------------------------------------------- what a loss saw

    def _looked(self, base: Value, index: int, out: Value) -> Value:
        machine = self.machine
        family = machine.atoms.family("counted")
        if not family or not index & VAL:
            return out
        running, seen = set(machine.of(Counts).loops), 0
        for event in machine.atoms.meanings(containers.deep(base), "counted"):
            assert isinstance(event, Counting)
            ended = frozenset(event.within) - running
            if ended and event.bits & machine.live:
                seen |= machine.atoms.bit("late", (event, ended))
        return containers.tag(out, seen)

    def _late(self, origins: int) -> int:
        return origins & self.machine.atoms.family("late")

    def _told(self, new: int, old: int, node: ir.Node) -> int:
        """Return the origins of what ``new`` saw of the tokens of ``old``: counts made in a loop that scored these."""
        machine, found = self.machine, 0
        scored: set[int] = set()
        for forward in machine.atoms.meanings(old, "forward"):
            assert isinstance(forward, Forward)
            scored.update(self.scored_in.get(forward.number, ()))
        for meaning in machine.atoms.meanings(new & ~self._late(old), "late"):
            assert isinstance(meaning, tuple)
            event, ended = meaning
            if ended & scored and not event.excludes(machine.way()):
                found |= machine.of(Counts).emit(event, "rescored", node)
        return found

    # ---------------------------------------------------------------- corrections

    def _without(self, node: ir.BinOp | ir.AugAssign, left: Value, right: Value, out: Value) -> Value:
        """Return a difference of losses: a sum without some of its terms, or what a second score gains."""
        atoms = self.machine.atoms
        forwards = atoms.family("forward")
        if self._late(left.m) & ~self._late(right.m):
            summed = isinstance(node, ir.AugAssign) or (isinstance(node.left, ir.BinOp) and node.left.op == "+")
            if summed:  # ``total + second - first``
                return containers.tag(out, self._told(left.m, right.m, node))
            return containers.tag(out, atoms.bit("change", ("+", right.m & forwards, left.m)))
        if self._late(right.m) & ~self._late(left.m):
            return containers.tag(out, atoms.bit("change", ("-", left.m & forwards, right.m)))
        if left.m & right.m & forwards:
            return containers.tag(out, atoms.bit("without", right.m & forwards))
        return out

    def _replaced(self, node: ir.BinOp | ir.AugAssign, whole: Value, change: Value, out: Value) -> Value:
        """Return a sum, marked where the term that it is given stands for one that was in it before."""
        atoms, gold = self.machine.atoms, self.machine.of(Keys).gold
        if not whole.m & gold:
            return out
        found = 0
        for meaning in atoms.meanings(change.m & ~whole.m, "change"):
            assert isinstance(meaning, tuple)
            sign, first, second = meaning
            if sign == node.op and whole.m & first:
                found |= self._told(second, first, node)
        if node.op == "+" and self._late(change.m):
            for first in atoms.meanings(whole.m, "without"):
                assert isinstance(first, int)
                found |= self._told(change.m, first, node)
        return containers.tag(out, found)

    def _holder(self, base: Value, node: ir.Subscript) -> tuple[object, object]:
        """Return what tells apart the holders of losses, and what is to be kept so that it goes on to do so."""
        if isinstance(base.p, Heap):
            return id(base.p), base.p
        frame = self.machine.frame
        source = frame.scope.source
        start = frame.func.node.start if frame.func is not None else -1
        return (source.path, start, source.text[node.value.start : node.value.end]), None
