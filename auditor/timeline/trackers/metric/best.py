"""The best of several whole evaluations: their own scores decide which of them is the one that is reported.

Scores of the checkpoints of a training run are no such evaluations: between them the model learned from training data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import arguments
from auditor.timeline.engine.calls import heeds
from auditor.timeline.engine.containers import deep, exact_items, tag
from auditor.timeline.engine.decisions import Decisions
from auditor.timeline.engine.signals import Names, Tracker
from auditor.timeline.events import Adapt, Forward
from auditor.timeline.trackers.metric.metric import doubt
from auditor.timeline.values.atoms import BITS, VAL
from auditor.timeline.values.payloads import Heap, Stream, Tup, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine

_BEST = frozenset({"min", "amin", "nanmin", "sorted", "argmin", "nsmallest", "nanargmin", "argsort", "sort"})
_FIRST = frozenset({"next", "pop", "popleft", "heappop"})


class Best(Tracker):
    """Evaluations among which their scores choose."""

    rank = 18

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.chosen: dict[int, set[int]] = {}  # the origin of a choice → the loops in which the scores were made
        self.in_place: dict[int, tuple[int, object]] = {}  # by the identity of a list that was sorted: its choice
        self.decisions: Decisions[tuple[Value, ir.Compare]] = Decisions()  # scores that were compared with others

    @heeds(_BEST, _FIRST)
    def called(self, func: Value, args: Args, node: ir.Call, out: Value) -> Value:
        """Note the least of several scores."""
        name = arguments.callee_name(func)
        given = arguments.given_to(func, args)
        if name in _FIRST and given:
            return self._picked(given[0], given[0].m, out)
        if name not in _BEST:
            return out
        several = [v for v in given if isinstance(v.p, Heap | Tup) and self._scores(deep(v))]
        if given and isinstance(given[0].p, Stream) and self._scores(deep(out)):
            several = [out]
        if len(given) > 1 and not several:
            several = [v for v in given if self._scores(v.m)]
            if len(several) < 2:
                return out
        if not several:
            return out
        made = self._found(several, node)
        if name == "sort" and made:
            self.in_place.update({id(value.p): (made, value.p) for value in several})
        return tag(out, made)

    def subscripted(self, base: Value, index: Value, node: ir.Subscript, out: Value) -> Value:
        """Note the evaluation that lies at the best place."""
        return self._picked(base, index.m | base.m, out) if isinstance(base.p, Heap) else out

    def ranked(self, keys: list[Value], node: ir.Node, out: Value) -> Value:
        """Note what is picked by the score that it has."""
        scored = [key for key in keys if self._scores(deep(key))]
        return tag(out, self._found(scored, node)) if scored else out

    def unpacked(self, whole: Value, index: int, out: Value) -> Value:
        """Note the evaluation that an assignment takes from its place."""
        return self._picked(whole, whole.m, out) if isinstance(whole.p, Heap) else out

    def _picked(self, base: Value, origins: int, out: Value) -> Value:
        """Return what is taken, with the choice that put it at its place."""
        made = self.in_place[id(base.p)][0] if id(base.p) in self.in_place else 0
        for each in self.chosen:
            made |= origins & each
        return tag(out, made) if made else out

    def compared(self, op: str, left: Value, right: Value, node: ir.Compare, out: Value) -> Value:
        """Note two scores that are compared."""
        score = left if op in ("<", "<=") else right if op in (">", ">=") else None
        self.decisions.compared(node, (score, node) if score is not None and self._scores(score.m) else None)
        return out

    def branch_entered(self, node: ir.Expr, test: Value) -> None:
        """Remember what decides a branch."""
        self.decisions.entered(node, test)

    def branches_joined(self, test: Value, before: Mapping[str, Value], after: Names) -> None:
        """Note a score that takes the place of the best one yet."""
        found = self.decisions.joined(test)
        if found is None:
            return
        score, node = found
        rest = node.rights[0] if self._named(node.left, before) is score else node.left
        while isinstance(rest, ir.Subscript | ir.Attr):
            rest = rest.value
        if not isinstance(rest, ir.Name):
            return
        kept = after.get(rest.id)
        if kept is None or kept is before.get(rest.id):
            return
        if kept is score or (isinstance(kept.p, Tup) and any(item is score for item in kept.p.items)):
            after[rest.id] = tag(kept, self._found([score], node))

    def _named(self, node: ir.Expr, names: Mapping[str, Value]) -> Value | None:
        return names.get(node.id) if isinstance(node, ir.Name) else None

    def _scores(self, origins: int) -> bool:
        """Return whether something is a score in bits of validation tokens."""
        return bool(origins & BITS and origins & VAL and origins & self.machine.atoms.family("forward"))

    def _found(self, values: list[Value], node: ir.Node) -> int:
        """Return the origin of a choice among scores, 0 where they are not several."""
        origins = 0
        for value in values:
            origins |= deep(value)
        items = [exact_items(self.machine, v) for v in values if isinstance(v.p, Heap | Tup)]
        if items and items[0] is not None and len(items[0]) < 2:
            return 0
        forwards = [f for f in self.machine.atoms.meanings(origins, "forward") if isinstance(f, Forward)]
        made = doubt(self.machine, "best evaluation", node, None, self.machine.all)
        self.chosen[made] = self.chosen.get(made, set()) | {loop for forward in forwards for loop in forward.loops}
        return made

    def closed(self) -> None:
        """Forget choices among checkpoints: scores in whose loop the model learned from training data."""
        learned = {loop for e in self.machine.events if isinstance(e, Adapt) and e.number < 0 for loop in e.loops}
        for made, loops in self.chosen.items():
            if loops & learned:
                for event in self.machine.atoms.meanings(made, "doubt"):
                    event.reports.clear()  # type: ignore[attr-defined]
