"""What a claimed score, loss or flag has to read by the logs."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from auditor.case import Case
from auditor.evidence.claims import Claim
from auditor.evidence.printed import Metric
from auditor.evidence.rounding import unit
from auditor.evidence.run import Run
from auditor.evidence.scored import finished, of_named_seeds
from auditor.evidence.series import ONE_CONFIG, by_label, meant, one_vocabulary
from auditor.finding import Finding
from auditor.fix.change import Change, Edit, Part
from auditor.fix.claims import corrected, denied, written
from rules.claims_apart import claims_apart
from rules.run_settings import differences
from rules.scored_runs import reported

_FEWEST = 4  # decimals of a score that is written down
_FARTHEST_SEED = 0.01  # bits per byte between seeds of one configuration, generously
_SLIP = 1e-3  # bits per byte around a whole one: the first digit is missing
_PRINTED = 8  # decimals that logs print at most


def to_the_mean(case: Case, finding: Finding, metrics: Sequence[Metric]) -> Change | None:
    """Return the change of the claimed score to the mean of ``metrics``, and of the loss beside it to theirs."""
    claim = case.evidence.leading()
    if claim is None or not metrics or (claim.path, claim.line) != (finding.path, finding.line):
        return None
    behind = _behind(case, metrics)
    if _of_more_runs(case, len(metrics)) or not one_vocabulary(behind) or _of_several_settings(behind):
        return None
    decimals = min(max(m.decimals for m in metrics), max(claim.decimals, _FEWEST), _PRINTED)
    value = written(fmean(m.val_bpb for m in metrics), decimals)
    edit = corrected(case, claim, value)
    if edit is None or not _of_one_thing(claim, metrics):
        return None
    of = "the log's score" if len(metrics) == 1 else f"the mean of {len(metrics)} logs"
    title = f"Set val_bpb to {value}, {of}"
    parts: list[Part] = [edit]
    loss = _loss_beside(case, claim, metrics)
    if loss is not None:
        parts.append(loss)
        title += f", and val_loss to {loss.new}"
    return Change(title, "safe", tuple(parts))


def _behind(case: Case, metrics: Sequence[Metric]) -> list[Run]:
    """Return the runs that print the scores."""
    return [run for run in finished(case.evidence) if any(metric in run.metrics for metric in metrics)]


def _of_more_runs(case: Case, logs: int) -> bool:
    """Tell whether submission.json names more seeds than there are logs: the claim is of runs that no log shows."""
    return len(set(case.evidence.metadata.seeds)) > logs


def _of_several_settings(runs: Sequence[Run]) -> bool:
    """Tell whether runs print different settings: their mean is no configuration's."""
    return len(runs) > 1 and all(run.settings for run in runs) and any(differences(runs))


def _of_one_thing(claim: Claim[float], metrics: Sequence[Metric]) -> bool:
    """Tell whether claim and logs may be of one configuration: smoke runs and ablations lie further apart."""
    values = [m.val_bpb for m in metrics]
    apart = abs(claim.value - fmean(values))
    return max(values) - min(values) <= _FARTHEST_SEED and (apart <= ONE_CONFIG or abs(apart - 1) <= _SLIP)


def _loss_beside(case: Case, score: Claim[float], metrics: Sequence[Metric]) -> Edit | None:
    """Return the edit of the loss that is claimed with a score, where the same log lines print one each."""
    claim = case.evidence.metadata.first("val_loss")
    losses = [m.val_loss for m in metrics if m.val_loss is not None]
    if claim is None or score.path != claim.path or len(losses) < len(metrics):
        return None
    return corrected(case, claim, written(fmean(losses), min(max(claim.decimals, _FEWEST), _PRINTED)))


def main_metrics(case: Case) -> Sequence[Metric]:
    """Return the final scores that a claim is compared with: those of the named seeds, else of all finished runs."""
    runs = finished(case.evidence)
    those = of_named_seeds(case.evidence, runs)
    series = by_label(those) if those else by_label(runs)
    return meant(case.evidence.leading(), series).metrics if series else ()


def of_the_loss(case: Case, finding: Finding) -> Change | None:
    """Return the change of a claimed loss to the mean of the reported runs' losses."""
    claim = case.evidence.metadata.first("val_loss")
    runs = [run for run in reported(case) if run.val_loss is not None]
    losses = [run.val_loss or 0.0 for run in runs]
    if claim is None or not losses or (claim.path, claim.line) != (finding.path, finding.line):
        return None
    if _of_more_runs(case, len(losses)) or _of_several_settings(runs):
        return None
    value = written(fmean(losses), min(max(claim.decimals, _FEWEST), _PRINTED))
    edit = corrected(case, claim, value)
    return None if edit is None else Change(f"Set val_loss to {value}, the mean of {len(losses)} logs", "safe", (edit,))


def of_the_flag(case: Case, finding: Finding) -> Change | None:
    """Return the change of a self-declared flag to false."""
    for claim in case.evidence.metadata.declared:
        if claim.value and (claim.path, claim.line) == (finding.path, finding.line):
            edit = denied(case, claim)
            return None if edit is None else Change(f"Declare {claim.key} to be false", "safe", (edit,))
    return None


def of_the_other(case: Case, finding: Finding) -> Change | None:
    """Return the change of a score that README or title give otherwise than submission.json, to that one's."""
    claim = case.evidence.leading()
    if claim is None:
        return None
    for other, _ in claims_apart(case):
        if (other.path, other.line) == (finding.path, finding.line) and _supported(case, claim):
            value = written(claim.value, max(other.decimals, _FEWEST))
            edit = corrected(case, other, value)
            return (
                None if edit is None else Change(f"Give the score as {value}, as submission.json does", "safe", (edit,))
            )
    return None


def _supported(case: Case, claim: Claim[float]) -> bool:
    """Tell whether the logs have the claimed score as their mean, so far as the claim is written out."""
    metrics = main_metrics(case)
    return bool(metrics) and abs(fmean(m.val_bpb for m in metrics) - claim.value) <= unit(max(claim.decimals, 2))
