"""What README and submission.json give for a seed beside its score, where the log of that score prints it otherwise."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from auditor.case import Case
from auditor.evidence.claims import Claim, ClaimSet
from auditor.evidence.printed import Value
from auditor.evidence.rounding import agrees
from auditor.evidence.run import SMALLEST_ARTIFACT, Run
from auditor.evidence.scored import finished
from auditor.finding import Step
from auditor.fix.claims import document
from auditor.regex import regex
from auditor.submission.names import shown

_COUNTS_STEPS = regex(r"^[*_`\s]*(?:(?:train(?:ing)?|total|final|optimizer)[ _])?steps?[*_`\s]*$", re.IGNORECASE)
_ABOUT = regex(r"[~≈]|\babout\b|\bapprox", re.IGNORECASE)
_TOLD = 3  # decimals of a score by which a run is known
_SEVERAL = 2  # steps: a last one may be counted or not
_PACKED = 0.6  # of the code that a log counts, below which a smaller one is packed and no neighbouring version
_FEWEST_STEPS = 100  # of a training run: fewer count something else


class Differing(Struct, frozen=True):
    """What one file gives for one seed: where, the sentence about it, and the log's lines that say otherwise."""

    claim: Claim[float]
    message: str
    trace: tuple[Step, ...]


class _Figure(Struct, frozen=True):
    """One figure of a seed: the claim and what it counts, what the log prints, and what that counts."""

    claim: Claim[float]
    given: str
    printed: Value[int]
    logged: str


def differing(case: Case) -> Iterator[Differing]:
    """Yield a sentence for each file whose steps or bytes of a seed aren't those of the run that prints its score.

    Of several such seeds the first is told. A seed whose score no run prints, or several do, says nothing.
    """
    for claims in (case.evidence.metadata, case.evidence.readme):
        found = [one for seed in claims.seeds if (one := _of_seed(case, claims, seed)) is not None]
        if not found:
            continue
        first, others = found[0], len(found) - 1
        more = f" {others} more seed{'s differ from their logs' if others > 1 else ' differs from its log'}, too."
        yield Differing(first.claim, first.message + (more if others else ""), first.trace)


def _of_seed(case: Case, claims: ClaimSet, seed: int) -> Differing | None:
    own = [c for c in claims.numbers if c.seed == seed]
    scores = [c for c in own if c.name == "val_bpb" and c.decimals >= _TOLD]
    runs = [
        run
        for run in finished(case.evidence)
        if run.seed is not None
        and run.seed.value == seed
        and any(agrees(claim, m.val_bpb, (m,)) for claim in scores for m in run.scores)
    ]
    if len(runs) != 1:
        return None
    (run,) = runs
    # What a file gives twice is of several evaluations, or of several configurations.
    once = [c for c in own if all(c.value == other.value for other in own if other.name == c.name)]
    figures = [figure for c in once if (figure := _steps(case, c, run) or _bytes(case, c, run)) is not None]
    if not figures:
        return None
    said = " and ".join(dict.fromkeys(f"{each.claim.value:,.0f} {each.given}" for each in figures))
    logged = [f"{each.printed.value:,}{each.logged}" for each in figures]
    printed = " and ".join(dict.fromkeys(logged))
    file = shown(claims.path or "", 60)
    return Differing(
        figures[0].claim,
        f"{file} gives seed {seed} {said}; the log that prints its score has {printed}.",
        tuple(
            Step(each.printed.path, each.printed.line, words)
            for each, words in zip(figures, logged, strict=True)
            if each.printed.line is not None
        ),
    )


def _steps(case: Case, claim: Claim[float], run: Run) -> _Figure | None:
    took = run.steps if run.last("stop_step") is not None else None
    if claim.name != "steps" or claim.decimals or took is None or claim.value < _FEWEST_STEPS:
        return None
    if not _COUNTS_STEPS.match(claim.key.rpartition(".")[2]):
        return None
    printed = {v.value for name in ("stop_step", "step", "trained_steps", "steps_done") for v in run.numbers(name)}
    if min(abs(claim.value - value) for value in (took.value, *printed)) < _SEVERAL or _is_rounded(case, claim, 10):
        return None
    return _Figure(claim, "steps", took, " steps")


def _bytes(case: Case, claim: Claim[float], run: Run) -> _Figure | None:
    total = run.artifact_bytes
    if claim.name != "artifact_bytes" or claim.decimals or total is None or claim.value < SMALLEST_ARTIFACT:
        return None
    if _is_rounded(case, claim, 100) or total.value % 100 == 0:
        return None
    models = {v.value for v in run.numbers("model_bytes")}
    counted = {v.value for name in ("code_bytes", "code_bytes_packed") for v in run.numbers(name)}
    if total.value not in {model + code for model in models for code in counted}:
        return None  # of several totals it may be another's
    if claim.value in models and claim.value < total.value:
        return _Figure(claim, "bytes, which the log prints for the model alone", total, " in all")
    sizes = case.evidence.sizes
    script = () if sizes.code_bytes is None else (sizes.code_bytes, sizes.code_bytes + sizes.helper_bytes)
    known = {v.value for v in run.numbers("total_bytes")}
    known |= {model + code for model in models for code in (0, *counted, *script)}
    code = max(counted, default=0)
    if claim.value in known or any(0 < claim.value - model < _PACKED * code for model in models):
        return None  # the last: with code that was packed afterwards
    return _Figure(claim, "bytes", total, " bytes")


def _is_rounded(case: Case, claim: Claim[float], unit: int) -> bool:
    """Tell whether a figure is no exact one: round, or called about so much in its line."""
    if claim.value % unit == 0:
        return True
    source = document(case, claim.path) if claim.line is not None else None
    return source is None or claim.line is None or _ABOUT.search(source.line_text(claim.line)) is not None
