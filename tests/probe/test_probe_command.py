"""``golf-audit probe``: forms, exit codes and words, with the runs replaced by a double."""

import dataclasses
import json

import pytest

import auditor.cli.probe as module
from auditor.cli import run
from auditor.probe.model import Compared, ProbeReport, Result, Seen

FUTURE = Result("future", "FAIL", "token 5 is given 1 and 2", "\x1b[31mtrain.py:7", Seen(5, 1.0, 2.0), tokens=40)
PASSED = Result("answer", "PASS", "sums to 0.9", "train.py:7", total=0.9, bits=-3.0, tokens=900)
REPORT = ProbeReport(
    "folder", "bad\u202ename", "train_gpt.py", "README.md:3", (FUTURE, PASSED), 7, ("ITERATIONS=4",), 3, 9.5, 1 << 30,
    "bubblewrap", ("torch.compile",), "val_bpb:1.2",
    Compared("CLEAN", (), {"future": "unexplained", "answer": "agrees"}),
)  # fmt: skip
KNOWN = dataclasses.replace(
    REPORT, compared=Compared("FLAG", ("prequant-ttt",), {"future": "explained", "answer": "agrees"})
)
HIDDEN = dataclasses.replace(
    REPORT, results=(PASSED,), compared=Compared("FLAG", ("target-in-key",), {"answer": "unseen"})
)


@pytest.fixture
def outcome(monkeypatch):
    pytest.importorskip("numpy")
    monkeypatch.setattr(module, "require", lambda *_: None)
    monkeypatch.setattr("auditor.submission.read_path", lambda path: (path,))
    asked = {}

    def be(report):
        def double(_submission, **options):
            asked.update(options)
            return report

        monkeypatch.setattr("auditor.probe.probe.probe", double)
        return asked

    return be


def test_a_failure_that_nothing_explains_is_a_hold(outcome, capsys):
    outcome(REPORT)
    assert run(["probe", "folder"]) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert "HOLD: behaves as if it knew the tokens that follow" in out and "no finding of check explains" in out
    assert "<U+202E>" in out and "\x1b[31mtrain" not in out and "ITERATIONS=4" in out
    assert run(["probe", "--exit-zero", "folder"]) == 0


def test_agreement_and_what_does_not_show_are_said(outcome, capsys):
    outcome(KNOWN)
    assert run(["probe", "folder"]) == 1
    assert "as check finds: prequant-ttt" in " ".join(capsys.readouterr().out.split())
    outcome(HIDDEN)
    assert run(["probe", "folder"]) == 0
    assert "check finds target-in-key, which did not show" in " ".join(capsys.readouterr().out.split())


def test_json_markdown_and_html_hold_the_same_and_hide_nothing(outcome, tmp_path, capsys):
    asked = outcome(REPORT)
    assert run(["probe", "--experiments", "future,answer", "--seed", "7", "--format", "json", "folder"]) == 1
    (entry,) = json.loads(capsys.readouterr().out)["reports"]
    assert asked["experiments"] == ("future", "answer") and asked["seed"] == 7
    assert (
        entry["hold"] and entry["experiments"][0]["before"] == 1.0 and entry["check"]["standing"]["answer"] == "agrees"
    )
    assert run(["probe", "--format", "markdown", "folder"]) == 1
    text = capsys.readouterr().out
    assert text.startswith("**Probe of bad") and "future FAIL, answer PASS; HOLD" in text and "\x1b" not in text
    page = tmp_path / "page.html"
    assert run(["probe", "--format", "html", "--output", str(page), "folder"]) == 1
    html = page.read_text()
    assert "behaves as if it knew" in html and "\u202e" not in html and "Content-Security-Policy" in html


def test_an_unknown_experiment_and_a_missing_folder_are_one_line(monkeypatch, capsys):
    pytest.importorskip("numpy")
    monkeypatch.setattr(module, "require", lambda *_: None)
    assert run(["probe", "--experiments", "luck", "x"]) == 2
    assert "there are future, order, answer, reported" in capsys.readouterr().err
    assert run(["probe", "/no/such/folder"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_experiments_are_those_that_the_room_makes():
    from auditor.probe.model import EXPERIMENTS, RULES
    from auditor.probe.static import EXPLAINS

    assert module._EXPERIMENTS == EXPERIMENTS == tuple(RULES) == tuple(EXPLAINS)
