"""Every rule's examples, through the whole audit, and what every rule must tell of itself."""

import pytest
from submissions import line_of, submission

from auditor import catalogue
from auditor.check import audit
from auditor.report import Report
from auditor.rule import Example, Rule

RULES = catalogue.load()
INVALID = [
    pytest.param(rule, example, id=f"{rule.slug}: {example.title}") for rule in RULES for example in rule.invalid
]
VALID = [pytest.param(rule, example, id=f"{rule.slug}: {example.title}") for rule in RULES for example in rule.valid]


def audited(rule: Rule, example: Example) -> Report:
    return audit(submission(example.code, example.files), select=[rule.slug])


@pytest.mark.parametrize(("rule", "example"), INVALID)
def test_invalid(rule: Rule, example: Example) -> None:
    report = audited(rule, example)
    found = [(f.path, f.line) for f in report.findings if f.status == example.status and f.active is not False]
    place = line_of(example)
    assert place in found if place is not None else found, report


@pytest.mark.parametrize(("rule", "example"), VALID)
def test_valid(rule: Rule, example: Example) -> None:
    report = audited(rule, example)
    notes_only = {each.status for each in rule.invalid} == {"note"}
    wrong = [f for f in report.findings if f.status != "note" or (notes_only and f.active is not False)]
    assert not wrong
