"""The lowest loss yet, kept in a name from round to round: ``if loss < low: low = loss``, ``low = min(low, loss)``.

Before the first round such a name holds a number that no loss reaches; of that nothing is left in a loop's body.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine.containers import tag
from auditor.timeline.engine.decisions import Decisions
from auditor.timeline.engine.signals import Names, Tracker
from auditor.timeline.trackers.keys.reads import Keys
from auditor.timeline.trackers.selection.marks import Marks, pending
from auditor.timeline.values.constants import is_none
from auditor.timeline.values.payloads import SOME, Either, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine


class Running(Tracker):
    """Branches that keep the lower one of losses of different rounds."""

    rank = 48

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        # A loss, the name that it was compared with, and where.
        self.decisions: Decisions[tuple[Value, str, ir.Compare]] = Decisions()
        self.last: tuple[Value, ir.Compare, bool] | None = None  # whether it holds where the loss is the lower one

    def compared(self, op: str, left: Value, right: Value, node: ir.Compare, out: Value) -> Value:
        """Note a loss that is compared with a name."""
        known = None
        if op in ("<", "<=", ">", ">=") and len(node.ops) == 1:
            sides = (left, right, node.rights[0]) if op in ("<", "<=") else (right, left, node.left)
            loss, low, name = sides
            if is_loss(self.machine, loss) and carried(self.machine, low) and isinstance(name, ir.Name):
                known = loss, name.id, node
            for one, rest, lower in ((left, right, op in ("<", "<=")), (right, left, op in (">", ">="))):
                if is_loss(self.machine, one) and carried(self.machine, rest):
                    self.last = one, node, lower
        self.decisions.compared(node, known)
        return out

    def conditional(self, test: Value, one: Value, other: Value, out: Value) -> Value:
        """Note ``low = loss if loss < low else low``."""
        if self.last is None:
            return out
        loss, node, lower = self.last
        kept, rest = (one, other) if lower else (other, one)
        judged = loss.m & self.machine.of(Keys).gold
        if test.m & judged and kept.m & judged and carried(self.machine, rest):
            return tag(out, pending(self.machine, "oracle", node))
        return out

    def branch_entered(self, node: ir.Expr, test: Value) -> None:
        """Remember what decides a branch."""
        self.decisions.entered(node, test)

    def branches_joined(self, test: Value, before: Mapping[str, Value], after: Names) -> None:
        """Note a loss that takes the place of the lowest one yet."""
        found = self.decisions.joined(test)
        if found is None:
            return
        loss, name, node = found
        kept = after.get(name)
        if kept is not None and kept is not before.get(name) and kept.m & loss.m & self.machine.of(Keys).gold:
            after[name] = tag(kept, pending(self.machine, "oracle", node))


def is_loss(machine: Machine, value: Value) -> bool:
    """Return whether a value is the loss of tokens, not yet added up."""
    marks = machine.of(Marks)
    return bool(value.m & machine.of(Keys).gold and value.m & marks.losses) and not value.m & marks.summed


def carried(machine: Machine, value: Value) -> bool:
    """Return whether a value is a number of another round, of which no more is known than that it may be none yet."""
    options = value.p.options if isinstance(value.p, Either) else (value.p,)
    unknown = SOME in options and all(option is SOME or is_none(option) for option in options)
    return bool(machine.in_loop) and unknown and not value.m
