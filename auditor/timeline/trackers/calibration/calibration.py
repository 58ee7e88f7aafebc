"""What a script learns about its model without training it: statistics of activations, and choices by trial.

A model is *applied* to tokens; hooks that watch it at that time see its activations. What either yields carries
the application as origin, and so does, more loosely, what a comparison of its losses chooses. Where such origins
reach parameters that are restored, a file that is written or a score that is reported, the application was a
calibration. Where in the run it happens is told by the training loop's own clock (:class:`Deadline`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from msgspec import Struct, field

from auditor.program import ir
from auditor.timeline.engine import arguments, calling, containers
from auditor.timeline.engine.plain import past_plain
from auditor.timeline.engine.recording import common
from auditor.timeline.engine.signals import Tracker
from auditor.timeline.events import Deadline, Event, Forward
from auditor.timeline.trackers.adaptation import shifts
from auditor.timeline.trackers.adaptation.effects import overlap
from auditor.timeline.values.atoms import CLOCK, RANDOM, TRAIN, VAL, bits_of, under
from auditor.timeline.values.frames import Guard
from auditor.timeline.values.payloads import (
    SOME,
    UNKNOWN,
    Bound,
    Either,
    Function,
    Heap,
    Known,
    PerSetting,
    Tup,
    Value,
    at_setting,
)

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine

_MOST = 12  # watching functions at a time
_MILLISECONDS = 10_000  # a deadline above it is not in seconds

Way = Literal["observed", "applied", "chosen"]


class Apply(Event, eq=False):
    """The model is applied to tokens: ``kinds`` are their origins, ``generated`` when they come from a model.

    ``watched`` when hooks saw it, ``learned`` when its loss is differentiated. ``uses`` are the places where what it
    gave was kept, and by which way. ``region``: the iterations that picked the tokens of its latest run.
    """

    kinds: int = 0
    generated: bool = False
    region: int = 0
    within: tuple[int, ...] = ()  # the loops in progress
    watched: bool = False
    learned: bool = False
    uses: dict[tuple[Way, str], Use] = field(default_factory=dict)
    taken: dict[tuple[str, int, bool], Guard] = field(default_factory=dict)  # see Calibrations.bound


class Use(Event, eq=False):
    """Something made from an application is kept: in ``sink`` (parameters, a file, the scale of a score)."""

    sink: str = ""
    scored: list[Forward] = field(default_factory=list)


class Watcher(Struct, frozen=True):
    """A function that sees the model's activations: ``replaces`` a forward, else a hook."""

    function: Value
    replaces: bool
    module: Value = UNKNOWN


class Calibrations(Tracker):
    """What is known of applications while a program is followed."""

    rank = 5

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.watchers: list[Watcher] = []
        self.events: dict[tuple[object, ...], Apply] = {}
        self.deadlines: dict[tuple[object, ...], Deadline] = {}
        self.busy = False
        self.loops: list[int] = []  # the loops in progress, one number per run of a loop
        self.run = 0
        self.taken: dict[tuple[str, int, bool], Guard] = {}

    def bound(self, value: Value) -> Value:
        """Note the conditions under which validation tokens get a name: none may ask for them where they are used."""
        if self.machine.guards and containers.deep(value) & VAL:
            for guard in self.machine.guards:
                self.taken[guard.place] = guard
        return value

    def loop_begun(self) -> int:
        """Note a loop."""
        self.run += 1
        self.loops.append(self.run)
        return 0

    def loop_ended(self, first: int, iterations: int) -> None:
        """Forget a loop: every round of it has run by now, so that what it picked no longer tells tokens apart."""
        run = self.loops.pop()
        ended = {shifts.round_of(self.machine, bit)[0] for bit in bits_of(iterations)}
        for event in self.events.values() if ended else ():
            if run in event.within:
                for bit in bits_of(event.region):
                    if shifts.round_of(self.machine, bit)[0] in ended:
                        event.region &= ~bit

    def observed(self, origins: int, node: ir.Node) -> int:
        """Note that a model is applied."""
        return applied(self.machine, origins, node)

    def hooked(self, module: Value, args: Args) -> None:
        """Let a hook watch."""
        hook(self.machine, module, args)

    def unhooked(self) -> None:
        """Forget the hooks."""
        unhook(self.machine)

    def attribute_stored(self, base: Value, name: str, value: Value, node: ir.Attr) -> None:
        """Note a forward that is replaced."""
        if name == "forward":
            replace_forward(self.machine, base, value)

    def kept(self, origins: int, node: ir.Node, sink: str) -> None:
        """Note what is kept."""
        kept(self.machine, origins, node, sink)

    def learned(self, origins: int) -> None:
        """Note that a loss is learned from."""
        learned(self.machine, origins)

    def branches_joined(self, test: Value, before: Mapping[str, Value], after: dict[str, Value]) -> None:
        """Note what a comparison of losses decides."""
        chosen(self.machine, test, before, after)

    def ranked(self, keys: list[Value], node: ir.Node, out: Value) -> Value:
        """Note what is picked by a loss."""
        return picked(self.machine, keys, out)

    @past_plain
    def subscripted(self, base: Value, index: Value, node: ir.Subscript, out: Value) -> Value:
        """Note what stands at the place of the lowest loss."""
        return picked(self.machine, [index], out, base) if index.m & self.machine.atoms.family("pick") else out

    @past_plain
    def combined(self, node: ir.BinOp | ir.AugAssign, left: Value, right: Value, out: Value) -> Value:
        """Note scores that are scaled by a chosen number, or moved by what a model gave in a loop before."""
        applied = self.machine.atoms.family("applied")
        if (left.m ^ right.m) & applied and left.m & right.m & VAL:
            moved(self.machine, left, right, node)
        if isinstance(node, ir.BinOp) and node.op in ("*", "/"):
            scaled(self.machine, left, right, node)
        return out

    def scored(self, origins: int, forwards: list[Forward], node: ir.Node) -> None:
        """Note what takes part in scores."""
        given(self.machine, origins, forwards, node)

    def compared(self, op: str, left: Value, right: Value, node: ir.Compare, out: Value) -> Value:
        """Note a deadline. Whether something was made at all is no choice by what it is."""
        if op in ("is", "is not"):
            made = self.machine.atoms.family("applied") | self.machine.atoms.family("observed")
            return Value(out.p, out.m & ~made) if out.m & made else out
        if (left.m ^ right.m) & CLOCK:
            compared(self.machine, op, left, right, node)
        return out


# ------------------------------------------------------------------ while following


def applied(machine: Machine, origins: int, node: ir.Node) -> int:
    """Note that a model is applied to what was made from ``origins``; return the origin of what it gives."""
    known = machine.of(Calibrations)
    if known.busy:
        return 0
    own = machine.atoms.family("applied")
    generated = not origins & (VAL | TRAIN) and bool(known.watchers) and bool(origins & (own | RANDOM))
    if not origins & (VAL | TRAIN) and not generated:
        return 0
    key = (machine.frame.scope.source.path, node.start, tuple(s.site.start for s in machine.calls))
    event = known.events.get(key)
    if event is None:
        event = Apply(**common(machine, node, machine.live), generated=generated, taken=known.taken)
        known.events[key] = event
        machine.events.append(event)
    event.bits |= machine.live
    event.kinds |= under(origins, machine.live) & (VAL | TRAIN)
    event.within = tuple(known.loops)
    event.region = shifts.region(machine, origins)
    if known.watchers:
        _watch(machine, event, origins, node)
    return machine.atoms.bit("applied", event)


def _watch(machine: Machine, event: Apply, origins: int, node: ir.Node) -> None:
    known = machine.of(Calibrations)
    event.watched = True
    seen = Value(SOME, origins & (VAL | TRAIN) | machine.atoms.bit("observed", event))
    known.busy = True
    try:
        for watcher in known.watchers:
            p = watcher.function.p
            if watcher.replaces:
                func = p.func if isinstance(p, Bound) else p
                count = sum(1 for q in func.node.params if q.kind == "pos") if isinstance(func, Function) else 1
                given = tuple(seen for _ in range(count - isinstance(p, Bound)))
                if isinstance(p, Bound):  # what a module's method sees is followed, as a function's is
                    given = (p.receiver, *given)
                    calling.call(machine, Value(p.func), arguments.Args(given, node=node), node)
                    continue
            else:
                given = (watcher.module, Value(Tup((seen,)), seen.m), seen)
                func = p.func if isinstance(p, Bound) else p
                if isinstance(func, Function):
                    count = sum(1 for q in func.node.params if q.kind == "pos" and q.default is None)
                    given = given[: max(2, count - isinstance(p, Bound))]
            calling.call(machine, watcher.function, arguments.Args(given, node=node), node)
    finally:
        known.busy = False


def hook(machine: Machine, module: Value, args: Args) -> None:
    """Let a function that is hooked to a module watch."""
    function = args.get(0, "hook")
    if function is not None and function.p is not None and len(machine.of(Calibrations).watchers) < _MOST:
        machine.of(Calibrations).watchers.append(Watcher(function, False, module))


def unhook(machine: Machine) -> None:
    """Forget the hooks: a script that removes one removes all that it registered."""
    machine.of(Calibrations).watchers = [w for w in machine.of(Calibrations).watchers if w.replaces]


def replace_forward(machine: Machine, base: Value, value: Value) -> None:
    """Note that a module's ``forward`` is assigned: a wrapping function watches, the old one put back doesn't."""
    known = machine.of(Calibrations)
    if machine.frame.func is not None and _wraps(base, value):
        if len(known.watchers) < _MOST:
            known.watchers.append(Watcher(value, True))
    else:
        known.watchers = [w for w in known.watchers if not w.replaces]


def _wraps(base: Value, value: Value) -> bool:
    """Return whether a function, or one that was bound to a module (``patched.__get__(block)``), is not its own."""
    if isinstance(value.p, Function):
        return True
    if not isinstance(value.p, Bound) or not isinstance(value.p.func, Function):
        return False
    modules = base.p.options if isinstance(base.p, Either) else (base.p,)
    own = [m.cls.find("forward") for m in modules if isinstance(m, Heap) and m.cls is not None]
    return not any(each is not None and each.p is value.p.func for each in own)


def kept(machine: Machine, origins: int, node: ir.Node, sink: str) -> None:
    """Note that something made from ``origins`` is kept in ``sink``."""
    ways: tuple[Way, ...] = ("observed", "applied", "chosen") if sink == "parameters" else ("observed",)
    for way in ways:
        for event in machine.atoms.meanings(origins, way):
            assert isinstance(event, Apply)
            use = event.uses.get((way, sink))
            if use is None or not use.bits & ~1:  # the first that some setting in play reaches
                event.uses[way, sink] = Use(**common(machine, node, machine.live), sink=sink)
            else:
                use.bits |= machine.live


def learned(machine: Machine, origins: int) -> None:
    """Note that a loss made from ``origins`` is differentiated."""
    for event in machine.atoms.meanings(origins, "applied"):
        assert isinstance(event, Apply)
        event.learned = True


def chosen(machine: Machine, test: Value, before: Mapping[str, Value], after: dict[str, Value]) -> None:
    """Let what names hold say that a comparison of losses decided it.

    The loss itself is not a choice; a number or a state that goes with it is.
    """
    family = machine.atoms.family("applied") | machine.atoms.family("observed")
    if not test.m & family:
        return
    bits = 0
    for way in ("applied", "observed"):
        for event in machine.atoms.meanings(test.m, way):
            bits |= machine.atoms.bit("chosen", event)
    for name, value in after.items():
        if value.m & family or before.get(name) is value or isinstance(value.p, Function | Bound):
            continue
        if isinstance(value.p, Known) and isinstance(value.p.v, bool | str | None):
            continue
        after[name] = Value(value.p, value.m | bits)


def picked(machine: Machine, keys: list[Value], out: Value, base: Value | None = None) -> Value:
    """Return ``out``, no loss itself, as chosen by losses (``keys``)."""
    losses = 0
    for key in keys:
        losses |= containers.deep(key)
    own = containers.deep(base if base is not None else out)
    family = machine.atoms.family("applied")
    if not losses & machine.atoms.family("gold") or own & family:
        return out
    bits = 0
    for event in machine.atoms.meanings(losses, "applied"):
        bits |= machine.atoms.bit("chosen", event)
    return Value(out.p, (own if base is not None else out.m) | bits)


def scaled(machine: Machine, left: Value, right: Value, node: ir.Node) -> None:
    """Note that scores are multiplied with, or divided by, a chosen number."""
    family = machine.atoms.family("chosen")
    if not (left.m ^ right.m) & family:
        return
    number, scores = (left, right) if left.m & family else (right, left)
    if scores.m & family or number.m & machine.atoms.family("forward"):
        return
    forwards = [f for f in machine.atoms.meanings(scores.m, "forward") if isinstance(f, Forward)]
    given(machine, number.m, forwards, node)


def moved(machine: Machine, left: Value, right: Value, node: ir.Node) -> None:
    """Note that predictions are combined with what the model gave, for all of its tokens, in a loop that has ended."""
    atoms = machine.atoms
    gold, running = atoms.family("gold"), set(machine.of(Calibrations).loops)
    for scores, other in ((left, right), (right, left)):
        if other.m & gold or not scores.m & atoms.family("forward"):
            continue
        for event in atoms.meanings(other.m & ~scores.m, "applied"):
            assert isinstance(event, Apply)
            if not event.within or running.intersection(event.within) or not running:
                continue
            use = event.uses.setdefault(
                ("applied", "scores"), Use(**common(machine, node, machine.live), sink="scores")
            )
            use.bits |= machine.live
            forwards = [f for f in atoms.meanings(scores.m, "forward") if isinstance(f, Forward)]
            use.scored.extend(f for f in forwards if f not in use.scored)


def given(machine: Machine, origins: int, forwards: list[Forward], node: ir.Node) -> None:
    """Note that what was chosen (in ``origins``) takes part in ``forwards``.

    What an earlier round of a loop chose by its own tokens, which these are not, comes after their score.
    """
    for event in machine.atoms.meanings(origins, "chosen") if forwards else ():
        assert isinstance(event, Apply)
        if not any(overlap(machine, event.region, forward.region) for forward in forwards):
            continue
        use = event.uses.get(("chosen", "scores"))
        if use is None:
            use = Use(**common(machine, node, machine.live), sink="scores")
            event.uses["chosen", "scores"] = use
        use.bits |= machine.live
        use.scored.extend(f for f in forwards if f not in use.scored)


def compared(machine: Machine, op: str, left: Value, right: Value, node: ir.Node) -> None:
    """Note a deadline where a clock is compared with a number."""
    if op not in (">=", ">", "<", "<=") or not (left.m ^ right.m) & CLOCK:
        return
    limit = right if left.m & CLOCK else left
    if not isinstance(limit.p, Known | PerSetting):
        return
    seconds = tuple(_seconds(at_setting(limit.p, i)) for i in range(1, machine.count))
    if not any(s is not None and s > 0 for s in seconds):
        return
    key = (machine.frame.scope.source.path, node.start, tuple(s.site.start for s in machine.calls))
    if key not in machine.of(Calibrations).deadlines:
        event = Deadline(**common(machine, node, machine.live), seconds=seconds)
        machine.of(Calibrations).deadlines[key] = event
        machine.events.append(event)


def _seconds(payload: object) -> float | None:
    if not isinstance(payload, Known) or isinstance(payload.v, bool) or not isinstance(payload.v, int | float):
        return None
    return payload.v / 1000.0 if payload.v > _MILLISECONDS else float(payload.v)


# ------------------------------------------------------------------ what the timeline tells
