"""SARIF: valid under the standard's own schema, the path of the data as a code flow, nothing active in it."""

import dataclasses
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from auditor.finding import Finding, NotFollowed, Overruled, Recommendation, Step, Verdict
from auditor.report import Report
from reports.sarif import log, render

SCHEMA = json.loads((Path(__file__).parent / "schemas" / "sarif-2.1.0.json").read_text("utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER)


@pytest.fixture
def run(flagged):
    document = json.loads(render([dataclasses.replace(flagged, folder="records/t/Näme")]))
    VALIDATOR.validate(document)
    return document["runs"][0]


def test_a_violation_of_an_unpacked_layer_points_at_the_file_and_names_its_line(run):
    result = run["results"][0]
    assert (result["ruleId"], result["level"]) == ("prequant-ttt", "error")
    location = result["locations"][0]
    assert location["physicalLocation"]["artifactLocation"]["uri"] == "records/t/N%C3%A4me/train_gpt.py"
    assert location["physicalLocation"]["region"] == {"startLine": 1}
    assert location["logicalLocations"][0]["fullyQualifiedName"] == "train_gpt.py:5 (layer 1)"
    assert "5 (layer 1)" in result["message"]["text"]


def test_the_path_of_the_data_is_a_code_flow_that_ends_at_the_decisive_line(run):
    (flow,) = run["results"][0]["codeFlows"]
    steps = flow["threadFlows"][0]["locations"]
    assert [step["location"]["message"]["text"] for step in steps][:2] == ["val_tokens passed in", "batched"]
    last = steps[-1]["location"]["logicalLocations"][0]["fullyQualifiedName"]
    assert (last, len(steps)) == ("train_gpt.py:5 (layer 1)", 3)


def test_levels_rules_commit_and_what_was_not_followed(run):
    assert [result["level"] for result in run["results"]] == ["error", "warning", "note"]
    rules = run["tool"]["driver"]["rules"]
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])
    assert run["versionControlProvenance"][0]["revisionId"] == "0123456789abcdef0123456789abcdef01234567"
    (notification,) = run["invocations"][0]["toolExecutionNotifications"]
    assert notification["level"] == "warning"
    assert run["properties"]["verdict"] == "FLAG"


def test_a_line_of_the_file_itself_has_its_region_and_text(flagged):
    source = flagged.sources["train_gpt.py", 1]
    finding = dataclasses.replace(flagged.findings[0], layer=0)
    report = dataclasses.replace(flagged, findings=(finding,), sources={("train_gpt.py", 0): source})
    region = log([report])["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]
    assert region == {"startLine": 5, "endLine": 6, "snippet": {"text": "loss.backward()"}}


def test_overruled_and_known_findings_say_so(flagged):
    ruling = Overruled(
        "mara", "2026-05-01", "https://example.org/1", "read the switch", "2026-11-01", "rulings.toml", 3
    )
    finding = dataclasses.replace(flagged.findings[0], overruled=ruling, known=True)
    document = log([dataclasses.replace(flagged, findings=(finding,))])
    VALIDATOR.validate(document)
    result = document["runs"][0]["results"][0]
    assert result["baselineState"] == "unchanged"
    assert result["suppressions"][0]["justification"].startswith("mara, 2026-05-01")
    assert result["level"] == "note"


def test_fingerprints_survive_lines_that_move(flagged):
    def fingerprint(report):
        return log([report])["runs"][0]["results"][0]["partialFingerprints"]["golfAudit/v1"]

    source = dataclasses.replace(
        flagged.sources["train_gpt.py", 1], text="# new\n" + flagged.sources["train_gpt.py", 1].text
    )
    moved = dataclasses.replace(flagged.findings[0], line=6, end_line=7)
    later = dataclasses.replace(flagged, findings=(moved,), sources={("train_gpt.py", 1): source})
    assert fingerprint(later) == fingerprint(flagged)


HOSTILE = st.text(st.characters(codec=None), max_size=40) | st.sampled_from(
    ["[a](javascript:alert(1))", "{0} {{1}}", "\x1b]8;;x\x07", "a\u202eb", "::error::x", "../..//%2e", "\ud800"]
)


@given(HOSTILE, HOSTILE, HOSTILE)
def test_whatever_a_submission_says_the_log_is_valid(text, path, rule):
    finding = Finding(
        rule or "r", "compliance", "violation", text, path=path, line=3, active_because=text, advice=text,
        trace=(Step(path, 1, text),),
    )  # fmt: skip
    verdict = Verdict.FLAG
    report = Report(
        text, text, "record", None, path, verdict, Recommendation.CLOSE, verdict, verdict, verdict,
        findings=(finding,), not_followed=(NotFollowed(path, None, text),), folder=path,
    )  # fmt: skip
    document = json.loads(render([report]))
    VALIDATOR.validate(document)
    message = document["runs"][0]["results"][0]["message"]["text"]
    assert "\x1b" not in message
    assert "\u202e" not in message
    assert "](" not in message.replace("\\]", "")


def test_what_lies_outside_the_record_folder_is_named_from_the_root(flagged):
    outside = Finding("diff-scope", "package", "incomplete", "Too much.", "NOTES.md", at_root=True)
    log = json.loads(render([dataclasses.replace(flagged, folder="records/t/Name", findings=(outside,))]))
    (result,) = log["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "NOTES.md"
