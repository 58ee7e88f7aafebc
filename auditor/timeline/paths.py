"""The way to an event, as the steps of a finding."""

from __future__ import annotations

from auditor.finding import Step
from auditor.timeline.events import Event


def calls_of(event: Event) -> list[Step]:
    """Return the calls that lead to an event, but for the entry point."""
    steps = [
        Step(call.site.source.path, call.site.line, f"{call.name}() is called", call.site.source.layer)
        for call in event.calls
    ]
    return steps[1:] if len(steps) > 1 else steps
