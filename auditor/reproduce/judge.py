"""From runs and claim to a verdict: the only place that decides what outweighs what. Pure: no clock, no files.

A cap that was broken is OVER-BUDGET. What differs from the claim's own run (hardware, data, code, seeds) makes it
INCONCLUSIVE, whatever the scores are. Only then the score speaks: REPRODUCED where it is equivalent to the claim
(:mod:`auditor.reproduce.equivalence`), NOT-REPRODUCED where it is another one, or where no run finished.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from auditor.evidence.statistics import Sample, confidence_interval, describe
from auditor.reproduce import checks, conditions
from auditor.reproduce.equivalence import Equivalence, equivalence
from auditor.reproduce.model import Claim, Judgement, Measured, Plan, Verdict, cap_bytes


def judge(plan: Plan, claim: Claim | None, runs: Sequence[Measured]) -> Judgement:
    """Return what ``runs`` of ``plan`` say about ``claim`` (None: nothing is claimed)."""
    done = [run for run in runs if run.status == "done"]
    scores = [run.val_bpb for run in done if run.val_bpb is not None]
    sample = describe(scores) if scores else None
    lacking = tuple(conditions.missing(plan, claim, runs))
    tests = equivalence(scores, claim.scores) if claim is not None and not lacking else None
    p = checks.bar_p(claim, sample)
    verdict, because = _verdict(plan, claim, runs, lacking, tests)
    return Judgement(
        verdict=verdict,
        because=because,
        checks=(
            *checks.score_checks(claim, sample, tests),
            *checks.bar_check(claim, p, comparable=not lacking),
            *checks.size_checks(plan, claim, done),
            *checks.time_checks(plan, claim, done),
            *checks.other_checks(claim, done),
        ),
        missing=lacking,
        concluded=tuple(_concluded(plan, claim, done, sample)),
        sample=sample,
        interval=confidence_interval(sample) if sample is not None and sample.n > 1 else None,
        p_equivalent=tests.p if tests else None,
        p_bar=None if lacking else p,
    )


def _verdict(
    plan: Plan, claim: Claim | None, runs: Sequence[Measured], lacking: Sequence[str], tests: Equivalence | None
) -> tuple[Verdict, str]:
    done = [run for run in runs if run.status == "done"]
    over = checks.over_budget(plan, claim, done)
    if over:
        return "OVER-BUDGET", over[0] + (f" (and {len(over) - 1} more)" if len(over) > 1 else "")
    failed = [run for run in runs if run.status == "failed"]
    none = f"no run finished: {failed[0].reason}" if failed and len(failed) == len(runs) else ""
    as_claimed = claim is not None and conditions.same_hardware(plan, claim) and not plan.changes
    if none:  # on another machine than the claim's that is no verdict on it, but what is to be said first
        return "NOT-REPRODUCED" if as_claimed and not plan.stand_ins else "INCONCLUSIVE", none
    if lacking:
        return "INCONCLUSIVE", f"missing is {lacking[0]}" + (f" (and {len(lacking) - 1} more)" if lacking[1:] else "")
    if tests is None:
        return "INCONCLUSIVE", "there are not two scores to compare"
    if tests.p is None:
        apart = f"{tests.difference:+.6f} bpb from the claim"
        return "INCONCLUSIVE", f"all runs score the same, {apart}: scores without a spread are no evidence"
    if tests.same:
        return "REPRODUCED", f"the mean is within {tests.margin:.6f} bpb of the claim (p {tests.p:.4f})"
    if tests.other:
        way = "above" if tests.difference > 0 else "below"
        return "NOT-REPRODUCED", f"the mean is {abs(tests.difference):.6f} bpb {way} the claim"
    return "INCONCLUSIVE", f"the interval of the difference straddles the margin of {tests.margin:.6f} bpb: more seeds"


def _concluded(plan: Plan, claim: Claim | None, done: Sequence[Measured], sample: Sample | None) -> Iterator[str]:
    """Yield what the runs show whatever they lack."""
    if not done:
        return
    scored = sum(run.val_bpb is not None for run in done)
    yield f"the code path runs to its end: {len(done)} of {len(plan.runs)} seeds finished, {scored} with a score"
    sizes = [run.artifact_bytes for run in done if run.artifact_bytes is not None]
    if sizes and not plan.changes:
        fits = "fits" if max(sizes) <= cap_bytes() else "doesn't fit"
        yield f"the artifact {fits} the cap at this training length: {max(sizes):,} bytes at most"
    counts = {run.parameters for run in done if run.parameters is not None}
    if len(counts) == 1 and not plan.changes:
        count = counts.pop()
        if claim is None or claim.parameters is None:
            yield f"the model has {count:,} parameters"
        else:
            yield f"the model has {count:,} parameters, {'as' if count == claim.parameters else 'not as'} claimed"
    if sample is not None and sample.sd is not None:
        yield f"seeds differ by an sd of {sample.sd:.6f} bpb on this machine and data"
