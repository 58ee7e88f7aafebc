"""Where tokens of some kind stand (``tokens == bos``, ``.nonzero()`` of it): what comes from tokens and is none.

Documents begin and end there. What is cut between them is read from the tokens; the bounds themselves are neither a
key nor the label that a prediction is judged by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import arguments
from auditor.timeline.engine.calls import heeds
from auditor.timeline.engine.plain import past_plain
from auditor.timeline.engine.signals import Tracker
from auditor.timeline.trackers.keys.places import Behind
from auditor.timeline.trackers.keys.reads import Keys
from auditor.timeline.values.atoms import VAL
from auditor.timeline.values.payloads import Value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.timeline.engine.arguments import Args

_FIND = frozenset({"nonzero", "argwhere", "flatnonzero", "nonzero_static"})
# Where an array was filled: nothing of what is predicted there. (What a threshold put there is told by other origins.)
_FILLED = frozenset({"isfinite", "isnan", "isinf", "isposinf", "isneginf"})


class Spots(Tracker):
    """Tells places from the tokens that stand there."""

    rank = 42

    @heeds(_FILLED, made_of=("read",))
    def called(self, func: Value, args: Args, node: ir.Call, out: Value) -> Value:
        """Note places that a library finds; what it makes of tokens by them is tokens."""
        if not out.m & VAL:
            return out
        given = arguments.given_to(func, args)
        name = arguments.callee_name(func)
        keys = self.machine.of(Keys)
        if name in _FILLED:
            judged = keys.gold | self.machine.atoms.family("forward") | self.machine.atoms.family("space")
            return Value(out.p, out.m & ~(judged | self.machine.atoms.family("judged")))
        if name in _FIND or (name == "where" and len(given) == 1):
            return Value(out.p, out.m & ~(keys.reads | keys.mixed) | keys.spots)
        return self._kept((*given, *args.keywords.values()), out)

    @past_plain
    def subscripted(self, base: Value, index: Value, node: ir.Subscript, out: Value) -> Value:
        """Let tokens be tokens, whichever predictions told where to pick them (``tokens[torch.isfinite(nll)]``)."""
        atoms, keys = self.machine.atoms, self.machine.of(Keys)
        judged = atoms.family("forward") | atoms.family("space") | keys.gold
        told = index.m & judged & ~base.m
        if not told or not base.m & VAL or base.m & judged or not keys.holds_tokens(base.m):
            return out
        return Value(out.p, out.m & ~told)

    @past_plain
    def compared(self, op: str, left: Value, right: Value, node: ir.Compare, out: Value) -> Value:
        """Note a mask; one that compares tokens with every candidate picks the token among them."""
        keys = self.machine.of(Keys)
        each = (left.m | right.m) & (keys.every | keys.each)
        if each or not out.m & VAL:
            return out
        return Value(out.p, out.m & ~self.machine.atoms.family("judged") | keys.truths)

    @past_plain
    def combined(self, node: ir.BinOp | ir.AugAssign, left: Value, right: Value, out: Value) -> Value:
        """Let what is made of places and tokens be tokens; what a mask is and-ed with is one."""
        truths = self.machine.of(Keys).truths
        if node.op == "&" and out.m & truths:
            return out
        return self._kept((left, right), out)

    def _kept(self, given: Sequence[Value], out: Value) -> Value:
        keys = self.machine.of(Keys)
        lost = 0
        for mark in (keys.spots, keys.truths):
            if out.m & mark and any(value.m & VAL and not value.m & mark for value in given):
                lost |= mark
        if not lost:
            return out
        return Behind(out.p, out.m & ~lost, out.base) if isinstance(out, Behind) else Value(out.p, out.m & ~lost)
