"""``golf-audit cluster``: what it is given, and exit codes."""

import dataclasses

import pytest

import auditor.check
import auditor.submission
from auditor.cli import run
from auditor.finding import Finding, Recommendation, Verdict
from auditor.report import Report
from auditor.submission.model import Unread


@pytest.fixture(autouse=True)
def double(monkeypatch):
    """Stand in for the audit: pull request 1 has the pattern, 2 has not, 3 can't be read."""

    def read_git(repo, *, pr):
        if pr == 3:
            raise Unread(f"#{pr}: not fetched")
        return (pr,)

    def audit(number, select, rulings):
        assert select == ("target-in-key",)
        found = Finding("target-in-key", "compliance", "violation", "It is.", "a.py", 3)
        calm = Report(
            "#1",
            "name",
            "record",
            "a" * 40,
            "a.py",
            Verdict.CLEAN,
            Recommendation.MERGE,
            *[Verdict.CLEAN] * 3,
            pr=number,
        )
        return dataclasses.replace(calm, verdict=Verdict.FLAG, findings=(found,)) if number == 1 else calm

    monkeypatch.setattr(auditor.submission, "read_git", read_git)
    monkeypatch.setattr(auditor.check, "audit", audit)


@pytest.mark.parametrize(
    ("numbers", "code"),
    [(["1", "2"], 1), (["2"], 0), (["1", "--exit-zero"], 0), (["1", "3"], 2), ([], 2), (["0"], 2)],
)
def test_exit_codes(numbers, code):
    assert run(["cluster", "target-in-key", *numbers, "--repo", "x"]) == code


def test_one_that_cannot_be_read_spoils_no_other(capsys, tmp_path):
    path = tmp_path / "comment.md"
    run(["cluster", "target-in-key", "3", "1", "2", "1", "--repo", "x", "--output", str(path)])
    out, err = capsys.readouterr()
    assert (out, err) == ("", "golf-audit: #3: not fetched\n")
    text = path.read_text("utf-8")
    assert text.startswith("## golf-audit: target-in-key in 1 submission\n")
    assert text.count("/pull/1)") == text.count("/pull/2)") == 1


def test_a_rule_that_there_is_not(capsys):
    assert run(["cluster", "target-in-keys", "1", "--repo", "x"]) == 2
    assert "did you mean target-in-key" in capsys.readouterr().err
