"""A campaign as lines for a terminal and as JSON; :mod:`reports.html.campaign` is its page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from auditor.campaign.model import CampaignPlan, Report, Standing
from auditor.reproduce.report.document import document
from reports.escape import cut

SCHEMA_VERSION = 1
_NAME, _WHY = 48, 100  # characters


def plan_lines(plan: CampaignPlan) -> Iterator[str]:
    """Yield what will run, what won't, and what it costs."""
    seeds = sum(len(each.afar.job.plan.runs) for each in plan.planned)
    yield (
        f"campaign {cut(plan.campaign.name, _NAME)}: {len(plan.planned)} submissions, {seeds} runs, on nodes like "
        + (f"{plan.node.machine.hardware} ({cut(plan.node.machine.cpu, _NAME)})")
    )
    for each in plan.planned:
        numbers = ", ".join(str(run.seed) for run in each.afar.job.plan.runs)
        yield f"  {cut(each.afar.job.plan.subject, _NAME)}: seeds {numbers}"
    for refused in plan.refused:
        yield f"  {cut(refused.entry.given, _NAME)}: can't be run: {cut(refused.why, 300)}"
    cost = plan.cost
    if cost.runs:
        yield (
            f"cost: {cost.runs} runs are left, each on {cost.share:.0%} of a node: about {cost.expected:,.1f} "
            f"node-hours, {cost.most:,.1f} at most"
        )
    else:
        yield "cost: nothing is left to run"


def report_lines(report: Report) -> Iterator[str]:
    """Yield a line for each submission, in the order in which they stand, and where the page is."""
    yield "after  before  verdict         claimed    reproduced  submission"
    for each in report.standings:
        sample = _sample(each)
        yield (
            f"{_rank(each.rank_reproduced):>5}  {_rank(each.rank_claimed):>6}  {each.verdict:<14}  "
            f"{_score(each.claimed.mean if each.claimed else None):>9}  {_score(sample.mean if sample else None):>10}  "
            f"{cut(each.name, _NAME)}: {cut(each.why, _WHY)}"
        )
    yield f"{report.node_hours:,.2f} node-hours of runs; {report.plan.campaign.output / 'campaign.html'}"


def as_json(report: Report) -> str:
    """Return the campaign as one JSON document that changes only by adding."""
    plan = report.plan
    content = {
        "schema_version": SCHEMA_VERSION,
        "name": plan.campaign.name,
        "node": msgspec.to_builtins(plan.node.machine, enc_hook=str)
        | {"hardware": plan.node.machine.hardware, "held_by": plan.node.held_by},
        "node_hours": round(report.node_hours, 4),
        "notes": list(report.notes),
        "submissions": [_standing(each) for each in report.standings],
    }
    return json.dumps(content, indent=1) + "\n"


def _standing(each: Standing) -> dict[str, Any]:
    return {
        "name": each.name,
        "pr": each.pr,
        "verdict": each.verdict,
        "because": each.why,
        "rank_claimed": each.rank_claimed,
        "rank_reproduced": each.rank_reproduced,
        "claimed": None if each.claimed is None else msgspec.to_builtins(each.claimed, enc_hook=str),
        "claimed_interval_95": None if each.claimed_interval is None else list(each.claimed_interval),
        "seeds": [msgspec.to_builtins(seed, enc_hook=str) for seed in each.seeds],
        "reproduction": None if each.found is None else document(each.found),
    }


def _sample(each: Standing) -> Any:
    return each.found.judgement.sample if each.found is not None else None


def _rank(rank: int | None) -> str:
    return "–" if rank is None else str(rank)


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.5f}"
