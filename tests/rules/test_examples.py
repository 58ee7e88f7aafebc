"""Every rule's examples, through the whole audit, and what every rule must tell of itself."""

import re

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
    made = submission(
        example.code,
        example.files,
        example.name or "2026-04-01_Example",
        outside=example.outside,
        challenge=rule.challenge,
        track=example.track,
    )
    return audit(made, select=[rule.slug])


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


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.slug)
def test_every_rule_tells_what_it_is(rule: Rule) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", rule.slug)
    for text in (rule.title, rule.summary, rule.why, rule.advice, rule.counterpart):
        assert text.strip() == text
        assert text
    assert rule.authority
    for source in rule.authority:
        assert re.fullmatch(r"#\d+|README|[\w.-]+/[\w.-]+( README|#\d+)", source.ref)
        assert source.who
        assert re.fullmatch(r"202[4-6](-\d\d(-\d\d)?)?", source.when)
        assert source.said
    assert len(rule.invalid) >= 2
    assert len(rule.valid) >= 2
    titles = [example.title for example in (*rule.invalid, *rule.valid)]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.slug)
def test_a_rule_reports_under_its_own_name_and_says_what_to_do(rule: Rule) -> None:
    reports = [audited(rule, example) for example in rule.invalid[:1]]
    for finding in (finding for report in reports for finding in report.findings):
        assert (finding.rule, finding.group) == (rule.slug, rule.group)
        assert finding.advice
        assert finding.authority
        assert "\n" not in finding.message
