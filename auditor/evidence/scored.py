"""The runs of a submission as claims are held against them: each run once, finished, of the named seeds."""

from __future__ import annotations

from collections.abc import Sequence

from auditor.evidence.counted import ONE_EVALUATION, are_apart, identity, singled_out
from auditor.evidence.model import Evidence
from auditor.evidence.rounding import agrees
from auditor.evidence.run import Run
from auditor.evidence.series import by_label, one_config
from auditor.regex import regex

# A log's name or folder that says what it is kept for: to compare with, or as what was there before.
_ASIDE = regex(
    r"(?:^|[/_.\-])(?:reference|ref|baseline|compare|comparison|control|earlier|previous|prior|parent|superseded|archived?|old|upstream)(?=[/_.\-]|$)"
)


def distinct(evidence: Evidence) -> tuple[Run, ...]:
    """Return the runs with a score, each once though several files may tell of it, in the order of the logs."""
    kept: dict[tuple[object, ...], list[Run]] = {}
    for run in evidence.runs:
        if run.score is None:
            continue
        same = kept.setdefault(identity(run), [])
        if all(are_apart(run, other) for other in same):
            same.append(run)
    return _evaluated(tuple(run for same in kept.values() for run in same))


def _evaluated(runs: tuple[Run, ...]) -> tuple[Run, ...]:
    """Return the runs; of two without seeds, one that trains and one that only evaluates, the evaluation."""
    trained = [run for run in runs if run.trained]
    if len(runs) == 2 and len(trained) == 1 and not any(run.seed for run in runs):
        return tuple(run for run in runs if not run.trained and run.scores) or runs
    return runs


def finished(evidence: Evidence) -> tuple[Run, ...]:
    """Return the distinct runs that print a final score; those of logs that are kept for comparison only if all are."""
    runs = tuple(run for run in distinct(evidence) if run.scores)
    claim = evidence.leading()
    own = tuple(run for run in runs if not _ASIDE.search(run.path.lower()))
    aside = [run for run in runs if run not in own]
    if not own or (claim is not None and any(agrees(claim, m.val_bpb, (m,)) for run in aside for m in run.scores)):
        return runs
    return own


def seeds(runs: Sequence[Run]) -> tuple[int, ...]:
    """Return the seeds of the runs, each once, in the order of the runs."""
    return tuple(dict.fromkeys(run.seed.value for run in runs if run.seed is not None))


def told_of(runs: Sequence[Run]) -> frozenset[int]:
    """Return the seeds that the runs print or that their files are named by."""
    return frozenset({*seeds(runs), *(run.name_seed.value for run in runs if run.name_seed is not None)})


def of_named_seeds(evidence: Evidence, runs: Sequence[Run]) -> tuple[Run, ...]:
    """Return the runs whose seeds submission.json names, when it names some of the runs and all it names are there.

    Of several runs of one seed those count that print the score which it gives for the seed, where any does.
    """
    named = set(evidence.metadata.seeds)
    those = tuple(run for run in runs if run.seed is not None and run.seed.value in named)
    claimed = [run for run in those if _prints_its_claim(evidence, run)]
    those = tuple(run for run in those if run in claimed or not set(seeds([run])) & set(seeds(claimed)))
    whole = {run.seed.value for run in those if run.seed is not None} == named
    return those if those and whole and len(those) < len(runs) else ()


def _prints_its_claim(evidence: Evidence, run: Run) -> bool:
    """Tell whether a run prints a score that submission.json gives for its seed, of the evaluation that is claimed."""
    lead, claims = evidence.leading(), evidence.metadata.all("val_bpb", per_seed=True)
    near = [c for c in claims if lead is None or abs(c.value - lead.value) <= ONE_EVALUATION]
    own = [c for c in near if run.seed is not None and c.seed == run.seed.value]
    return any(agrees(claim, m.val_bpb, (m,)) for claim in own for m in run.scores)


def reported(evidence: Evidence, *, on_record: bool) -> tuple[Run, ...]:
    """Return the finished runs that the claimed score rests on, as far as that can be told: else all of them.

    In a folder of ablations that is the run that prints the claim, or the runs of the named seeds. ``on_record`` tells
    whether the submission stands on the record track, where one seed of several is not what the score rests on.
    """
    runs = finished(evidence)
    claim = evidence.leading()
    if len(runs) < 2 or claim is None:
        return runs
    singled = {id(each.run) for each in singled_out(evidence)}
    own = tuple(run for run in runs if id(run) in singled)
    if own:
        return own
    if any(agrees(claim, s.mean, s.metrics) for s in by_label(runs) if len(s.metrics) == len(runs)):
        return runs
    named = of_named_seeds(evidence, runs)
    if named:
        return named
    alone = [run for run in runs if any(agrees(claim, m.val_bpb, (m,)) for m in run.scores)]
    ablations = not on_record or not one_config(runs) or len(seeds(runs)) == 1
    return tuple(alone[:1]) if alone and ablations else runs
