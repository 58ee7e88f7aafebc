"""The mixtures that a reported score rests on, as findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from auditor.case import Case
from auditor.finding import Finding, Step
from auditor.timeline.claims import claimed_reports, judge, reaches
from auditor.timeline.events import Mixture, MixtureKind, Report, Timeline
from auditor.timeline.named import report_of, reported_at
from auditor.timeline.paths import calls_of, way_to

if TYPE_CHECKING:
    pass


class ReportedMixture(Struct, frozen=True):
    """A mixture that reported scores rest on, ``report`` the last of ``reports``, under ``bits``.

    ``ways`` are all that come to its line: other calls lead there, too.
    """

    mixture: Mixture
    report: Report
    bits: int
    reports: tuple[Report, ...]
    ways: tuple[Mixture, ...]


def reported(timeline: Timeline, kind: MixtureKind, claimed: Sequence[Report] = ()) -> list[ReportedMixture]:
    """Return the mixtures of ``kind`` that a reported score rests on, one per line, in program order."""
    found: dict[tuple[str, int], ReportedMixture] = {}
    for event in timeline.of(Mixture):
        if event.kind != kind or not event.reports:
            continue
        bits = 0
        for report in event.reports:
            bits |= report.bits & event.bits
        place = (event.site.source.path, event.site.line)
        if not bits:
            continue
        old = found.get(place)
        reports = (*(old.reports if old is not None else ()), *event.reports)
        ways = (*(old.ways if old is not None else ()), event)
        every = bits | (old.bits if old is not None else 0)
        running = every & timeline.in_play
        # Of several ways to the line, the one that the first setting takes is told: its switches are named.
        if old is not None and not running:
            better = _likelihood(timeline, event, claimed) > _likelihood(timeline, old.mixture, claimed)
        else:
            better = old is None
        if better or old is None or (running and not old.bits & running & -running):
            old = ReportedMixture(event, max(event.reports, key=lambda r: r.order), every, reports, ways)
        found[place] = replace(old, bits=every, reports=reports, ways=ways)
    return list(found.values())


def _likelihood(timeline: Timeline, event: Mixture, claimed: Sequence[Report]) -> tuple[bool, int]:
    """Return how likely a way to a mixture is the one that ran: it leads to a claimed report, and little closes it."""
    return _leads_to(event, claimed), -sum(not guard.opens & timeline.in_play for guard in event.guards)


def _leads_to(event: Mixture, reports: Sequence[Report]) -> bool:
    """Return whether one of the reports stands on the way of calls to a mixture: it prints what that returned."""
    return any(_on_the_way(event, report) for report in reports if report in event.reports)


def _on_the_way(event: Mixture, report: Report) -> bool:
    way = [step.site for step in report.calls]
    return way == [step.site for step in event.calls[: len(way)]]


def findings(
    case: Case, kind: MixtureKind, slug: str, message: str | Callable[[Mixture], str], step: str
) -> Iterator[Finding]:
    """Yield a finding with ``message`` for each reported mixture of ``kind``, with the path to the report.

    Where the logs show that the claimed score is one which the mixture doesn't reach, the script is at fault but
    the score is not: a hold.
    """
    timeline = case.timeline
    if timeline is None:
        return
    claimed = claimed_reports(timeline, case.submitted)
    for found in reported(timeline, kind, claimed):
        site = found.mixture.site
        judged = judge(case, found.bits, [found.mixture], found.reports, reaches(found.reports, claimed))
        running = found.mixture.bits & timeline.in_play or found.mixture.bits
        own = [r for r in found.mixture.reports if r.bits & running]  # not what another call's result is printed as
        ours = [r for r in found.reports if r in claimed and r.bits & found.mixture.bits]
        ours = [r for r in ours if r in own] or ours
        ending = [r for r in ours or own or found.reports if _on_the_way(found.mixture, r)] or ours or [found.report]
        shown = report_of(ending, running, claimed, case.submitted)
        told = way_to(shown, found.mixture, found.ways, timeline.in_play)
        calls, decided = calls_of(told), Step(site.source.path, site.line, step, site.source.layer)
        if kind == "hint" and not site.source.path.endswith(".py"):  # weighed in Python, after it was given in C
            note = "whether there is a hint is decided by looking at the token"
            decided = Step(site.source.path, site.line, note, site.source.layer)
            calls = [*calls[:-1], decided, *calls[-1:]]
        replaced = found.mixture.at if kind == "rescored" else None
        put = "a second loss of these tokens takes the place of the first one"
        steps = [
            *calls,
            *(() if decided in calls else (decided,)),
            *((Step(replaced.source.path, replaced.line, put, replaced.source.layer),) if replaced else ()),
            reported_at(shown, ending, running, claimed, case.submitted),
        ]
        yield judged.found(
            site,
            rule=slug,
            status=judged.status,
            message=message if isinstance(message, str) else message(found.mixture),
            trace=tuple(dict.fromkeys(steps)),
        )
