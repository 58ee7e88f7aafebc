"""Which updates are the training that the clock ends, and what comes after it."""

from __future__ import annotations

from auditor.timeline.events import Adapt, Deadline, Event, Timeline


def main_training(timeline: Timeline) -> list[Adapt]:
    """Return the updates of the training that the clock ends; all updates on training tokens where no clock does.

    Compile warm-ups before and after it step on throw-away parameters.
    """
    trains = [e for e in timeline.of(Adapt) if e.number < 0]
    timed = {loop for e in timeline.of(Deadline) for loop in e.loops}
    clocked = [t for t in trains if timed & set(t.loops)]
    return clocked or trains


def in_training(event: Event, trains: list[Adapt]) -> bool:
    """Return whether training is not over at an event: none came before, or more of it follows."""
    shared = [t for t in trains if t.bits & event.bits]
    return not shared or any(t.order > event.order or set(t.loops) & set(event.loops) for t in shared)
