"""What a CLEAN report has looked for and not found, and what it had nothing to look at, in words."""

from __future__ import annotations

from auditor import catalogue
from auditor.finding import Verdict
from auditor.report import Report
from auditor.verdict import weigh

_NO_RUN = "no logged run to check"
_OF_LOGS = ("artifact-cap", "train-wallclock", "eval-wallclock")

# Each phrase is said only if all of its rules were applied and none of them has anything that counts.
_PHRASES: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        ("prequant-ttt", "score-after-adapt", "train-on-val", "slot-scored-region", "warmup-on-val"),
        "no optimizer step on validation tokens before their score is fixed",
    ),
    (("two-pass-rescore", "oracle-selection"), "no second pass or best-of choice"),
    (("target-in-key", "target-conditioned-gate"), "no lookup key or mixing weight that holds the scored token"),
    (("unnormalized-mixture", "byte-ppm-mixture"), "no mixture that isn't a distribution"),
    (("calibration-on-val",), "no calibration on validation data"),
    (("train-data-at-eval", "paid-prefix", "network-at-eval"), "no training data, stored answers or network at eval"),
    (("subset-scoring", "byte-accounting", "wrong-denominator"), "no partial split or other byte count"),
    (_OF_LOGS, "nothing over cap or clocks in the logs"),
)


def absent(report: Report) -> tuple[str, ...]:
    """Return what was looked for and not found, each as a phrase such as ``no second pass …``."""
    applied = set(report.applied) if report.applied is not None else {rule.slug for rule in catalogue.load()}
    found = {finding.rule for finding in report.findings if weigh(finding) is not Verdict.CLEAN}
    looked_at = [(slugs, text) for slugs, text in _PHRASES if report.runs or slugs is not _OF_LOGS]
    return tuple(text for slugs, text in looked_at if applied.issuperset(slugs) and found.isdisjoint(slugs))


def unchecked(report: Report) -> str:
    """Return in words that the evidence is CLEAN for want of any; empty where a log shows a run, or it isn't CLEAN."""
    return _NO_RUN if report.evidence is Verdict.CLEAN and not report.runs else ""
