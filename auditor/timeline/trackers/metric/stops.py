"""Loops over the validation tokens that end before they do, or that step over some of them.

A loop that counts its rounds and breaks at a constant number of them scores the first tokens only, as does one that has
a constant number of rounds; one whose windows begin further apart than they are long leaves out what lies between them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.program.walk import walk
from auditor.timeline.engine.calls import heeds
from auditor.timeline.engine.containers import tag
from auditor.timeline.engine.plain import past_plain
from auditor.timeline.engine.signals import Tracker
from auditor.timeline.trackers.metric.limited import bound
from auditor.timeline.trackers.metric.metric import doubt
from auditor.timeline.values.atoms import VAL
from auditor.timeline.values.payloads import Heap, Known, PerSetting, Value, at_setting

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine

_MOST = 1_000_000  # more rounds than windows that a validation set has: ``min(10**9, …)`` limits nothing
_DOCUMENTS = 49_999  # the validation set has 50,000: as many documents are all of them
_LEAST = 17  # fewer tokens may be nothing to predict


class Stops(Tracker):
    """Where loops over the validation tokens stop, and how far they step."""

    rank = 16

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.loops: dict[str, list[ir.For | ir.While]] = {}  # by file
        self.stops: dict[int, list[ir.Compare]] = {}  # of a loop, by identity
        self.skips: dict[int, list[ir.Compare]] = {}

    def observed(self, origins: int, node: ir.Node) -> int:
        """Note that what a model is applied to comes from a loop that stops early."""
        if not origins & VAL & self.machine.live:
            return 0
        out = self._limited(node)
        for loop in self._around(node):
            if id(loop) not in self.stops:
                self.stops[id(loop)] = _stops(loop)
            for stop in self.stops[id(loop)]:
                if settings := self._constant(stop.rights[0], 2):
                    out |= doubt(self.machine, "first tokens", stop, None, settings)
            for skip in self._skips(loop, node):
                size = self.machine.eval(skip.left)
                if size.m & VAL and (settings := self._constant(skip.rights[0], _LEAST)):
                    out |= doubt(self.machine, "left out", skip, None, settings)
        return out

    def _limited(self, node: ir.Node) -> int:
        """Return the mark of loops and comprehensions around a node that go over a constant number of things."""
        out = 0
        overs = [loop.iter for loop in self._around(node) if isinstance(loop, ir.For)]
        for made in self._comprehensions():
            if made.start <= node.start < made.end:
                overs += [clause.iter for clause in made.clauses if not clause.start <= node.start < clause.end]
        for over in overs:
            most = bound(over)
            if most is None or any(isinstance(part, ir.Call) for part in walk(most)):
                continue
            if settings := self._settings(self.machine.eval(most), 2, _DOCUMENTS):
                out |= doubt(self.machine, "first tokens", over, None, settings)
        return out

    def _comprehensions(self) -> list[ir.Comprehension]:
        """Return the comprehensions of the file in progress."""
        unit = self.machine.program.units.get(self.machine.frame.scope.source.path)
        return unit.index.of(ir.Comprehension) if unit is not None and unit.module is not None else []

    @heeds(frozenset({"min"}))
    def called(self, func: Value, args: Args, node: ir.Call, out: Value) -> Value:
        """Note a number of rounds that is a constant at most: ``min(500, n)``."""
        if len(args.positional) < 2:
            return out
        settings = 0
        for value in args.positional:
            settings |= self._settings(value, 2, _MOST)
        return tag(out, self.machine.atoms.bit("at most", settings)) if settings else out

    def _skips(self, loop: ir.For | ir.While, node: ir.Node) -> list[ir.Compare]:
        """Return the comparisons that go on to the next round of a loop before ``node`` is reached."""
        if id(loop) not in self.skips:
            self.skips[id(loop)] = _skips(loop)
        return [skip for skip in self.skips[id(loop)] if skip.end <= node.start]

    @past_plain
    def subscripted(self, base: Value, index: Value, node: ir.Subscript, out: Value) -> Value:
        """Note windows that begin further apart than they are long, and a constant number of windows."""
        piece = node.index
        if not base.m & VAL or isinstance(base.p, Heap) or not isinstance(piece, ir.Slice):
            return out
        if piece.lower is None or base.m & self.machine.atoms.family("iteration"):
            return out
        loops = self._around(node)
        for loop in loops:
            if isinstance(loop, ir.For) and (settings := self._counted(loop, piece.lower)):
                return tag(out, doubt(self.machine, "first tokens", loop.iter, None, settings))
        length = _length(piece)
        if length is None or not isinstance(piece.lower, ir.Name):
            return out
        for loop in loops:
            if isinstance(loop, ir.For) and isinstance(loop.target, ir.Name) and loop.target.id == piece.lower.id:
                settings = self._apart(loop.iter, length)
                return tag(out, doubt(self.machine, "first tokens", loop.iter, None, settings)) if settings else out
        return out

    def _counted(self, loop: ir.For, lower: ir.Expr) -> int:
        """Return the settings under which ``for i in range(n)`` has a constant number of windows, placed by ``i``."""
        rounds, target = loop.iter, loop.target
        if not isinstance(rounds, ir.Call) or not isinstance(rounds.func, ir.Name) or rounds.func.id != "range":
            return 0
        first = rounds.args[0].value if rounds.args else None
        from_start = len(rounds.args) == 1 or (isinstance(first, ir.Const) and first.value == 0)
        if not isinstance(target, ir.Name) or len(rounds.args) not in (1, 2) or not from_start:
            return 0
        names = [part for part in walk(lower) if isinstance(part, ir.Name)]
        if not any(name.id == target.id for name in names):
            return 0
        if any(
            name.id != target.id and not isinstance(self.machine.eval(name).p, Known | PerSetting) for name in names
        ):
            return 0  # another loop may move the windows on
        bound = rounds.args[-1].value
        if any(isinstance(part, ir.Call) for part in walk(bound)) and not _is_min(bound):
            return 0
        rounds_at_most = self.machine.eval(bound)
        out = self._settings(rounds_at_most, 2)
        for settings in self.machine.atoms.meanings(rounds_at_most.m, "at most"):
            assert isinstance(settings, int)
            out |= settings
        return out

    def _apart(self, starts: ir.Expr, length: ir.Expr) -> int:
        """Return the settings under which ``range(…, …, step)`` steps further than ``length``."""
        if not isinstance(starts, ir.Call) or not isinstance(starts.func, ir.Name) or starts.func.id != "range":
            return 0
        if len(starts.args) != 3 or not isinstance(starts.args[0].value, ir.Const):
            return 0  # where one process begins elsewhere than another, the others take the rest
        step, long = self.machine.eval(starts.args[2].value), self.machine.eval(length)
        out = 0
        for number in range(1, self.machine.count):
            one, other = at_setting(step.p, number), at_setting(long.p, number)
            if isinstance(one, Known) and isinstance(other, Known) and type(one.v) is int and type(other.v) is int:
                out |= (one.v > other.v > 1) << number
        return out

    def _constant(self, bound: ir.Expr, least: int) -> int:
        return self._settings(self.machine.eval(bound), least)

    def _settings(self, value: Value, least: int, most: int | None = None) -> int:
        """Return the settings under which a value is a whole number from ``least`` to ``most``."""
        out = 0
        for number in range(1, self.machine.count):
            payload = at_setting(value.p, number)
            if isinstance(payload, Known) and type(payload.v) is int:
                out |= (payload.v >= least and (most is None or payload.v <= most)) << number
        return out

    def _around(self, node: ir.Node) -> list[ir.For | ir.While]:
        """Return the loops of the function in progress that a node stands in."""
        path = self.machine.frame.scope.source.path
        if path not in self.loops:
            unit = self.machine.program.units.get(path)
            bodies = unit.bodies if unit is not None else ()
            self.loops[path] = [loop for body in bodies for loop in body.nodes.of(ir.For, ir.While)]
        return [loop for loop in self.loops[path] if loop.start <= node.start < loop.end]


def _is_min(bound: ir.Expr) -> bool:
    return isinstance(bound, ir.Call) and isinstance(bound.func, ir.Name) and bound.func.id == "min"


def _length(piece: ir.Slice) -> ir.Expr | None:
    """Return ``n`` of ``[at:at + n]``."""
    upper = piece.upper
    if piece.step is None and isinstance(upper, ir.BinOp) and upper.op == "+" and isinstance(upper.left, ir.Name):
        return upper.right if isinstance(piece.lower, ir.Name) and upper.left.id == piece.lower.id else None
    return None


def _skips(loop: ir.For | ir.While) -> list[ir.Compare]:
    """Return the comparisons of sizes for which a loop does nothing but go on: what they hold for is left out."""
    out = []
    for statement in loop.body:
        if not isinstance(statement, ir.If) or statement.orelse or len(statement.body) != 1:
            continue
        test, only = statement.test, statement.body[0]
        if not isinstance(only, ir.Jump) or only.kind != "continue" or not isinstance(test, ir.Compare):
            continue
        if test.ops in (("<",), ("<=",), (">",), (">=",)):
            out.append(test)
    return out


def _stops(loop: ir.For | ir.While) -> list[ir.Compare]:
    """Return the comparisons of a loop's own counter that end it."""
    counters = {n.id for n in walk(loop.target) if isinstance(n, ir.Name)} if isinstance(loop, ir.For) else set()
    counters |= {
        s.target.id
        for s in walk(*loop.body, into_functions=False)
        if isinstance(s, ir.AugAssign) and isinstance(s.target, ir.Name) and isinstance(s.value, ir.Const)
    }
    out = []
    for statement in loop.body:
        if not isinstance(statement, ir.If) or not any(
            isinstance(s, ir.Jump) and s.kind == "break" for s in statement.body
        ):
            continue
        tests = statement.test.values if isinstance(statement.test, ir.BoolOp) else (statement.test,)
        for test in tests:
            if (
                isinstance(test, ir.Compare)
                and test.ops in ((">=",), (">",), ("==",))
                and isinstance(test.left, ir.Name)
            ):
                out += [test] if test.left.id in counters else []
    return out
