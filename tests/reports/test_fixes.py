"""Changes in reports: the command beside a finding, SARIF fixes, hunks, suggestions, and what there is to do."""

import dataclasses
import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from msgspec.structs import replace

from auditor.fix.change import Change, Edit, Hunk, Tried
from auditor.report import Report
from reports import fixes
from reports.markdown import render as markdown
from reports.sarif import log
from reports.schema import to_json
from reports.text import Style, render

SCHEMA = json.loads((Path(__file__).parent / "schemas" / "sarif-2.1.0.json").read_text("utf-8"))
CHANGE = Change(
    "Switch ADAPT off by default", "unsafe", (Edit("train_gpt.py", 0, 1, "1", "0"),), "The score loses what it gains."
)
HUNK = Hunk("train_gpt.py", 0, 3, ("adapt = 1",), ("adapt = 0",))


@pytest.fixture
def report(flagged: Report) -> Report:
    """Return a report whose first finding has a change that was tried."""
    first, *others = flagged.findings
    changed = (dataclasses.replace(first, fix=CHANGE), *others)
    return dataclasses.replace(flagged, findings=changed, tried=(Tried(CHANGE, CHANGE, (HUNK,)),), pr=None)


def test_the_text_names_the_command_and_what_it_does(report: Report) -> None:
    text = render(report, Style(width=200))
    assert "fixable    perhaps, with golf-audit fix --unsafe --select prequant-ttt, which keeps a change that" in text
    assert "ADAPT off" not in text  # whether that takes the finding away, nobody has tried


def test_what_is_to_be_done_begins_with_what_blocks_a_merge(report: Report) -> None:
    text = render(report, Style(width=200))
    things = text.partition("to do, what blocks a merge first\n")[2].split("\n")
    assert things[0].startswith(
        "    1. prequant-ttt at train_gpt.py:5 (layer 1): Score each chunk first. (golf-audit fix --unsafe"
    )
    assert things[1].startswith("    2. ")
    assert "to do" not in render(dataclasses.replace(report, pr=7), Style())
    assert list(fixes.to_do(dataclasses.replace(report, findings=()))) == []


def test_sarif_has_the_change_as_a_fix(report: Report) -> None:
    document = log([report])
    Draft202012Validator(SCHEMA).validate(document)
    (fix,) = document["runs"][0]["results"][0]["fixes"]
    (change,) = fix["artifactChanges"]
    (replacement,) = change["replacements"]
    assert change["artifactLocation"]["uri"].endswith("train_gpt.py")
    assert replacement["deletedRegion"] == {"startLine": 3, "startColumn": 1, "endLine": 4, "endColumn": 1}
    assert replacement["insertedContent"]["text"] == "adapt = 0\n"
    assert "unsafe" in fix["description"]["text"]
    inside = replace(HUNK, layer=1)
    packed = dataclasses.replace(report, tried=(Tried(CHANGE, CHANGE, (inside,)),))
    assert "fixes" not in log([packed])["runs"][0]["results"][0]


def test_the_json_says_what_is_offered_and_with_hunks_what_was_tried(report: Report) -> None:
    offered = to_json(dataclasses.replace(report, tried=()))["findings"][0]["fix"]
    assert offered["safety"] == "unsafe"
    assert offered["files"] == ["train_gpt.py"]
    assert "hunks" not in offered
    (hunk,) = to_json(report)["findings"][0]["fix"]["hunks"]
    assert (hunk["line"], hunk["removed"], hunk["added"]) == (3, ["adapt = 1"], ["adapt = 0"])


def test_a_comment_suggests_the_lines_and_nothing_in_them_is_markup(report: Report) -> None:
    text = markdown(report)
    assert "```suggestion\nadapt = 0\n```" in text
    odd = Hunk("README.md", 0, 1, ("a",), ("```", "b\u202e"))
    shown = markdown(dataclasses.replace(report, tried=(Tried(CHANGE, CHANGE, (odd,)),)))
    assert "````diff\n-a\n+```\n+b<U+202E>\n````" in shown
    assert "suggestion" not in shown
