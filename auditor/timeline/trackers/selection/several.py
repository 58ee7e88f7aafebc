"""Several things that a model gives at once, of which its targets make some only: a loss, and an entropy beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine.calls import heeds
from auditor.timeline.engine.signals import Tracker
from auditor.timeline.trackers.keys.reads import Keys
from auditor.timeline.trackers.keys.returns import apart
from auditor.timeline.trackers.selection.knowing import Knowing
from auditor.timeline.trackers.selection.marks import Marks
from auditor.timeline.values.payloads import Bound, Heap, Some, Tup, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args


class Several(Tracker):
    """Tells what a model gives beside a loss from the loss."""

    rank = 50  # when all is known of what it gives

    @heeds(of=(Bound, Heap), made_of=("gold",))
    def called(self, func: Value, args: Args, node: ir.Call, out: Value) -> Value:
        """Note which of several things are made from the targets."""
        machine, keys = self.machine, self.machine.of(Keys)
        if not out.m & keys.gold or not isinstance(out.p, Some):
            return out
        given: tuple[tuple[int | str, Value], ...] = (*enumerate(args.positional), *args.keywords.items())
        sides = apart(func, args, [at for at, value in given if at != 0 and value.m & keys.reads])
        if sides is None or all(sides):
            return out
        told = keys.gold | machine.atoms.family("judged") | machine.of(Marks).space | machine.of(Knowing).plain
        return Value(Tup(tuple(Value(out.p, out.m if of_it else out.m & ~told) for of_it in sides)), out.m)
