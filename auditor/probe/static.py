"""What the reading of the code says of the same things, and whether it agrees with what was seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from auditor.check import audit
from auditor.probe.model import Compared, Result, Standing
from auditor.submission.model import Submission

_LEARNED = frozenset(
    {
        "prequant-ttt", "score-after-adapt", "two-pass-rescore", "train-on-val", "calibration-on-val",
        "slot-scored-region", "slot-causal", "noncausal-forward", "paid-prefix", "warmup-on-val",
        "val-tuned", "context-only-cache",
    }
)  # fmt: skip
_ANSWERED = frozenset(
    {
        "target-in-key", "target-conditioned-gate", "unnormalized-mixture", "byte-ppm-mixture", "oracle-selection",
        "paid-prefix", "lossy-tokenizer",
    }
)  # fmt: skip
_COUNTED = frozenset(
    {
        "byte-accounting", "subset-scoring", "wrong-denominator", "dropped-tail", "broken-table", "lossy-tokenizer",
        "paid-prefix", "oracle-selection", "unnormalized-mixture", "target-conditioned-gate", "target-in-key",
        "byte-ppm-mixture", "train-on-val", "prequant-ttt", "two-pass-rescore", "score-after-adapt",
    }
)  # fmt: skip
EXPLAINS: Mapping[str, frozenset[str]] = {
    "future": _LEARNED, "order": _LEARNED, "answer": _ANSWERED, "reported": _COUNTED,
}  # fmt: skip
"""The rules whose violation each experiment would show."""


def compare(submission: Submission, results: Sequence[Result]) -> Compared:
    """Audit the submission and return how its findings stand to the results."""
    report = audit(submission)
    slugs = {
        finding.rule
        for finding in report.findings
        if finding.group == "compliance"
        and finding.status == "violation"
        and finding.active is not False
        and not finding.overruled
    }
    standing = {result.experiment: _standing(result, slugs) for result in results}
    if "explained" in standing.values():
        standing = {name: "agrees" if each == "unseen" else each for name, each in standing.items()}
    return Compared(str(report.compliance), tuple(sorted(slugs)), standing)


def _standing(result: Result, slugs: set[str]) -> Standing:
    told = bool(slugs & EXPLAINS[result.experiment])
    if result.status == "FAIL":
        return "explained" if told else "unexplained"
    if result.status == "PASS":
        return "unseen" if told and result.experiment in ("future", "answer") else "agrees"
    return "open"
