"""What README and submission.json give of each seed beside its score, held against the seed's own log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain

from msgspec import Struct

from auditor.case import Case
from auditor.evidence.claims import Claim, ClaimSet
from auditor.evidence.counted import counted_runs
from auditor.evidence.printed import Value
from auditor.evidence.run import SMALLEST_ARTIFACT, Run
from auditor.finding import Step

_FEWEST_STEPS = 100  # that a training run takes
_SAME_SCORE = 6e-4  # bits per byte: a score that is written with three decimals
_COARSEST = 100_000  # bytes, or steps, to which figures are rounded
_STEPS = ("step", "steps_done", "trained_steps", "stop_step", "planned_steps")
_SIZES = ("total_bytes", "model_bytes")


class Differing(Struct, frozen=True):
    """One figure of a seed that its log prints otherwise: the claim, and what the log prints."""

    claim: Claim[float]
    printed: Value[int]

    def told(self) -> str:
        """Return both in words."""
        seed, given = self.claim.seed, round(self.claim.value)
        if self.claim.name == "steps":
            return f"{given:,} steps for seed {seed}, whose log ends at step {self.printed.value:,}"
        return f"{given:,} bytes for seed {seed}, whose log totals {self.printed.value:,}"


def figures_of_seeds(case: Case) -> Iterator[tuple[Claim[float], str, tuple[Step, ...]]]:
    """Yield the first figure of each file that a seed's log contradicts, with a sentence and the logs' lines."""
    runs = _one_of_each(case)
    for claims in (case.evidence.metadata, case.evidence.readme):
        found = list(chain(_steps(claims, runs), _sizes(case, claims, runs)))
        if found and claims.path is not None:
            first = found[0]
            more = len(found) - 1
            others = (
                f"; {more} more {'figure differs' if more == 1 else 'figures differ'} from the logs'" if more else ""
            )
            trace = tuple(
                Step(each.printed.path, each.printed.line, f"seed {each.claim.seed}: {each.printed.value:,}")
                for each in found[:8]
                if each.printed.line is not None
            )
            yield first.claim, f"{claims.path} gives {first.told()}{others}.", trace


def rounded(value: float) -> float:
    """Return how far a figure may lie from what it was rounded from: the unit of its last digit."""
    unit = 1
    while unit < _COARSEST and value % (unit * 10) == 0:
        unit *= 10
    return unit


def _one_of_each(case: Case) -> dict[int, Run]:
    """Return the counted run of each seed that has one alone."""
    counted = [each.run for each in counted_runs(case.evidence) if each.run.seed is not None]
    times = Counter(run.seed.value for run in counted if run.seed is not None)
    logged = Counter(run.seed.value for run in case.evidence.runs if run.seed is not None and run.scores)
    return {
        run.seed.value: run
        for run in counted
        if run.seed is not None and times[run.seed.value] == 1 and logged[run.seed.value] == 1
    }


def _of_each(claims: ClaimSet, name: str, runs: dict[int, Run]) -> Iterator[tuple[Claim[float], Run]]:
    """Yield the first whole number of a name that is given for each seed beside the run's score, with that run."""
    told: set[int] = set()
    scores = claims.all("val_bpb", per_seed=True)
    for claim in claims.all(name, per_seed=True):
        run = runs.get(claim.seed) if claim.seed is not None else None
        if run is None or claim.seed is None or claim.seed in told or claim.decimals:
            continue
        beside = [c for c in scores if c.seed == claim.seed and _together(c, claim)]
        if any(abs(m.val_bpb - c.value) <= _SAME_SCORE for c in beside for m in run.scores):
            told.add(claim.seed)
            yield claim, run


def _together(one: Claim[float], other: Claim[float]) -> bool:
    """Return whether two claims stand in one row of a README, or in one object of submission.json."""
    holder, _, name = other.key.rpartition(".")
    if holder:
        return one.key.rpartition(".")[0] == holder
    return one.line == other.line is not None and bool(name)


def _steps(claims: ClaimSet, runs: dict[int, Run]) -> Iterator[Differing]:
    for claim, run in _of_each(claims, "steps", runs):
        taken = run.steps
        if taken is None or claim.value < _FEWEST_STEPS or claim.value != round(claim.value):
            continue
        near = abs(claim.value - taken.value) <= max(1.0, rounded(claim.value))
        if not near and not any(v.value == claim.value for name in _STEPS for v in run.numbers(name)):
            yield Differing(claim, taken)


def _sizes(case: Case, claims: ClaimSet, runs: dict[int, Run]) -> Iterator[Differing]:
    given = [(c, r, s) for c, r in _of_each(claims, "artifact_bytes", runs) if (s := r.artifact_bytes) is not None]
    same = Counter(claim.value for claim, _, _ in given)
    for claim, run, total in given:
        if claim.value < SMALLEST_ARTIFACT or total.value % 1000 == 0 or total.line is None:
            continue
        if abs(claim.value - total.value) <= rounded(claim.value) or _printed(run, claim.value):
            continue
        others = {s.value for c, _, s in given if c.value == claim.value}
        copied = same[claim.value] > 1 and len(others) > 1
        if copied or not _counted_otherwise(case, run, claim.value):
            yield Differing(claim, total)


def _printed(run: Run, value: float) -> bool:
    return any(v.value == value for name in _SIZES for v in run.numbers(name))


def _counted_otherwise(case: Case, run: Run, value: float) -> bool:
    """Return whether a size may be the run's model with its code counted in another way than its log does."""
    model, code = run.packed_model_bytes, case.evidence.sizes.code_bytes or 0
    said: Sequence[Claim[float]] = case.evidence.metadata.all("code_bytes")
    most = max([code, *(c.value for c in said), *(v.value for v in run.numbers("code_bytes"))])
    return model is None or 0 <= value - model.value <= most
