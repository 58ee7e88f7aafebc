"""The look-ups that a reported score rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from auditor.timeline.events import Lookup, Report, Timeline
from auditor.timeline.values.frames import Site

if TYPE_CHECKING:
    pass


class ReportedLookup(Struct, frozen=True):
    """A look-up that ``reports`` rest on, ``report`` last, under ``bits``; ``key`` is where its key is built.

    ``ways`` are all that build it there: other calls lead to the same line.
    """

    lookup: Lookup
    key: Site
    report: Report
    bits: int
    reports: tuple[Report, ...]
    ways: tuple[Lookup, ...]


def target_lookups(timeline: Timeline) -> list[ReportedLookup]:
    """Return the look-ups by the token being scored that a reported score rests on, one per key, in program order."""
    return _reported(timeline, [e for e in timeline.events if isinstance(e, Lookup) and e.target])


def context_lookups(timeline: Timeline) -> list[ReportedLookup]:
    """Return the look-ups by context alone that a reported score rests on, unless it rests on one by the token, too."""
    found = [e for e in timeline.events if isinstance(e, Lookup)]
    tainted = {id(report) for e in found if e.target for report in e.reports}
    return _reported(
        timeline, [e for e in found if not e.target and not any(id(report) in tainted for report in e.reports)]
    )


def _reported(timeline: Timeline, lookups: list[Lookup]) -> list[ReportedLookup]:
    found: dict[tuple[str, int], ReportedLookup] = {}
    for event in lookups:
        if not event.reports:
            continue
        site = event.mixing or event.site
        reported = 0
        for report in event.reports:
            reported |= report.bits
        last = max(event.reports, key=lambda r: r.order)
        bits = event.bits & reported
        place = (site.source.path, site.line)
        if not bits:
            continue
        old = found.get(place)
        reports = (*(old.reports if old is not None else ()), *event.reports)
        ways = (*(old.ways if old is not None else ()), event)
        every = bits | (old.bits if old is not None else 0)
        running = every & timeline.in_play
        # Of several ways to the line, the one that the first setting takes is told: its switches are named.
        if old is None or (running and not old.bits & running & -running):
            old = ReportedLookup(event, site, last, every, reports, ways)
        found[place] = replace(old, bits=every, reports=reports, ways=ways)
    return list(found.values())
