"""Scores made of the largest prediction at each place, whichever token it is of: what came is not asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import arguments
from auditor.timeline.engine.calls import heeds
from auditor.timeline.engine.containers import tag
from auditor.timeline.engine.recording import common
from auditor.timeline.engine.signals import Tracker
from auditor.timeline.events import Event, Report
from auditor.timeline.trackers.metric.metric import doubt, reported
from auditor.timeline.values.atoms import BITS, VAL
from auditor.timeline.values.payloads import Known, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args

_LARGEST = frozenset({"max", "amax", "topk", "nanmax"})


class Largest(Tracker):
    """The largest predictions, until the token that came is asked for, too."""

    rank = 48  # when it is known what is a probability

    @heeds(_LARGEST)
    def called(self, func: Value, args: Args, node: ir.Call, out: Value) -> Value:
        """Note the largest of a prediction of all tokens."""
        atoms = self.machine.atoms
        given = arguments.given_to(func, args)
        alone = given and all(isinstance(value.p, Known) for value in given[1:])
        whole = out.m & VAL and out.m & atoms.family("space") and out.m & atoms.family("forward")
        if arguments.callee_name(func) not in _LARGEST or not alone or not whole or out.m & atoms.family("gold"):
            return out
        return tag(out, atoms.fresh("largest", Event(**common(self.machine, node, self.machine.live))))

    def combined(self, node: ir.BinOp | ir.AugAssign, left: Value, right: Value, out: Value) -> Value:
        """Forget what predictions are divided by, or lessened by: a softmax by hand."""
        atoms = self.machine.atoms
        both = left.m & right.m & atoms.family("forward") and isinstance(node, ir.BinOp) and node.op in ("-", "/")
        held = out.m & atoms.family("largest") if both else 0
        return Value(out.p, out.m & ~held) if held else out

    def reported(self, origins: int, report: Report) -> None:
        """Note a score in bits in which nothing tells which token came."""
        atoms = self.machine.atoms
        held = origins & atoms.family("largest")
        if not held or not origins & BITS or origins & atoms.family("gold"):
            return
        for event in atoms.meanings(held, "largest"):
            assert isinstance(event, Event)
            reported(self.machine, doubt(self.machine, "largest predictions", None, None, event.bits, event), report)
