"""``golf-audit smoke``: forms and exit codes, with the run replaced by a double."""

import json

import pytest

import auditor.cli.smoke as module
from auditor.cli import run
from auditor.smoke.model import STEPS, SmokeReport, Step

BROKEN = (Step("import", "FAIL", "\x1b[31mno", cause="package"), *(Step(name, "SKIP") for name in STEPS[1:]))
PASSED = SmokeReport(
    "folder", "2026-04-01_Name", "train_gpt.py", "README.md:3", tuple(Step(n, "PASS", "fine", 0.5) for n in STEPS),
    ("torch.compile",), {"parameters": 5}, "bubblewrap", 3.0,
)  # fmt: skip
FAILED = SmokeReport("folder", "bad\u202ename", "train_gpt.py", "", BROKEN)


@pytest.fixture
def outcome(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "require", lambda *_: None)
    monkeypatch.setattr("auditor.submission.read_path", lambda path: (path,))

    def be(report):
        monkeypatch.setattr("auditor.smoke.runner.smoke", lambda *_args, **_options: report)

    return be


def test_a_table_tells_steps_stand_ins_and_how_it_was_held(outcome, capsys):
    outcome(PASSED)
    assert run(["smoke", "folder"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in STEPS) and "torch.compile" in out and "sandbox (bubblewrap)" in out


def test_a_failure_exits_with_one_and_hides_nothing(outcome, capsys):
    outcome(FAILED)
    assert run(["smoke", "folder"]) == 1
    out = capsys.readouterr().out
    assert "a package is missing" in out and "<U+202E>" in out and "\x1b" not in out
    assert run(["smoke", "--exit-zero", "folder"]) == 0


def test_json_has_every_step(outcome, capsys, tmp_path):
    outcome(PASSED)
    assert run(["smoke", "--format", "json", "--output", str(tmp_path / "out"), "folder"]) == 0
    document = json.loads((tmp_path / "out").read_text())
    assert document["schema_version"] == 1
    assert [s["step"] for s in document["reports"][0]["steps"]] == list(STEPS)
    assert document["reports"][0]["facts"] == {"parameters": 5}


def test_what_can_t_be_read_is_one_line_and_two(monkeypatch, capsys):
    monkeypatch.setattr(module, "require", lambda *_: None)
    assert run(["smoke", "/no/such/folder"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_without_torch_it_says_what_to_install(capsys, monkeypatch):
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert run(["smoke", "folder"]) == 2
    assert "torch and numpy" in capsys.readouterr().err
