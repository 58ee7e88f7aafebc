"""A sweep as a page: a table to sort, search and filter, counts, score against bytes, and what belongs together."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import quantiles
from typing import Any

from markupsafe import Markup

from auditor import catalogue
from auditor.challenge import default
from auditor.sweep.clusters import Lineage, Pattern
from auditor.sweep.overview import Entry, Overview, counted
from auditor.sweep.triage import Group, Item
from reports.escape import cut
from reports.html.page import fill
from reports.html.plot import HEIGHT, WIDTH, Tick, ticks
from reports.queue import cluster_command

_NAME, _MESSAGE, _PLACE, _REASON = 120, 300, 100, 200  # characters
_MOST_CLUSTERS = 120  # of each kind
_MOST_LISTED = 200  # pull requests of one cluster
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 16, 10, 34
_FIELDS = (
    *("pr", "day", "name", "track", "verdict", "compliance", "evidence", "package", "bpb", "bytes", "rules"),
    *("recommendation", "findings", "error", "reason"),
)


@dataclass(frozen=True)
class Bar:
    """One week: its Monday, its submissions, and the stacked parts as (verdict, y, height, count)."""

    week: str
    total: int
    x: float
    width: float
    parts: tuple[tuple[str, float, float, int], ...]


@dataclass(frozen=True)
class Cluster:
    """Pull requests that belong together: ``prs`` are those listed, ``left`` how many more there are.

    ``verdicts`` counts their submissions.
    """

    title: str
    text: str
    count: int
    prs: tuple[int, ...]
    left: int
    verdicts: str


def render(found: Overview, repository: str | None = None) -> str:
    """Return the page of a sweep; ``repository`` is the address of its pull requests (None: the challenge's)."""
    prs = len({entry.pr for entry in found.entries})
    values = {
        "title": "golf-audit: sweep",
        "heading": f"sweep of {prs:,} pull requests",
        "groups": [],
        "today": "",
    }
    return _page(found, values, repository)


def render_queue(items: Sequence[Item], groups: Sequence[Group], today: date, repo: str = "GIT_DIR") -> str:
    """Return the page of a queue: a row for each pull request, in its order; ``repo`` goes into the commands."""
    shown = {item.entry.pr for item in items}
    values = {
        "title": "golf-audit: queue",
        "heading": f"queue of {len(items):,} pull requests",
        "groups": [
            (group.rule, group.title, group.prs[:_MOST_LISTED], cluster_command(group, repo))
            for group in groups
            if len(shown.intersection(group.prs)) > 1
        ][:_MOST_CLUSTERS],
        "today": today.isoformat(),
    }
    return _page(counted(tuple(item.entry for item in items)), values, None)


def _page(found: Overview, own: Mapping[str, Any], repository: str | None) -> str:
    entries = found.entries
    values = {
        **own,
        "prs": len({entry.pr for entry in entries}),
        "submissions": sum(entry.verdict != "ERROR" for entry in entries),
        "verdicts": found.verdicts,
        "rules": [(slug, count, _title(slug)) for slug, count in found.rules.items()],
        "most": max(found.rules.values(), default=1),
        "tracks": sorted({entry.track for entry in entries if entry.track}),
        "bars": _bars(found),
        "bar_ticks": _bar_ticks(found),
        "points": _points(entries),
        "frame": {"left": _LEFT, "right": WIDTH - _RIGHT, "bottom": HEIGHT - _BOTTOM, "top": _TOP},
        "width": WIDTH,
        "height": HEIGHT,
        "patterns": [_pattern(pattern, entries) for pattern in found.patterns[:_MOST_CLUSTERS]],
        "patterns_left": max(0, len(found.patterns) - _MOST_CLUSTERS),
        "lineages": [_lineage(lineage, entries) for lineage in found.lineages[:_MOST_CLUSTERS]],
        "lineages_left": max(0, len(found.lineages) - _MOST_CLUSTERS),
        "pulls": f"{repository or default().address}/pull/",
        "data": _data(entries),
    }
    styles, scripts = ("tabulator.min.css", "page.css", "sweep.css"), ("tabulator.min.js", "sweep.js")
    return fill("sweep.html.j2", values, styles=styles, scripts=scripts)


def _data(entries: Iterable[Entry]) -> Markup:
    """Return the table as JSON that can stand within a script element: nothing in it ends one."""
    rows = [_row(entry) for entry in entries]
    text = json.dumps({"fields": _FIELDS, "rows": rows}, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _row(entry: Entry) -> list[Any]:
    findings = [
        (cut(rule, _NAME), status, cut(where, _PLACE), cut(message, _MESSAGE))
        for rule, status, where, message in entry.findings
    ]
    bpb = entry.val_bpb if entry.val_bpb is not None and math.isfinite(entry.val_bpb) else None
    return [
        entry.pr,
        entry.day,
        cut(entry.name, _NAME),
        entry.track,
        entry.verdict,
        entry.compliance,
        entry.evidence,
        entry.package,
        None if bpb is None else round(bpb, 5),
        entry.artifact_bytes,
        [cut(rule, _NAME) for rule in entry.rules],
        entry.recommendation,
        findings,
        cut(entry.error, _MESSAGE),
        cut(entry.reason, _REASON),
    ]


def _title(slug: str) -> str:
    rule = catalogue.find(slug)
    return rule.title if rule else ""


def _bars(found: Overview) -> tuple[Bar, ...]:
    most = max((sum(counts.values()) for counts in found.weeks.values()), default=1)
    stride = (WIDTH - _LEFT - _RIGHT) / max(len(found.weeks), 1)
    bars: list[Bar] = []
    for number, (week, counts) in enumerate(found.weeks.items()):
        floor = float(HEIGHT - _BOTTOM)
        parts = []
        for verdict in found.verdicts:
            height = counts.get(verdict, 0) / most * (HEIGHT - _TOP - _BOTTOM)
            if height:
                floor -= height
                parts.append((verdict, round(floor, 1), round(height, 1), counts[verdict]))
        x, width = _LEFT + number * stride, min(stride * 0.86, 60.0)
        bars.append(Bar(week, sum(counts.values()), round(x, 1), round(width, 1), tuple(parts)))
    return tuple(bars)


def _bar_ticks(found: Overview) -> tuple[Tick, ...]:
    most = max((sum(counts.values()) for counts in found.weeks.values()), default=0)
    room = HEIGHT - _TOP - _BOTTOM
    return (
        tuple(Tick(round(HEIGHT - _BOTTOM - at / most * room, 1), f"{at:g}") for at in ticks(0, most)) if most else ()
    )


def _points(entries: Sequence[Entry]) -> dict[str, Any]:
    """Return score against bytes as points (x, y, verdict, index of the row), with the axes and the line of the cap.

    What lies beyond the middle 80 % of the scores, or beyond 1.25 times the cap, is drawn at the border.
    """
    drawn = [
        (number, entry.val_bpb, entry.artifact_bytes, entry.verdict)
        for number, entry in enumerate(entries)
        if entry.val_bpb is not None and math.isfinite(entry.val_bpb) and entry.artifact_bytes is not None
    ]
    scores = sorted(bpb for _, bpb, _, _ in drawn)
    if not scores:
        return {"drawn": [], "horizontal": (), "vertical": (), "cap": 0.0}
    cuts = quantiles(scores, n=10) if len(scores) > 1 else scores
    low, high = cuts[0], cuts[-1]
    if high - low < 1e-6:
        low, high = low - 0.05, high + 0.05
    artifact = default().artifact
    cap = artifact.bytes if artifact is not None else max(size for _, _, size, _ in drawn)
    widest = cap * 1.25

    def across(size: float) -> float:
        return round(_LEFT + min(max(size, 0), widest) / widest * (WIDTH - _LEFT - _RIGHT), 1)

    def down(bpb: float) -> float:
        share = (min(max(bpb, low), high) - low) / (high - low)
        return round(HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM), 1)

    return {
        "drawn": [(across(size), down(bpb), verdict, number) for number, bpb, size, verdict in drawn],
        "horizontal": [Tick(across(at), f"{at / 1e6:g}") for at in ticks(0, widest)],
        "vertical": [Tick(down(at), f"{at:g}") for at in ticks(low, high)],
        "cap": across(cap),
    }


def _pattern(pattern: Pattern, entries: Sequence[Entry]) -> Cluster:
    return _cluster(pattern.rule, pattern.message, [entries[index] for index in pattern.rows])


def _lineage(lineage: Lineage, entries: Sequence[Entry]) -> Cluster:
    found = [entries[index] for index in lineage.rows]
    scores = [entry.val_bpb for entry in found if entry.val_bpb is not None]
    best = f"; best val_bpb {min(scores):.4f}" if scores else ""
    return _cluster(f"code of #{found[0].pr}", f"{found[0].name}{best}", found)


def _cluster(title: str, text: str, found: Sequence[Entry]) -> Cluster:
    prs = tuple(dict.fromkeys(entry.pr for entry in found))
    counts: dict[str, int] = {}
    for entry in found:
        counts[entry.verdict] = counts.get(entry.verdict, 0) + 1
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items(), key=lambda item: -item[1]))
    return Cluster(title, cut(text, _MESSAGE), len(prs), prs[:_MOST_LISTED], max(0, len(prs) - _MOST_LISTED), verdicts)
