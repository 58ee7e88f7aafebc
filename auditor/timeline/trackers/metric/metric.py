"""Where a reported score leaves the rules of its metric: stored answers, part of the tokens, assumed byte counts.

Each such place is a :class:`Doubt`; the values that it touches carry it as origin, so that the reports which
rest on it are known.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from msgspec import Struct, field

from auditor.program import ir
from auditor.timeline.engine import arguments
from auditor.timeline.engine.calls import heeds
from auditor.timeline.engine.containers import deep, tag
from auditor.timeline.engine.plain import past_plain
from auditor.timeline.engine.recording import common
from auditor.timeline.engine.signals import Tracker
from auditor.timeline.events import Event, Report, Timeline
from auditor.timeline.values.atoms import BITS, RANDOM, TEXT_FILE, TRAIN, VAL
from auditor.timeline.values.payloads import Either, Heap, Known, PerSetting, Tup, Value, at_setting

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine

Kind = Literal[
    "answers",
    "first tokens",
    "random tokens",
    "bytes per token",
    "ignored targets",
    "targets of a table",
    "clamped targets",
    "bits per token",
    "nats",
    "own answers",
    "stored choices",
    "ignored losses",
    "ranked losses",
    "left out",
    "best evaluation",
    "window bytes",
    "file bytes",
    "more bytes",
    "raised bytes",
    "largest predictions",
]

FEWEST = 16_384  # a constant bound below it is the length of a window, not a part of the split
_LN2 = math.log(2.0)


class Doubt(Event, eq=False):
    """One such place: of which kind, the constant in question, and the reports that rest on it."""

    kind: Kind = "answers"
    number: float | None = None
    reports: list[Report] = field(default_factory=list)


class Doubts(Tracker):
    """Such places, and the reports that rest on them."""

    rank = 10

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.known: dict[tuple[object, ...], Doubt] = {}

    def subscripted(self, base: Value, index: Value, node: ir.Subscript, out: Value) -> Value:
        """Note a fixed part of the tokens, or a stored answer."""
        if base.m & (VAL | TEXT_FILE):
            return picked(self.machine, base, index, node, out)
        return looked_up(self.machine, base, index, out) if isinstance(base.p, Heap | Either) else out

    @past_plain
    def combined(self, node: ir.BinOp | ir.AugAssign, left: Value, right: Value, out: Value) -> Value:
        """Note an assumed number of bytes."""
        if isinstance(node, ir.BinOp) and node.op in ("*", "/") and (left.m | right.m) & BITS:
            return scaled(self.machine, left, right, node, out)
        if node.op == "-" and left.m & BITS and isinstance(right.p, Known | PerSetting):
            return Value(out.p, out.m | self.machine.atoms.bit("difference", "to a constant"))
        return out

    @past_plain
    def compared(self, op: str, left: Value, right: Value, node: ir.Compare, out: Value) -> Value:
        """Note a comparison with stored answers."""
        if op in ("==", "!=") and (left.m | right.m) & VAL:
            return Value(out.p, out.m | compared(self.machine, left, right, node))
        return out

    @heeds(frozenset({"where"}))
    def called(self, func: Value, args: Args, node: ir.Call, out: Value) -> Value:
        """Note predictions between which something stored for their positions decides."""
        given = arguments.given_to(func, args)
        gold, stored = self.machine.atoms.family("gold"), self.machine.atoms.family("stored")
        if len(given) == 3 and given[0].m & stored and not given[0].m & VAL and any(v.m & gold for v in given[1:]):
            return _with(out, doubt(self.machine, "stored choices", node, None, self.machine.all))
        return out

    def branches_joined(self, test: Value, before: Mapping[str, Value], after: dict[str, Value]) -> None:
        """Note what such a comparison decides."""
        decided(self.machine, test, before, after)

    def item_stored(self, base: Value, node: ir.Subscript, out: tuple[Value, Value]) -> tuple[Value, Value]:
        """Note scores that are changed at a stored token."""
        index, value = out
        changed = written(self.machine, base, index, node)
        return index, (tag(value, changed) if changed else value)

    def reported(self, origins: int, report: Report) -> None:
        """Note what a score rests on."""
        reported(self.machine, origins, report)


def doubt(
    machine: Machine, kind: Kind, node: ir.Node | None, number: float | None, bits: int, at: Event | None = None
) -> int:
    """Return the origin of a place (``node``, or that of the event ``at``): one event per way that leads to it."""
    start = node.start if node is not None else at.site.start if at is not None else 0
    key = (kind, machine.frame.scope.source.path, start, tuple(s.site.start for s in machine.calls))
    event = machine.of(Doubts).known.get(key)
    if event is None:
        where = node if node is not None else ir.Name(start, start, "")
        fields = common(machine, where, 0)
        if at is not None:
            fields |= {"site": at.site, "calls": at.calls}
        event = Doubt(**fields, kind=kind, number=number)
        machine.of(Doubts).known[key] = event
        machine.events.append(event)
    event.bits |= machine.live & bits
    return machine.atoms.bit("doubt", event)


def _with(value: Value, origins: int) -> Value:
    if not origins:
        return value
    if isinstance(value.p, Tup):
        return Value(Tup(tuple(_with(item, origins) for item in value.p.items)), value.m | origins)
    return Value(value.p, value.m | origins)


# ------------------------------------------------------------------ parts of the validation tokens, stored answers


def picked(machine: Machine, base: Value, index: Value, node: ir.Subscript, out: Value) -> Value:
    """Return ``base[index]``, marked when it is a fixed part of the validation tokens or a stored answer."""
    if base.m & VAL:
        if index.m & RANDOM and not index.m & VAL and isinstance(node.index, ir.Slice):
            return _with(out, doubt(machine, "random tokens", node, None, machine.all))
        # A part of a table of counts, one for each bucket, is no part of the tokens that were counted.
        other = machine.atoms.family("iteration") | machine.atoms.family("counted")
        if isinstance(node.index, ir.Slice) and not base.m & other:
            bound, bits = _fixed_bound(machine, node.index)
            if bits:
                return _with(out, doubt(machine, "first tokens", node, bound, bits))
        return out
    if base.m & TEXT_FILE and not base.m & TRAIN and not index.m & VAL and not _constant(index):
        return _with(out, machine.atoms.bit("stored", "by position"))
    return out


def looked_up(machine: Machine, table: Value, key: Value, out: Value) -> Value:
    """Return what a table that comes from a file holds for a position."""
    if key.m & VAL or _constant(key):
        return out
    for payload, _ in machine.alternatives(table):
        if isinstance(payload, Heap) and payload.kind == "dict" and payload.element is not None:
            origins = table.m | payload.origins | payload.element.m
            if origins & TEXT_FILE and not origins & (VAL | TRAIN):
                return _with(out, machine.atoms.bit("stored", "by position"))
    return out


def _constant(index: Value) -> bool:
    if isinstance(index.p, Tup):
        return all(_constant(item) for item in index.p.items)
    return isinstance(index.p, Known | PerSetting)


def _fixed_bound(machine: Machine, index: ir.Slice) -> tuple[float | None, int]:
    """Return the constant bound of ``[:n]`` and the settings under which it is one."""
    if index.upper is None or index.step is not None:
        return None, 0
    if index.lower is not None and not (isinstance(index.lower, ir.Const) and index.lower.value == 0):
        return None, 0
    upper = machine.eval(index.upper)
    bits = 0
    bound: float | None = None
    for number in range(1, machine.count):
        payload = at_setting(upper.p, number)
        if isinstance(payload, Known) and isinstance(payload.v, int) and payload.v >= FEWEST:
            bits |= 1 << number
            bound = payload.v if bound is None else bound
    return bound, bits


def compared(machine: Machine, left: Value, right: Value, node: ir.Node) -> int:
    """Return the origin of a comparison of stored tokens with those being scored, 0 for another."""
    family = machine.atoms.family("stored")
    one, other = (left, right) if left.m & family else (right, left)
    if not one.m & family or one.m & VAL or not other.m & VAL or other.m & family:
        return 0
    return doubt(machine, "answers", node, None, machine.all)


def written(machine: Machine, base: Value, index: Value, node: ir.Node) -> int:
    """Return the origin of scores that are changed at a stored token (``logits[j, table[p]] += …``), else 0."""
    if not base.m & machine.atoms.family("forward") or not deep(index) & machine.atoms.family("stored"):
        return 0
    return doubt(machine, "answers", node, None, machine.all)


def decided(machine: Machine, test: Value, before: Mapping[str, Value], after: dict[str, Value]) -> None:
    """Let what a comparison with stored tokens decides rest on it."""
    doubts = test.m & machine.atoms.family("doubt")
    if not doubts:
        return
    for name, value in after.items():
        if before.get(name) is not value:
            after[name] = _with(value, doubts)


# ------------------------------------------------------------------ bytes


def scaled(machine: Machine, left: Value, right: Value, node: ir.BinOp, out: Value) -> Value:
    """Return a product or quotient, marked when it turns bits per token into bits per byte by a constant."""
    scores = machine.atoms.family("forward")
    score, factor = (left, right) if left.m & scores else (right, left)
    if not score.m & scores or factor.m & scores or not isinstance(factor.p, Known | PerSetting):
        return out
    if not (score.m | factor.m) & BITS or (factor is left and node.op == "/"):
        return out
    if score.m & machine.atoms.family("difference"):
        return out  # by how much it is better than another score
    bits = 0
    number: float | None = None
    for index in range(1, machine.count):
        payload = at_setting(factor.p, index)
        if not isinstance(payload, Known) or isinstance(payload.v, bool) or not isinstance(payload.v, int | float):
            continue
        value = abs(float(payload.v))
        if score.m & factor.m & BITS and math.isclose(value, _LN2 if node.op == "*" else 1 / _LN2, rel_tol=1e-6):
            continue  # bits, told in nats again
        if factor.m & BITS:
            value = value / _LN2 if node.op == "/" else value * _LN2
        if not value or (value > 1.0) == (node.op == "*"):
            continue  # bits per byte, told per token again
        if value < 1.0:
            value = 1.0 / value
        if 1.5 <= value <= 8.0 and not math.isclose(value, 1 / _LN2, rel_tol=1e-3) and value != round(value):
            bits |= 1 << index
            number = value if number is None else number
    return _with(out, doubt(machine, "bytes per token", node, number, bits)) if bits else out


# ------------------------------------------------------------------ reports


def reported(machine: Machine, origins: int, report: Report) -> None:
    """Note that a score made from ``origins`` is reported."""
    for event in machine.atoms.meanings(origins, "doubt"):
        assert isinstance(event, Doubt)
        if report not in event.reports:
            event.reports.append(report)


class Doubtful(Struct, frozen=True):
    """A place that ``report`` rests on; ``final`` when it is the claimed score, or the last one reported."""

    doubt: Doubt
    report: Report
    final: bool
    bits: int


def doubts(timeline: Timeline, kinds: tuple[Kind, ...], claimed: list[Report]) -> list[Doubtful]:
    """Return the places of some kinds that reports rest on, one per line, in program order.

    ``claimed`` are the reports that print the claimed score, as far as a log tells.
    """
    reports = timeline.of(Report)
    running = [r for r in reports if r.bits & timeline.in_play] or reports
    last = max(running, key=lambda r: r.order, default=None)
    out: dict[tuple[str, int], Doubtful] = {}
    for event in timeline.of(Doubt):
        if event.kind not in kinds or not event.reports:
            continue
        final = [r for r in event.reports if (r in claimed if claimed else r is last)]
        report = (final or event.reports)[-1]
        bits = 0
        for each in final or event.reports:
            bits |= event.bits & each.bits
        place = (event.site.source.path, event.site.line)
        if bits and (place not in out or (final and not out[place].final)):
            out[place] = Doubtful(event, report, bool(final), bits)
    return list(out.values())
