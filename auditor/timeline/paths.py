"""The way to an event, as the steps of a finding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from auditor.finding import Step
from auditor.timeline.events import Event, Lookup, Mixture, Report

_Reported = TypeVar("_Reported", Lookup, Mixture)


def calls_of(event: Event) -> list[Step]:
    """Return the calls that lead to an event, but for the entry point."""
    steps = [
        Step(call.site.source.path, call.site.line, f"{call.name}() is called", call.site.source.layer)
        for call in event.calls
    ]
    return steps[1:] if len(steps) > 1 else steps


def way_to(report: Report, judged: _Reported, ways: Sequence[_Reported], in_play: int) -> _Reported:
    """Return the one of several ways to a place that ``report`` rests on: ``judged`` where it does, or none is known.

    A path that is told must end where what it leads through is printed, under one setting.
    """
    if report in judged.reports:
        return judged
    ours = [way for way in ways if report in way.reports and way.bits & report.bits]
    return next((way for way in ours if way.bits & report.bits & in_play), next(iter(ours), judged))
