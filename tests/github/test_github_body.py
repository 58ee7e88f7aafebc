"""A comment is known by its mark; annotations are GitHub's."""

import dataclasses

import pytest

from auditor.finding import Finding, Recommendation, Verdict
from auditor.github.annotations import annotate, conclusion
from auditor.github.body import ROOM, is_ours, marked
from auditor.report import Report

FLAG = Finding(
    "train-on-val", "compliance", "violation", "It trains on what it scores.", path="train_gpt.py", line=3, end_line=4
)
NOTE = dataclasses.replace(FLAG, rule="score-first-ttt", status="note", message="A note.")


def report(*findings, verdict=Verdict.FLAG, **more):
    return Report(
        submission="#3",
        name="2026-04-01_Name",
        track="record",
        sha="0" * 40,
        script="train_gpt.py",
        verdict=verdict,
        recommendation=Recommendation.CLOSE,
        compliance=verdict,
        evidence=Verdict.CLEAN,
        package=Verdict.CLEAN,
        findings=findings,
        folder="records/track_10min_16mb/2026-04-01_Name",
        **more,
    )


def test_a_comment_is_marked_as_ours():
    body = marked("A review.\n")
    assert is_ours(body)
    assert body.endswith("A review.\n")
    assert len(body) == len("A review.\n") + ROOM
    assert not is_ours(f"> {body}")


def test_annotations_count_from_the_repository_and_the_worst_is_first():
    packed = dataclasses.replace(FLAG, layer=1, line=900, status="hold", message="\x1b[31mA hold.")
    nowhere = dataclasses.replace(FLAG, path=None, line=None)
    levels = [each.annotation_level for each in annotate([report(NOTE, nowhere, packed, FLAG)])]
    assert levels == ["failure", "warning", "notice"]
    first = annotate([report(NOTE, nowhere, packed, FLAG)])[0]
    assert first.path == "records/track_10min_16mb/2026-04-01_Name/train_gpt.py"
    assert (first.start_line, first.end_line, first.annotation_level) == (3, 4, "failure")


def test_a_line_of_a_packed_script_is_named_not_pointed_at():
    packed = dataclasses.replace(FLAG, layer=1, line=900, end_line=901, message="\x1b[31mA flag.")
    (found,) = annotate([report(packed)])
    assert (found.start_line, found.end_line) == (1, 1)
    assert found.message == "train_gpt.py:900 (layer 1): <U+001B>[31mA flag."


def test_without_a_folder_nothing_can_be_annotated():
    assert annotate([dataclasses.replace(report(FLAG), folder=None)]) == ()


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        ([Verdict.CLEAN], "success"),
        ([Verdict.CLEAN, Verdict.HOLD], "neutral"),
        ([Verdict.UNREADABLE], "neutral"),
        ([Verdict.HOLD, Verdict.FLAG], "failure"),
    ],
)
def test_a_check_run_fails_for_a_flag(verdicts, said):
    assert conclusion([report(verdict=verdict) for verdict in verdicts]) == said
