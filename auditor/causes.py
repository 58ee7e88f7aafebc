"""What counts against a submission, by cause: a rule, or several that meet at the same line."""

from __future__ import annotations

from auditor import catalogue
from auditor.finding import Finding, Group, Verdict
from auditor.grade import LEVELS
from auditor.report import Report
from auditor.verdict import closes, weigh

_GROUPS: tuple[Group, ...] = ("compliance", "evidence", "package")


def causes(report: Report) -> tuple[tuple[Finding, ...], ...]:
    """Return the findings that count, by cause and the worst first, each cause beginning with its weightiest.

    Findings of one rule are one cause; so are those of several rules that decide at the same line.
    """
    counted = sorted((f for f in report.findings if weigh(f) is not Verdict.CLEAN), key=_rank)
    by_rule: dict[str, list[Finding]] = {}
    for finding in counted:
        by_rule.setdefault(finding.rule, []).append(finding)
    merged: list[list[Finding]] = []
    for findings in by_rule.values():
        at = _line(findings[0])
        same = next((each for each in merged if at is not None and _line(each[0]) == at), None)
        if same is None:
            merged.append(list(findings))
        else:
            same.extend(findings)
    return tuple(tuple(each) for each in merged)


def _rank(finding: Finding) -> tuple[int, bool, int, int, int]:
    """Return what sorts findings: by what they weigh, whether they close, how much and how sure, then by group."""
    rule = catalogue.find(finding.rule)
    return (
        -weigh(finding).severity,
        rule is None or not closes(rule),
        -LEVELS.index(finding.severity),
        -LEVELS.index(finding.confidence),
        _GROUPS.index(finding.group),
    )


def _line(finding: Finding) -> tuple[str, int, int] | None:
    if finding.path is None or finding.line is None or finding.group != "compliance":
        return None
    return finding.path, finding.layer, finding.line
