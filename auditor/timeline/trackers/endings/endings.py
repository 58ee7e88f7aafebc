"""Loops of training that end by what a comparison of a validation loss says: early stopping.

What such a comparison gives is *judged*, and so is what is assigned under it: a flag, a count of rounds without a gain.
A loop ends by it where a ``break``, a ``return`` or the end of the process stands under a condition that is judged, or
where the condition of a ``while`` is. A run that dies by an exception reports nothing, so that is no such end.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from msgspec import Struct

from auditor.program import ir
from auditor.timeline.engine.calls import heeds, names_that
from auditor.timeline.engine.containers import tag
from auditor.timeline.engine.plain import past_plain
from auditor.timeline.engine.recording import common
from auditor.timeline.engine.signals import Tracker
from auditor.timeline.events import Event, Forward
from auditor.timeline.values.atoms import TRAIN, VAL, val_settings
from auditor.timeline.values.frames import Site
from auditor.timeline.values.payloads import Known, Tup, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine

_ORDERS = frozenset({"<", "<=", ">", ">=", "==", "!="})
_EXITS = frozenset({"sys.exit", "os._exit", "exit", "quit", "builtins.exit", "builtins.quit"})
_FAMILY = "ending by loss"
_COMPARING = frozenset({"argmin", "argmax", "isclose", "allclose"})

Place = tuple[str, int, int]  # of a loop: file, layer, start


class Ending(Event, eq=False):
    """A loop of training is left here or not, as a comparison of a validation loss says.

    ``site`` is the condition that decides, ``left`` where the loop is left, ``compared`` where the loss is compared.
    ``certain``: no condition stands between the two that asks for something else.
    """

    left: Site | None = None
    compared: Site | None = None
    certain: bool = True


class _Judged(Struct, frozen=True):
    """A condition in progress: its origins in the family, the settings under which it is open, and where it is."""

    origins: int
    bits: int
    site: Site


class Endings(Tracker):
    """Which loops of training end by a validation loss."""

    rank = 60

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.conditions: dict[int, _Judged] = {}  # by the number of the open condition
        self.learning: set[Place] = set()  # loops in which something is learned from training data
        self.of_validation = 0  # forward passes known to be of validation tokens: asked for often
        self.found: dict[tuple[Place, int, int], tuple[Ending, tuple[Place, ...]]] = {}

    # ---------------------------------------------------------------- what is judged

    @past_plain
    def compared(self, op: str, left: Value, right: Value, node: ir.Compare, out: Value) -> Value:
        """Note that a validation loss is compared."""
        if op not in _ORDERS or not (self._loss(left) or self._loss(right)) or _not_a_number(node):
            return out
        return Value(out.p, out.m | self.machine.atoms.bit(_FAMILY, self.machine.site(node)))

    @heeds(_COMPARING)
    def called(self, func: Value, args: Args, node: ir.Call, out: Value) -> Value:
        """Note what a library compares a validation loss with (``math.isclose(loss, before)``)."""
        return tag(out, self.machine.atoms.bit(_FAMILY, self.machine.site(node))) if self._loss(out) else out

    def conditional(self, test: Value, one: Value, other: Value, out: Value) -> Value:
        """Note a value that a judged condition chooses (``bad = bad + 1 if loss > best else 0``)."""
        judged = test.m & self._family
        return tag(out, judged) if judged and not self._loss(out) else out

    def branch_entered(self, node: ir.Expr, test: Value) -> None:
        """Remember a condition that is judged."""
        judged = test.m & self._family
        if judged and self.machine.branches:
            yes, no = self.machine.truth(test)
            self.conditions[self.machine.branches[-1] & ~1] = _Judged(judged, yes & no, self.machine.site(node))

    def bound(self, value: Value) -> Value:
        """Note a flag or a count that is set under a condition that is judged."""
        return self._under_conditions(value)

    def combined(self, node: ir.BinOp | ir.AugAssign, left: Value, right: Value, out: Value) -> Value:
        """Note a count that goes on under a condition that is judged (``bad += 1``)."""
        return self._under_conditions(out) if isinstance(node, ir.AugAssign) else out

    def _under_conditions(self, value: Value) -> Value:
        judged = 0
        for condition in self._in_progress():
            judged |= condition.origins
        return self._marked(value, judged) if judged else value

    def _marked(self, value: Value, judged: int) -> Value:
        """Return a value as judged; a loss stays what it is, for to compare it again is what judges it."""
        if isinstance(value.p, Tup):
            return Value(Tup(tuple(self._marked(item, judged) for item in value.p.items)), value.m | judged)
        return value if self._loss(value) or not judged & ~value.m else Value(value.p, value.m | judged)

    def _in_progress(self) -> Iterable[_Judged]:
        known = self.conditions
        return [known[b & ~1] for b in self.machine.branches if b & ~1 in known] if known else ()

    @property
    def _family(self) -> int:
        return self.machine.atoms.family(_FAMILY)

    def _loss(self, value: Value) -> bool:
        """Return whether something is made from what a model gave for validation tokens."""
        origins = value.m & self.machine.atoms.family("forward")
        if not origins or not value.m & VAL or isinstance(value.p, Known):
            return False
        if origins & self.of_validation:
            return True
        while origins:
            bit = origins & -origins
            origins ^= bit
            if any(
                isinstance(f, Forward) and val_settings(f.kinds) for f in self.machine.atoms.meanings(bit, "forward")
            ):
                self.of_validation |= bit
                return True
        return False

    # ---------------------------------------------------------------- what ends

    def learned(self, origins: int) -> None:
        """Note the loops in which something is learned from training data."""
        if origins & TRAIN or not origins & VAL:
            self.learning.update(_place(site) for site in self.machine.loop_sites)

    def left(self, node: ir.Jump | ir.Return) -> None:
        """Hear that a loop or a function is left under the conditions in progress."""
        if isinstance(node, ir.Jump) and node.kind != "break":
            return
        if any(self._in_progress()):
            self._ended(node, self._around(node))

    @names_that(_EXITS.__contains__)
    def library_called(self, name: str, args: Args, node: ir.Node) -> None:
        """Hear that the process ends."""
        if any(self._in_progress()):
            status = args.get(0)
            if status is None or (isinstance(status.p, Known) and status.p.v in (0, None)):
                self._ended(node, self.machine.loop_sites)

    def looped(self, node: ir.While, test: Value) -> None:
        """Hear that a loop goes on as ``test`` says."""
        judged = test.m & self._family
        if judged:
            yes, no = self.machine.truth(test)
            self._note(self.machine.site(node.test), node, [self.machine.site(node)], judged, yes & no, certain=True)

    def _around(self, node: ir.Jump | ir.Return) -> list[Site]:
        """Return the loops that are left: those of the function that a ``return`` is in, the innermost of a ``break``.

        Only loops that are followed round by round are in progress: in others nothing is learned.
        """
        source = self.machine.frame.scope.source
        sites = [s for s in self.machine.loop_sites if s.source is source and s.start <= node.start < s.end]
        if isinstance(node, ir.Return):
            return sites
        unit = self.machine.program.units.get(source.path)
        loops = unit.index.of(ir.For, ir.While) if unit is not None else []
        innermost = max((each.start for each in loops if each.start <= node.start < each.end), default=None)
        return [site for site in sites if site.start == innermost][-1:]

    def _ended(self, node: ir.Node, loops: list[Site]) -> None:
        conditions = list(self._in_progress())
        innermost = conditions[-1]
        judged = 0
        for condition in conditions:
            judged |= condition.origins
        certain = self.machine.branches[-1] & ~1 in self.conditions
        self._note(innermost.site, node, loops, judged, innermost.bits, certain=certain)

    def _note(self, site: Site, node: ir.Node, loops: list[Site], judged: int, bits: int, *, certain: bool) -> None:
        bits &= self.machine.live
        if not loops or not bits:
            return
        key = (_place(site), node.start, len(self.machine.calls))
        known = self.found.get(key)
        if known is not None:
            known[0].bits |= bits
            return
        compared = next(iter(self.machine.atoms.meanings(judged, _FAMILY)), None)
        event = Ending(
            **{**common(self.machine, node, bits), "site": site},
            left=self.machine.site(node),
            compared=compared if isinstance(compared, Site) else None,
            certain=certain,
        )
        self.found[key] = event, tuple(_place(loop) for loop in loops)

    def closed(self) -> None:
        """Write what ends loops in which something was learned."""
        for event, loops in self.found.values():
            if not self.learning.isdisjoint(loops):
                self.machine.events.append(event)


def _place(site: Site) -> Place:
    return site.source.path, site.source.layer, site.start


def _not_a_number(node: ir.Compare) -> bool:
    """Return whether something is compared with itself, which asks whether it is a number."""
    left, right = node.left, node.rights[0]
    return isinstance(left, ir.Name) and isinstance(right, ir.Name) and left.id == right.id
