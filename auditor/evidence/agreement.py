"""What a claimed score is to the logs where it is not their mean: one run's, a part's, an adjusted, an earlier one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from statistics import fmean

from auditor.evidence.claims import Claim
from auditor.evidence.model import Evidence
from auditor.evidence.printed import Metric
from auditor.evidence.rounding import agrees, unit
from auditor.evidence.run import Run
from auditor.evidence.series import Series
from auditor.regex import regex

ROUNDED_TWICE = 1.5e-5  # bits per byte: a mean of scores that were rounded before
OWN_DIGITS = 5  # decimals from which a claim that equals one run's score is that run's, not a mean's
_FARTHEST_SEED = 0.01  # bits per byte between seeds of one configuration, generously
_MOST_SUBSETS = 8  # runs; of more, the subsets are not searched
_FIRST_NUMBER = regex(r"\d{1,9}")


def of_one(claim: Claim[float] | None, runs: Sequence[Run]) -> tuple[Run, float] | None:
    """Return the run of several whose loss alone is the claimed one, and the mean of all; None where there is none."""
    losses = [(run, loss) for run in runs if (loss := run.val_loss) is not None]
    if claim is None or len(losses) < 2 or claim.decimals < OWN_DIGITS - 1:
        return None
    near = unit(claim.decimals) / 2 + 1e-9
    # What equals one run's loss to the sixth decimal was not rounded on the way, nor would a mean have been.
    slack = near if claim.decimals > OWN_DIGITS else near + ROUNDED_TWICE
    mean = fmean(loss for _, loss in losses)
    own = next((run for run, loss in losses if abs(loss - claim.value) <= near), None)
    return (own, mean) if own is not None and own.score is not None and abs(mean - claim.value) > slack else None


def of_a_part(claim: Claim[float], series: Series) -> bool:
    """Tell whether the claim is the mean of some of the runs: which ones were left out is another rule's question."""
    values = sorted(m.val_bpb for m in series.metrics)
    if len(values) > _MOST_SUBSETS:
        return False
    for size in range(2, len(values)):
        parts = combinations(values, size) if claim.decimals > OWN_DIGITS else [tuple(values[:size])]
        if any(agrees(claim, fmean(part), ()) for part in parts):
            return True
    return False


def within_reach(claim: Claim[float], main: Series, missing: int) -> bool:
    """Tell whether the claim may be a mean with the missing seeds: they'd have to score like those that are there."""
    count = len(main.metrics)
    needed = (claim.value * (count + missing) - main.mean * count) / missing
    return abs(needed - main.mean) <= _FARTHEST_SEED


def offset(evidence: Evidence, runs: Sequence[Run]) -> float | None:
    """Return by how much each seed's claim differs from its log's score, when it is the same for all of them."""
    each = {c.seed: c.value for c in evidence.metadata.all("val_bpb", per_seed=True)}
    shifts = [
        each[run.seed.value] - run.score.val_bpb
        for run in runs
        if run.seed is not None and run.seed.value in each and run.score is not None
    ]
    if len(shifts) < 2 or len(shifts) < len(each):
        return None
    mean = fmean(shifts)
    same = all(abs(s - mean) <= ROUNDED_TWICE for s in shifts)
    return mean if same else None


def other_line(claim: Claim[float], runs: Sequence[Run]) -> tuple[Run, Metric] | None:
    """Return a line that prints the claim but is no final score, the last one of its log, and its run."""
    for role in ("retold", "pre-quant", "step", "progress", "reference"):
        for run in runs:
            for metric in reversed(run.metrics):
                if metric.role == role and agrees(claim, metric.val_bpb, (metric,)):
                    return run, metric
    return None


def of_last_step(run: Run, metric: Metric) -> bool:
    """Tell whether a validation in training is that of the last step: of its number, or of the last step's line."""
    if metric.role != "step" or run.steps is None:
        return False
    number = _FIRST_NUMBER.search(metric.label)
    if number is not None:
        return int(number[0]) >= run.steps.value
    return all(step.line is None or step.line <= metric.line for step in run.numbers("step"))
