"""Workflow commands: one line each, at the right line, and nothing that a submission says becomes a command."""

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from auditor.finding import Finding, Recommendation, Verdict
from auditor.report import Report
from reports.github import render


def test_the_verdict_comes_first_then_the_worst(flagged):
    first, *others = render(dataclasses.replace(flagged, folder="records/t/Name")).splitlines()
    assert first.startswith("::error title=golf-audit%3A 2026-04-01_Name::FLAG, recommendation CLOSE")
    assert [line.split(" ")[0] for line in others] == ["::error", "::warning", "::warning"]
    assert (
        "file=records/t/Name/train_gpt.py,line=1,title=FLAG%3A prequant-ttt::train_gpt.py:5 (layer 1): W" in others[0]
    )
    assert "The verdict hangs on it" in others[-1]


def test_code_that_does_not_run_is_left_out_and_lines_of_the_file_itself_are_given(flagged):
    finding = dataclasses.replace(flagged.findings[0], layer=0)
    text = render(dataclasses.replace(flagged, folder=None, findings=(finding, *flagged.findings[1:])))
    assert "file=train_gpt.py,line=5,endLine=6,title" in text
    assert "oracle-selection" not in text


@given(st.text(max_size=60) | st.sampled_from(["a\n::error::forged", "a\r\n::add-mask::x", "a,line=9::b", "%0A::x"]))
def test_text_of_a_submission_starts_no_command(text):
    finding = Finding("some-rule", "compliance", "hold", text, path=text, line=2, active_because=text, advice=text)
    hold = Verdict.HOLD
    report = Report(
        text, text, "record", None, text, hold, Recommendation.HOLD, hold, hold, hold, findings=(finding,), folder=text
    )
    first, second, end = render(report).split("\n")
    assert (first.split(" ")[0], second.split(" ")[0], end) == ("::warning", "::warning", "")
    properties, _, _ = second.removeprefix("::warning ").partition("::")
    assert [each.split("=")[0] for each in properties.split(",")] == ["file", "line", "title"]


def test_what_lies_outside_the_record_folder_is_named_from_the_root(flagged):
    outside = Finding("diff-scope", "package", "incomplete", "Too much.", "NOTES.md", at_root=True)
    text = render(dataclasses.replace(flagged, folder="records/t/Name", findings=(outside,)))
    assert "file=NOTES.md,title" in text
