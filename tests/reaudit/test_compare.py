"""What is gone, what remains, what is new, and what an earlier report had wrong."""

import dataclasses
import json

import pytest

from auditor.reaudit.compare import cited_hunks, compare, from_what_was_said, other_hunks, re_audit
from auditor.reaudit.earlier import read
from auditor.toml import Malformed
from reports.schema import document, to_json


def rules(pairs):
    return [pair.rule for pair in pairs]


def test_gone_remaining_and_new(before, after):
    found = compare(before, after)
    assert rules(found.gone) == ["prequant-ttt"]
    assert rules(found.remaining) == ["target-in-key"]
    assert rules(found.new) == ["too-few-seeds"]
    assert not found.same
    assert (found.remaining[0].then.line, found.remaining[0].now.line) == (6, 7)
    assert compare(before, before).same


def test_what_is_gone_is_told_with_the_line_that_changed(before, after):
    audit = re_audit(after, before)
    (gone,) = audit.compared.gone
    assert gone.now.active_because.startswith("ADAPT defaults to 0")
    ((path, hunk),) = cited_hunks(before, after, gone)
    assert path == "train_gpt.py"
    assert hunk.removed == ('ADAPT = int(os.environ.get("ADAPT", "1"))',)
    assert hunk.added == ('ADAPT = int(os.environ.get("ADAPT", "0"))',)
    assert cited_hunks(before, after, audit.compared.remaining[0]) == ()
    (other,) = other_hunks(before, after, "train_gpt.py", 0, frozenset({hunk}))
    assert other.added == ('"""Two heads."""',)


def test_of_several_alike_the_one_at_the_same_line_is_meant(before, after):
    looks = before.findings[1]
    twice = dataclasses.replace(before, findings=(looks, dataclasses.replace(looks, line=10)))
    now = dataclasses.replace(after, findings=(dataclasses.replace(looks, line=11),))
    found = compare(twice, now)
    assert [(pair.then.line, pair.now.line) for pair in found.remaining] == [(10, 11)]
    assert [pair.then.line for pair in found.gone] == [6]


def test_a_finding_that_weighs_less_remains(before, after):
    held = dataclasses.replace(before.findings[0], active=None)
    found = compare(before, dataclasses.replace(before, findings=(held,)))
    assert rules(found.remaining) == ["prequant-ttt"]
    assert rules(found.gone) == ["target-in-key"]


def test_an_earlier_report_is_corrected_on_its_own_code(before, after):
    said = dataclasses.replace(before, findings=(before.findings[0], after.findings[2]), sources={})
    audit = re_audit(after, before, said)
    assert rules(audit.corrected.gone) == ["too-few-seeds"]
    assert rules(audit.corrected.new) == ["target-in-key"]
    same_head = from_what_was_said(dataclasses.replace(before, sha="c"), dataclasses.replace(said, sha="c"))
    assert rules(same_head.corrected.gone) == ["too-few-seeds"]
    assert same_head.compared.same
    elsewhere = from_what_was_said(after, said)
    assert elsewhere.corrected is None
    assert rules(elsewhere.compared.gone) == ["prequant-ttt"]


def test_an_earlier_report_comes_back_from_its_file(before, tmp_path):
    path = tmp_path / "report.json"
    path.write_text(json.dumps(document([to_json(before)])))
    (said,) = read(path)
    assert said == dataclasses.replace(before, sources={}, folder=None)
    assert compare(said, before).same


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("{", "is no report: "),
        ('{"schema_version": 1, "reports": [{}]}', "is no report: Object missing required field `submission`"),
        ('{"schema_version": 2, "reports": []}', "is a report of version 2, not 1"),
        ("[" * 100_000, "is no report: "),
    ],
)
def test_what_is_no_report(tmp_path, text, error):
    path = tmp_path / "report.json"
    path.write_text(text)
    with pytest.raises(Malformed, match=r"report\.json: ") as caught:
        read(path)
    assert error in str(caught.value)
    assert "give the output of 'golf-audit check --format json', or a commit" in str(caught.value)


def test_a_file_too_large_to_compare_has_no_hunks(before, after):
    source = before.sources["train_gpt.py", 0]
    large = dataclasses.replace(source, text=source.text + "x" * 1_000_001)
    found = dataclasses.replace(before, sources={("train_gpt.py", 0): large})
    assert cited_hunks(found, after, compare(found, after).gone[0]) == ()
