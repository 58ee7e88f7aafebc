"""Of several findings at one place the one that counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from auditor.finding import Finding, Status

_ORDER: tuple[Status, ...] = ("note", "incomplete", "hold", "violation")


def gravest(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield one finding for each place, in their order: a function may run where it counts and where it doesn't."""
    kept: dict[tuple[str | None, int, int | None], Finding] = {}
    for finding in findings:
        place = (finding.path, finding.layer, finding.line)
        before = kept.get(place)
        if before is None or _ORDER.index(finding.status) > _ORDER.index(before.status):
            kept[place] = finding
    yield from kept.values()
