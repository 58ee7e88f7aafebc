"""Where every submission stands: its claim, its runs, and its place among the others before and after. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from auditor.campaign.model import CampaignPlan, Planned, Refused, Report, Seed, Standing
from auditor.evidence.statistics import confidence_interval, describe
from auditor.reproduce.model import Reproduction

_UNRANKED = frozenset({"OVER-BUDGET", "NOT-RUN"})


def standing(planned: Planned, found: Reproduction, seeds: Sequence[Seed]) -> Standing:
    """Return one submission's standing, not yet ranked."""
    scores = found.claim.scores if found.claim is not None else ()
    claimed = describe(scores) if scores else None
    interval = confidence_interval(claimed) if claimed is not None and claimed.n > 1 else None
    name = planned.afar.job.plan.subject
    return Standing(name, planned.pr, found, found.judgement.because, claimed, interval, tuple(seeds))


def not_run(refused: Refused) -> Standing:
    """Return the standing of what couldn't be run at all."""
    return Standing(refused.entry.given, refused.entry.pr, None, refused.why, None, None)


def report(plan: CampaignPlan, standings: Sequence[Standing]) -> Report:
    """Return all of it, ranked, in the order in which submissions stand after the campaign.

    Before, they are ranked by the claimed mean; after, by the mean of their own runs here, which is what they share.
    One without a score, or over a cap, has no rank.
    """
    before = _ranks(standings, lambda each: each.claimed.mean if each.claimed is not None else None)
    after = _ranks(standings, _reproduced)
    ranked = [
        replace(each, rank_claimed=before[number], rank_reproduced=after[number])
        for number, each in enumerate(standings)
    ]
    ranked.sort(key=lambda each: (each.rank_reproduced or 10**9, each.rank_claimed or 10**9, each.name))
    spent = sum(run.wall_seconds or 0.0 for each in ranked if each.found for run in each.found.runs)
    return Report(plan, tuple(ranked), spent * plan.cost.share / 3600, tuple(_notes(plan, ranked)))


def _reproduced(each: Standing) -> float | None:
    sample = each.found.judgement.sample if each.found is not None else None
    return sample.mean if sample is not None and each.verdict not in _UNRANKED else None


def _ranks(standings: Sequence[Standing], score: Callable[[Standing], float | None]) -> list[int | None]:
    """Return each one's rank; equal scores share one."""
    scores = [score(each) for each in standings]
    known = sorted(value for value in scores if value is not None)
    return [None if value is None else known.index(value) + 1 for value in scores]


def _notes(plan: CampaignPlan, standings: Sequence[Standing]) -> list[str]:
    """Return what holds for the whole campaign and a reader has to know."""
    notes = []
    machines = dict.fromkeys(each.found.plan.machine.hardware for each in standings if each.found is not None)
    if len(machines) > 1:
        notes.append(f"runs were on different machines: {'; '.join(machines)}")
    runs = [run for each in standings if each.found is not None for run in each.found.runs]
    left = sum(run.status == "interrupted" for run in runs)
    if left:
        notes.append(f"{left} of {len(runs)} runs have not come to an end; the same command goes on with them")
    tried = sum(seed.attempts > 1 for each in standings for seed in each.seeds)
    if tried:
        notes.append(f"{tried} runs were begun more than once, because their node was lost")
    if plan.campaign.data is None:
        notes.append("no data folder was named: the demo's text stands for the challenge's, and scores mean nothing")
    return notes
