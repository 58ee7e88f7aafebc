"""Training data that a reported score rests on directly, not by way of trained parameters or a packed file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.finding import Step
from auditor.program import ir
from auditor.timeline.engine.recording import common
from auditor.timeline.engine.signals import Tracker
from auditor.timeline.events import Event, Forward, Report, Timeline
from auditor.timeline.training import in_training, main_training
from auditor.timeline.values.atoms import TRAIN, VAL, train_settings
from auditor.timeline.values.frames import CallStep, Site
from auditor.timeline.values.payloads import Value

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine


class Opened(Event, eq=False):
    """A file of training data is read.

    ``report`` is a score that what was read takes part in (under ``reported``); ``saved`` are the settings under
    which it also lies in a file that the script writes.
    """

    report: Report | None = None
    reported: int = 0
    saved: int = 0


class Openings(Tracker):
    """Readings of training data, and the scores that rest on them."""

    rank = 45

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.known: dict[tuple[object, ...], Opened] = {}

    def read(self, origins: int, node: ir.Node) -> int:
        """Note that data is read."""
        return opened(self.machine, origins, node)

    def item_stored(self, base: Value, node: ir.Subscript, out: tuple[Value, Value]) -> tuple[Value, Value]:
        """Note a count under training tokens."""
        index, value = out
        return index, at_key(self.machine, index, value)

    def written(self, origins: int) -> None:
        """Note what lies in a file."""
        saved(self.machine, origins)

    def reported(self, origins: int, report: Report) -> None:
        """Note what a score rests on."""
        reported(self.machine, origins, report)


def opened(machine: Machine, origins: int, node: ir.Node) -> int:
    """Note that data is read from a path made from ``origins``; return its origin, 0 for other than training data."""
    if not origins & TRAIN:
        return 0
    key = (machine.frame.scope.source.path, node.start, tuple(s.site.start for s in machine.calls))
    event = machine.of(Openings).known.get(key)
    if event is None:
        event = Opened(**common(machine, node, 0))
        machine.of(Openings).known[key] = event
        machine.events.append(event)
    event.bits |= machine.live & train_settings(origins) & ~(origins & VAL)
    return machine.atoms.bit("opened", event)


def at_key(machine: Machine, key: Value, value: Value) -> Value:
    """Return ``value`` as a table holds it under ``key``: a count under training tokens rests on them."""
    late = key.m & machine.atoms.family("opened")
    return Value(value.p, value.m | late) if late else value


def saved(machine: Machine, origins: int) -> None:
    """Note that something made from ``origins`` is written to a file: it is part of the artifact, and paid for."""
    for event in machine.atoms.meanings(origins, "opened"):
        assert isinstance(event, Opened)
        event.saved |= machine.live


def reported(machine: Machine, origins: int, report: Report) -> None:
    """Note that a score made from ``origins`` is reported."""
    for event in machine.atoms.meanings(origins, "opened"):
        assert isinstance(event, Opened)
        event.report = event.report or report
        event.reported |= machine.live


def late_openings(timeline: Timeline) -> list[Opened]:
    """Return the readings of training data after training that a reported score rests on, in program order."""
    trains = main_training(timeline)
    out: list[Opened] = []
    for event in timeline.events:
        if not isinstance(event, Opened) or event.report is None or not event.bits & event.reported & ~event.saved:
            continue
        if not in_training(event, trains):
            out.append(event)
    return out


def place_of(timeline: Timeline, event: Opened) -> Site:
    """Return the place in the evaluation from which the data is read: where the way to it leaves the way to a score."""
    shared = 0
    for other in timeline.events:
        if isinstance(other, Forward) and other.reports:
            shared = max(shared, _shared(event.calls, other.calls))
    return event.calls[shared].site if shared < len(event.calls) else event.site


def _shared(one: tuple[CallStep, ...], other: tuple[CallStep, ...]) -> int:
    count = 0
    for a, b in zip(one, other, strict=False):
        if a.site != b.site:
            break
        count += 1
    return count


def path_of(event: Opened) -> list[Step]:
    """Return the steps that lead to a reading: the calls, and the reading."""
    steps = [Step(c.site.source.path, c.site.line, f"{c.name}() is called", c.site.source.layer) for c in event.calls]
    steps = steps[1:] if len(steps) > 1 else steps
    steps.append(Step(event.site.source.path, event.site.line, "training data is read", event.site.source.layer))
    return steps
