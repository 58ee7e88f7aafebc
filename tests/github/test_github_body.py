"""The body of a comment fits GitHub, whatever it has to leave out; annotations are GitHub's."""

import dataclasses

import pytest

from auditor.finding import Finding, NotFollowed, Recommendation, Step, Verdict
from auditor.github.annotations import annotate, conclusion
from auditor.github.body import compose, is_ours
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


def plain(one):
    """Write a report so that every part of it can be counted."""
    parts = [f.message + "".join(s.note for s in f.trace) for f in one.findings] + [n.what for n in one.not_followed]
    return "\n".join([one.verdict.value, *parts])


def test_what_fits_is_whole():
    body = compose([report(FLAG, NOTE)], plain)
    assert is_ours(body)
    assert body.endswith("FLAG\nIt trains on what it scores.\nA note.\n")


def test_several_submissions_are_told_apart_in_one_comment():
    body = compose([report(FLAG), report(verdict=Verdict.CLEAN)], plain)
    assert body.index("FLAG") < body.index("\n---\n") < body.index("CLEAN")


def test_notes_go_first_then_the_unfollowed_then_the_paths_then_the_lesser_findings():
    traced = dataclasses.replace(FLAG, trace=(Step("train_gpt.py", 1, "step" * 100),))
    hold = dataclasses.replace(FLAG, status="hold", message="A hold. " + "word " * 40)
    unfollowed = tuple(NotFollowed("train_gpt.py", n, f"unfollowed{n}", decisive=n == 9) for n in range(10))
    full = report(hold, NOTE, traced, not_followed=unfollowed)
    bodies = [compose([full], plain, limit) for limit in range(3000, 400, -1)]
    assert all(len(body.encode()) <= limit for body, limit in zip(bodies, range(3000, 400, -1), strict=True))
    assert "A note." in bodies[0]
    first_cut = next(body for body in bodies if "_Left out" in body)
    assert "A note." not in first_cut
    assert "unfollowed0" in first_cut
    few = next(body for body in bodies if "all but 3 of what could not be followed" in body)
    assert "unfollowed9" in few  # the verdict hangs on it
    assert "unfollowed5" not in few
    last = next(body for body in bodies if "all but 1 of the findings" in body)
    assert "It trains on what it scores." in last
    assert "A hold." not in last


@pytest.mark.parametrize("limit", [300, 1000, 3000])
def test_verdicts_alone_where_no_review_fits(limit):
    reports = [report(FLAG)] * 100
    body = compose(reports, lambda one: "x" * 10_000, limit)
    assert is_ours(body)
    assert len(body.encode()) <= limit
    assert f"and {100 - body.count('**FLAG**')} more." in body


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
