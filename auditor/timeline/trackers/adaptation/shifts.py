"""Which round's tokens an index picks: ``parts[i - 1]`` in a round of a loop are those of the round before.

An index that is made from the variable of a loop by adding, subtracting and multiplying carries how many rounds it
lies ahead (see :class:`Shift`). What it picks is then of that round (:func:`region`), for updates and for scores.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from auditor.program import ir
from auditor.timeline.engine import arguments, containers
from auditor.timeline.engine.calls import heeds
from auditor.timeline.engine.signals import Tracker
from auditor.timeline.values.atoms import TRAIN, VAL, bits_of
from auditor.timeline.values.payloads import Bound, Class, Function, Heap, Known, Native, Value, same

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine


class Shift(NamedTuple):
    """An index lies ``rounds`` ahead of the loop's variable (None: nobody knows); ``scale`` is what a round adds."""

    iteration: int
    rounds: int | None
    scale: int | None


class Shifts(Tracker):
    """How far indices lie from the loop's variable."""

    rank = 20

    def moved(self, node: ir.BinOp, left: Value, right: Value, out: Value) -> Value:
        """Note arithmetic on a constant."""
        return self._shifted(node, left, right, out)

    def combined(self, node: ir.BinOp | ir.AugAssign, left: Value, right: Value, out: Value) -> Value:
        """Note arithmetic on an index."""
        return self._shifted(node, left, right, out)

    def sliced(self, lower: Value | None, upper: Value | None, out: Value) -> Value:
        """Decide by its two ends of which rounds a stretch is."""
        drop = add = 0
        for bit in bits_of(out.m & self._current()):
            low, high = (self._shifts(end, bit) if end is not None and end.m & bit else set() for end in (lower, upper))
            drop |= self._atoms(out.m, bit)
            for number in _stretch(low, high):
                add |= self.machine.atoms.bit("shift", Shift(bit, number, None))
        return Value(out.p, out.m & ~drop | add) if drop or add else out

    def subscripted(self, base: Value, index: Value, node: ir.Subscript, out: Value) -> Value:
        """Note items that are picked by the variable itself: they are of this round."""
        if isinstance(node.index, ir.Slice) or not index.m & self._current() or isinstance(out.p, Heap):
            return out
        parts = isinstance(base.p, Heap) and base.p.kind == "list"
        if not parts and not base.m & VAL:
            return out
        add = 0
        for bit in bits_of(index.m & self._current()):
            if not self._atoms(index.m, bit):
                add |= self.machine.atoms.bit("shift", Shift(bit, 0, None))
        return Value(out.p, out.m | add) if add else out

    @heeds(but=(Function, Native, Bound, Class))
    def called(self, func: Value, args: Args, node: ir.Call, out: Value) -> Value:
        """Forget how far a number lies that is computed from an index."""
        atoms = self.machine.atoms
        if not out.m & atoms.family("shift") or out.m & (VAL | TRAIN) or not out.m & self._current():
            return out
        if arguments.callee_name(func) in ("int", "min", "max"):
            return out
        unknown = 0
        for bit in bits_of(out.m & self._current()):
            unknown |= atoms.bit("shift", Shift(bit, None, None))
        return containers.tag(out, unknown)

    # ---------------------------------------------------------------- arithmetic

    def _shifted(self, node: ir.BinOp | ir.AugAssign, left: Value, right: Value, out: Value) -> Value:
        current = self._current()
        if not out.m & current or out.m & (VAL | TRAIN):
            return out
        drop = add = 0
        for bit in bits_of(out.m & current):
            one, other = (left, right) if left.m & bit else (right, left)
            if other.m & bit:
                new = {Shift(bit, None, None)}
            else:
                known = self._shifts(one, bit)
                new = {self._moved(node, shift, one is left, other) for shift in known}
            drop |= self._atoms(out.m, bit)
            for shift in new:
                add |= self.machine.atoms.bit("shift", shift)
        return Value(out.p, out.m & ~drop | add)

    def _moved(self, node: ir.BinOp | ir.AugAssign, shift: Shift, first: bool, other: Value) -> Shift:
        amount = other.p.v if isinstance(other.p, Known) and isinstance(other.p.v, int) else None
        if node.op == "*":
            scale = shift.scale * amount if shift.scale is not None and amount is not None else None
            return shift._replace(scale=scale)
        if node.op not in ("+", "-") or (node.op == "-" and not first) or shift.rounds is None:
            return Shift(shift.iteration, None, None)
        sign = 1 if node.op == "+" else -1
        if amount in (-1, 0, 1) and shift.scale != 1:
            return shift  # the token after, which is its target
        if amount is not None and shift.scale:
            whole, rest = divmod(sign * amount, shift.scale)
            return shift._replace(rounds=shift.rounds + whole) if not rest else Shift(shift.iteration, None, None)
        step = self._step(shift.iteration)
        if step is not None and other.p is not None and same(other.p, step.p):
            return shift._replace(rounds=shift.rounds + sign)
        return Shift(shift.iteration, None, None)

    def _step(self, iteration: int) -> Value | None:
        """Return what a round of a loop over ``range`` adds to its variable."""
        loop = self.machine.rounds.get(iteration)
        if (
            not isinstance(loop, ir.For)
            or not isinstance(loop.iter, ir.Call)
            or not isinstance(loop.iter.func, ir.Name)
        ):
            return None
        given = [arg.value for arg in loop.iter.args]
        if loop.iter.func.id == "range":
            return self.machine.eval(given[2]) if len(given) == 3 else Value(Known(1))
        return Value(Known(1)) if loop.iter.func.id == "enumerate" else None

    # ---------------------------------------------------------------- what an index carries

    def _current(self) -> int:
        out = 0
        for bit in self.machine.iteration_bits:
            out |= bit
        return out

    def _atoms(self, origins: int, iteration: int) -> int:
        out = 0
        atoms = self.machine.atoms
        mask = origins & atoms.family("shift")
        for bit, shift in zip(bits_of(mask), atoms.meanings(mask, "shift"), strict=True):
            if isinstance(shift, Shift) and shift.iteration == iteration:
                out |= bit
        return out

    def _shifts(self, value: Value, iteration: int) -> set[Shift]:
        found = {
            shift
            for shift in self.machine.atoms.meanings(value.m, "shift")
            if isinstance(shift, Shift) and shift.iteration == iteration
        }
        if found:
            return found
        step = self._step(iteration)
        scale = step.p.v if step is not None and isinstance(step.p, Known) and isinstance(step.p.v, int) else None
        return {Shift(iteration, 0 if step is not None else None, scale)}


def _stretch(low: set[Shift], high: set[Shift]) -> set[int]:
    """Return the rounds that a stretch between two ends is of: those of its beginning, but for windows.

    Where a round is one token, what ends before it is the context in which it is predicted.
    """
    if any(shift.scale == 1 for shift in low | high):
        return {0}
    first, last = ({shift.rounds for shift in each} for each in (low, high))
    known = {number for number in first if number is not None}
    if last == {0} and first != {0}:  # it ends where this round's begins: all of it is of rounds before
        return {number for number in known if number < 0} | {-1}
    if None in first or not known or known == {0}:
        return {0}
    return known if min(known) > 0 else known | {0}


def _in_step(machine: Machine, picked: int, ahead: int) -> int:
    """Return the iterations of what runs ``ahead`` of the other items that a loop goes through with it."""
    for bit in bits_of(picked):
        loop = machine.rounds.get(bit)
        name = _called(loop.iter) if isinstance(loop, ir.For) else ""
        if name == "enumerate" and isinstance(loop, ir.For) and isinstance(loop.iter, ir.Call) and loop.iter.args:
            name = _called(loop.iter.args[0].value)
        if name in ("zip", "pairwise"):
            key, number = round_of(machine, bit)
            picked = picked & ~bit | machine.atoms.bit("iteration", (key, number + ahead))
    return picked


def _called(node: ir.Expr) -> str:
    """Return the last name of what is called ("" where nothing is)."""
    func = node.func if isinstance(node, ir.Call) else None
    return func.attr if isinstance(func, ir.Attr) else func.id if isinstance(func, ir.Name) else ""


def round_of(machine: Machine, iteration: int) -> tuple[object, int]:
    """Return the loop and the number of the round that an iteration's origin stands for."""
    (meaning,) = machine.atoms.meanings(iteration, "iteration")
    assert isinstance(meaning, tuple)
    loop, number = meaning
    assert isinstance(number, int)
    return loop, number


def region(machine: Machine, origins: int) -> int:
    """Return the iterations that pick the tokens among ``origins``."""
    atoms = machine.atoms
    picked = origins & atoms.family("iteration")
    if picked and origins & atoms.family("ahead"):
        picked = _in_step(machine, picked, max(n for n in atoms.meanings(origins, "ahead") if isinstance(n, int)))
    if not origins & atoms.family("shift"):
        return picked
    rounds: dict[int, set[int | None]] = {}
    for shift in atoms.meanings(origins, "shift"):
        assert isinstance(shift, Shift)
        rounds.setdefault(shift.iteration, set()).add(shift.rounds)
    for bit, numbers in rounds.items():
        if picked & bit and not numbers & {0, None}:
            loop, number = round_of(machine, bit)
            picked &= ~bit
            for ahead in numbers:
                picked |= atoms.bit("iteration", (loop, number + (ahead or 0)))
    return picked


def _list(base: Value) -> bool:
    return isinstance(base.p, Heap) and base.p.kind == "list"
