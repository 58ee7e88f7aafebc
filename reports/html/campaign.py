"""A campaign as a page: who stands where before and after, scores with their intervals, and every run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from auditor.campaign.model import Report, Standing
from auditor.challenge import default
from auditor.reproduce.report.words import COLUMNS, MARKS, cells
from reports.escape import cut
from reports.html.page import fill
from reports.html.plot import Tick, ticks

_NAME = 60  # characters of a name in the plot
_WIDTH, _LEFT, _RIGHT, _TOP, _ROW = 760, 250, 20, 26, 34


@dataclass(frozen=True)
class Strip:
    """One submission in the plot: claimed and own scores as x, their intervals as (x, width), and where it stands."""

    name: str
    y: float
    claimed: tuple[float, ...]
    claimed_interval: tuple[float, float] | None
    runs: tuple[float, ...]
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class Row:
    """One submission in the table, as text."""

    id: str
    before: str
    after: str
    moved: str
    name: str
    pull: str | None
    verdict: str
    claimed: tuple[str, str]
    reproduced: tuple[str, str]
    difference: str
    size: str
    train: str
    evaluate: str
    runs: str


def render(report: Report, repository: str | None = None) -> str:
    """Return the page; ``repository`` is the address of the pull requests (None: the challenge's)."""
    pulls = f"{repository or default().address}/pull/"
    standings = report.standings
    plan = report.plan
    runs = [run for each in standings if each.found is not None for run in each.found.runs]
    values = {
        "title": f"golf-audit: campaign {plan.campaign.name}",
        "name": plan.campaign.name,
        "counts": _counts(standings),
        "facts": [
            ("submissions", f"{len(standings)}"),
            ("runs", ", ".join(_by_status([run.status for run in runs])) or "none"),
            ("a node", f"{plan.node.machine.hardware} ({plan.node.machine.cpu})"),
            ("held by", plan.node.held_by),
            ("data", plan.campaign.data.path if plan.campaign.data is not None else "the demo's"),
            ("caps", f"training {plan.campaign.budget.train:g} s, evaluation {plan.campaign.budget.evaluate:g} s"),
            ("spent", f"{report.node_hours:,.2f} node-hours"),
        ],
        "notes": report.notes,
        "rows": [_row(number, each, pulls) for number, each in enumerate(standings, 1)],
        "plot": _plot(standings),
        "width": _WIDTH,
        "left": _LEFT,
        "right": _WIDTH - _RIGHT,
        "top": _TOP,
        "columns": (*COLUMNS, "wall s", "node", "tries"),
        "details": [_detail(number, each) for number, each in enumerate(standings, 1)],
    }
    return fill("campaign.html.j2", values, styles=("page.css", "campaign.css"))


def _counts(standings: Sequence[Standing]) -> list[tuple[str, int]]:
    order = ("REPRODUCED", "NOT-REPRODUCED", "OVER-BUDGET", "INCONCLUSIVE", "NOT-RUN")
    return [(name, count) for name in order if (count := sum(each.verdict == name for each in standings))]


def _by_status(found: Sequence[str]) -> list[str]:
    return [f"{found.count(name)} {name}" for name in ("done", "failed", "interrupted") if name in found]


def _row(number: int, each: Standing, pulls: str) -> Row:
    found = each.found
    runs = found.runs if found is not None else ()
    sample = found.judgement.sample if found is not None else None
    interval = found.judgement.interval if found is not None else None
    before, after = each.rank_claimed, each.rank_reproduced
    moved = "" if before is None or after is None or before == after else "▲" if after < before else "▼"
    return Row(
        id=f"s{number}",
        before=_whole(before),
        after=_whole(after),
        moved=moved,
        name=each.name,
        pull=f"{pulls}{each.pr}" if each.pr is not None and each.name != f"#{each.pr}" else None,
        verdict=each.verdict,
        claimed=_scored(each.claimed.mean if each.claimed else None, each.claimed_interval),
        reproduced=_scored(sample.mean if sample else None, interval),
        difference=f"{sample.mean - each.claimed.mean:+.5f}" if sample and each.claimed else "–",
        size=_whole(max((run.artifact_bytes for run in runs if run.artifact_bytes is not None), default=None)),
        train=_longest([run.train_seconds for run in runs]),
        evaluate=_longest([run.eval_seconds for run in runs]),
        runs=f"{sum(run.status == 'done' for run in runs)}/{len(runs)}",
    )


def _detail(number: int, each: Standing) -> dict[str, object]:
    tried = {seed.seed: seed for seed in each.seeds}
    runs = []
    for run in each.found.runs if each.found is not None else ():
        seed = tried.get(run.seed)
        wall = "–" if run.wall_seconds is None else f"{run.wall_seconds:.1f}"
        where = (seed.node or "here", str(seed.attempts)) if seed is not None else ("–", "–")
        runs.append(((*cells(run), wall, *where), run.status, run.reason))
    judgement = each.found.judgement if each.found is not None else None
    return {
        "id": f"s{number}",
        "name": each.name,
        "verdict": each.verdict,
        "why": each.why,
        "runs": runs,
        "checks": [(MARKS[c.status], c.status, c.name, c.text) for c in judgement.checks] if judgement else [],
        "missing": judgement.missing if judgement else (),
        "concluded": judgement.concluded if judgement else (),
        "changes": each.found.plan.changes if each.found is not None else (),
    }


def _plot(standings: Sequence[Standing]) -> dict[str, object]:
    """Return the strips of all that has a score, on one axis."""
    shown = [each for each in standings if each.claimed is not None or _scores(each)]
    values = [value for each in shown for value in (*_scores(each), *_claimed(each), *_ends(each))]
    if not values:
        return {"strips": [], "ticks": (), "height": 0}
    low, high = min(values), max(values)
    margin = (high - low) * 0.05 or 0.01
    low, high = low - margin, high + margin

    def across(value: float) -> float:
        return round(_LEFT + (value - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT), 1)

    def span(ends: tuple[float, float] | None) -> tuple[float, float] | None:
        return None if ends is None else (across(ends[0]), across(ends[1]))

    strips = [
        Strip(
            name=cut(each.name, _NAME),
            y=_TOP + (number + 0.5) * _ROW,
            claimed=tuple(across(value) for value in _claimed(each)),
            claimed_interval=span(each.claimed_interval),
            runs=tuple(across(value) for value in _scores(each)),
            interval=span(each.found.judgement.interval if each.found is not None else None),
        )
        for number, each in enumerate(shown)
    ]
    marks = [Tick(across(value), f"{value:g}") for value in ticks(low, high)]
    return {"strips": strips, "ticks": marks, "height": _TOP + len(strips) * _ROW + 26}


def _scores(each: Standing) -> list[float]:
    runs = each.found.runs if each.found is not None else ()
    return [run.val_bpb for run in runs if run.val_bpb is not None and math.isfinite(run.val_bpb)]


def _claimed(each: Standing) -> list[float]:
    scores = each.found.claim.scores if each.found is not None and each.found.claim is not None else ()
    return [value for value in scores if math.isfinite(value)]


def _ends(each: Standing) -> list[float]:
    """Return the ends of the intervals as far as the axis follows them: two seeds can make one very wide."""
    both = [*_scores(each), *_claimed(each)]
    if not both:
        return []
    reach = max(max(both) - min(both), 0.005) * 3
    middle = fmean(both)
    intervals = (each.claimed_interval, each.found.judgement.interval if each.found is not None else None)
    ends = [end for pair in intervals if pair is not None for end in pair]
    return [min(max(end, middle - reach), middle + reach) for end in ends]


def _scored(mean: float | None, interval: tuple[float, float] | None) -> tuple[str, str]:
    ends = f"[{interval[0]:.5f}, {interval[1]:.5f}]" if interval is not None else ""
    return ("–" if mean is None else f"{mean:.5f}"), ends


def _whole(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _longest(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{max(known):.1f}" if known else "–"
