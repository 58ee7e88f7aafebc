"""Which printed score is the one that a submission claims."""

from __future__ import annotations

from statistics import fmean

from auditor.evidence.model import Evidence
from auditor.evidence.printed import Metric

_EXACT = 6e-5  # bits per byte: half a unit of the fourth decimal, the shortest claim seen


def submitted_lines(evidence: Evidence) -> tuple[str, ...]:
    """Return the text of the log lines that print the claimed score, under every label that does.

    A label counts when its value in one run, or its mean over the runs, equals the claim: that of submission.json
    or, where no log prints it, that of the README. A claim that is the mean of claims for each seed is printed where
    those are: among the logs may be one of another run. Empty when nothing is claimed or no log prints it.
    """
    stated = [evidence.claims().val_bpb]
    if stated[0] is not None and (title := evidence.readme.first("val_bpb")) is not None:
        stated.append(title.value)
    for claimed in stated:
        lines = _printing(evidence, claimed) if claimed is not None else ()
        if claimed is not None and not lines:
            lines = _by_seed(evidence, claimed)
        if lines:
            return lines
    return ()


def _by_seed(evidence: Evidence, claimed: float) -> tuple[str, ...]:
    """Return the lines that print what is claimed of each seed, where the claim is their mean."""
    for claims in (evidence.metadata, evidence.readme):
        kinds: dict[str, list[float]] = {}  # a field of submission.json, a column of the README's table
        for claim in claims.all("val_bpb", per_seed=True):
            kinds.setdefault(claim.key.rpartition(".")[2], []).append(claim.value)
        for each in kinds.values():
            if len(each) > 1 and abs(fmean(each) - claimed) <= 2 * _EXACT:
                return tuple(dict.fromkeys(line for value in each for line in _printing(evidence, value)))
    return ()


def _printing(evidence: Evidence, claimed: float) -> tuple[str, ...]:
    """Return the lines, one of each kind, whose values or their mean equal ``claimed``."""
    by_label: dict[str, list[Metric]] = {}
    for run in evidence.runs:
        last: dict[str, Metric] = {}
        for metric in run.metrics:
            last[_key(metric)] = metric
        for key, metric in last.items():
            by_label.setdefault(key, []).append(metric)
    out: list[str] = []
    for metrics in by_label.values():
        values = [m.val_bpb for m in metrics]
        if abs(fmean(values) - claimed) <= _EXACT or any(abs(v - claimed) <= _EXACT for v in values):
            out.append(metrics[0].text)
    return tuple(out)


def _key(metric: Metric) -> str:
    """Return what tells a kind of line from another: its words before the first number."""
    text = metric.text
    for index, char in enumerate(text):
        if char.isdigit() and (index == 0 or not (text[index - 1].isalnum() or text[index - 1] in "_+-")):
            return text[:index]
    return text
