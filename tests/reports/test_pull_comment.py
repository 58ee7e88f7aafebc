"""One comment on the submissions of one pull request: one verdict first, all of it within GitHub's limit."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.finding import Finding, Recommendation, Verdict
from auditor.report import Report
from reports.brief import words_shown
from reports.comment import Form
from reports.pull import comment_on, compose

FLAG = Finding("train-on-val", "compliance", "violation", "It trains on what it scores.", path="train_gpt.py", line=3)


def report(*findings, verdict=Verdict.FLAG, **more):
    return Report(
        submission="#3",
        name=more.pop("name", "2026-04-01_Name"),
        track="record",
        sha="0" * 40,
        script="train_gpt.py",
        verdict=verdict,
        recommendation=Recommendation.CLOSE if verdict is Verdict.FLAG else Recommendation.MERGE,
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


def test_one_submission_is_told_alone():
    assert compose([report(FLAG)], lambda one, room: "A review.\n") == "A review.\n"


def test_several_have_one_verdict_first_and_the_worst_of_them_open():
    reports = [report(verdict=Verdict.CLEAN, name="good"), report(FLAG, name="bad")]
    body = comment_on(reports, Form())
    assert body.startswith(
        "**FLAG**: the worst of 2 submissions.\n\n- `bad`: **FLAG**, CLOSE: train-on-val\n- `good`: **CL"
    )
    assert body.index("**Submission 1**, `bad`") < body.index("<details><summary>Submission 2, CLEAN</summary>")
    assert body.count("<details>") == body.count("</details>")
    assert words_shown(body) < 200


def test_a_line_says_its_advice_once():
    held = dataclasses.replace(report(verdict=Verdict.HOLD, name="odd"), recommendation=Recommendation.HOLD)
    assert "- `odd`: **HOLD**: " in comment_on([held, report(verdict=Verdict.CLEAN, name="good")], Form())


def test_many_keep_to_one_screen():
    """The list of the others folds, and the worst review takes what words are left."""
    long = dataclasses.replace(FLAG, message=" ".join(["word"] * 300))
    reports = [report(long, long, name=f"a name of four words {n}") for n in range(14)]
    body = comment_on(reports, Form())
    assert words_shown(body) <= 250
    assert "<summary>9 more submissions</summary>" in body
    assert body.count("<details>") == body.count("</details>")


def test_a_line_says_what_its_verdict_hangs_on():
    note = dataclasses.replace(FLAG, rule="diff-scope", group="package", status="incomplete")
    body = comment_on([report(FLAG, name="bad"), report(note, verdict=Verdict.UNREADABLE, name="odd")], Form())
    assert "- `odd`: **UNREADABLE**, MERGE: code that can't be read\n" in body


@given(st.lists(st.integers(1, 30_000), min_size=1, max_size=12), st.integers(3_000, 60_000))
def test_the_room_is_never_exceeded(lengths, limit):
    reports = [report(FLAG, title=str(length)) for length in lengths]
    body = compose(reports, lambda one, room: of_length(int(one.title))(one, room), limit)
    assert len(body) <= limit
    assert body.count("<details>") == body.count("</details>")


def test_what_does_not_fit_is_counted():
    body = compose([report(FLAG)] * 9, of_length(40_000, 8_500), 65_536)
    assert "reviews don't fit into a comment; `golf-audit check` prints them." in body
    assert len(body) <= 65_536


@pytest.mark.parametrize("limit", [400, 1000, 3000])
def test_verdicts_alone_where_no_review_fits(limit):
    body = compose([report(FLAG)] * 100, of_length(10_000, 5_000), limit)
    assert len(body) <= limit
    assert f"and {100 - body.count('**FLAG**, CLOSE')} more." in body


def test_a_template_of_the_users_is_theirs_to_mend(tmp_path):
    (tmp_path / "review.md.j2").write_text("{{ nothing }}")
    with pytest.raises(Exception, match=r"review\.md\.j2"):
        comment_on([report(FLAG), report(FLAG)], dataclasses.replace(Form(), templates=str(tmp_path)))
