"""The body of a comment fits GitHub, whatever it has to leave out; annotations are GitHub's."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.finding import Finding, Recommendation, Verdict
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


def of_length(length, least=0):
    """Return a writer of reviews that have ``length`` characters where there is room, and at least ``least``."""
    return lambda report, room: None if room < least else "x" * (min(length, room) - 1) + "\n"


def test_what_fits_is_whole_and_marked():
    body = compose([report(FLAG)], lambda one, room: "A review.\n")
    assert is_ours(body)
    assert body.endswith("A review.\n")
    assert not is_ours(f"> {body}")


def test_several_submissions_are_told_apart_in_one_comment():
    body = compose([report(FLAG), report(verdict=Verdict.CLEAN)], lambda one, room: f"{one.verdict.value}\n")
    assert body.index("FLAG") < body.index("\n---\n") < body.index("CLEAN")


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=12), st.integers(300, 6000))
def test_the_room_is_used_and_never_exceeded(lengths, limit):
    reports = [report(FLAG, title=str(length)) for length in lengths]
    body = compose(reports, lambda one, room: of_length(int(one.title))(one, room), limit)
    assert len(body) <= limit
    kept = [len(part) for part in body.partition("-->\n")[2].split("\n---\n\n")]
    longest = max(kept)
    for length, there in zip(lengths, kept, strict=True):
        assert there == length or there >= longest - 1  # only the longest tell less
    if longest < max(lengths):
        assert len(body) > limit - 2 * len(lengths) - 6


def test_a_review_that_does_not_fit_its_share_is_a_line():
    reports = [report(FLAG, title="long")] * 3 + [report(verdict=Verdict.CLEAN)]
    body = compose(reports, lambda one, room: of_length(2000, 1500)(one, room) if one.title else "Short.\n", 3000)
    assert body.count("**FLAG**, CLOSE") == 3
    assert "Short." in body


@pytest.mark.parametrize("limit", [300, 1000, 3000])
def test_verdicts_alone_where_no_review_fits(limit):
    reports = [report(FLAG)] * 100
    body = compose(reports, of_length(10_000, 5_000), limit)
    assert is_ours(body)
    assert len(body) <= limit
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
