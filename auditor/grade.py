"""How much a finding matters if it is right, and how sure it is: data of its rule, with defaults by condition."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from auditor.finding import Finding, Level
from auditor.report import Report
from auditor.rule import Condition, Rule

LEVELS: tuple[Level, ...] = ("low", "medium", "high")
"""From the least to the most."""

_BY_CONDITION: Mapping[Condition, Level] = {
    "C1": "high",
    "C2": "high",
    "C3": "high",
    "C4": "high",
    "data": "high",
    "metric": "high",
    "budget": "high",
    "statistics": "medium",
    "package": "medium",
}


def severity(finding: Finding, rule: Rule) -> Level:
    """Return how much a finding matters if it is right.

    What makes the score another one, or the submission too large or too slow, is high; what more runs or files mend
    is medium. What changes no verdict is low, as is a view of the community's that no maintainer shares.
    """
    if finding.status == "note" or finding.active is False or rule.legal_reference:
        return "low"
    level = rule.severity or _BY_CONDITION[rule.condition]
    if all(source.weight == "community" for source in rule.authority):
        return _lower(level)
    return "medium" if finding.status == "incomplete" and level == "high" else level


def confidence(finding: Finding, rule: Rule) -> Level:
    """Return how sure a finding is: high where the line decides, lower where a person has to.

    A hold is medium, and so is whatever a rule in preview says; low is code of which it could not be decided whether
    it runs.
    """
    if rule.confidence is not None:
        return rule.confidence
    if finding.active is None:
        return "low"
    return "medium" if finding.status == "hold" or rule.stage == "preview" else "high"


def narrow(report: Report, least: Level, sure: Level) -> Report:
    """Return a report with those findings only that reach both levels; ``hidden`` counts the others.

    Its verdicts stay those of all findings: what isn't shown is there all the same.
    """
    kept = tuple(f for f in report.findings if reaches(f.severity, least) and reaches(f.confidence, sure))
    return dataclasses.replace(report, findings=kept, hidden=len(report.findings) - len(kept))


def reaches(level: Level, least: Level) -> bool:
    """Tell whether a level is at least another one."""
    return LEVELS.index(level) >= LEVELS.index(least)


def _lower(level: Level) -> Level:
    return LEVELS[max(0, LEVELS.index(level) - 1)]
