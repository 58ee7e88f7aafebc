"""The changes that a report can show as they would be made: each tried on a copy first."""

from __future__ import annotations

import dataclasses

from auditor.fix.apply import apply
from auditor.fix.change import Tried, Unfixable
from auditor.fix.diff import hunks
from auditor.fix.plan import Audit, Wanted, plan, reader
from auditor.report import Report
from auditor.submission.model import Submission


def with_changes(report: Report, submission: Submission, audit: Audit) -> Report:
    """Return the report with the changes that take findings of it away, safe and unsafe; audits what they make."""
    if not any(finding.fix is not None for finding in report.findings):
        return report
    read = reader(submission)
    tried: list[Tried] = []
    for made in plan(submission, audit, Wanted(unsafe=True), rounds=1).made:
        offered = made.findings[0].fix
        try:
            files = apply(read, made.change.parts)
        except Unfixable:
            continue
        if offered is not None:
            tried.append(Tried(offered, made.change, hunks(read, files)))
    return dataclasses.replace(report, tried=tuple(tried))
