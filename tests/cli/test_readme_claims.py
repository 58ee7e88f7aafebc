"""What README says of recommendations, settings in logs, errors and installs is so."""

import dataclasses
import json
import re
import shutil
from pathlib import Path

import pytest

from auditor.cli import _install, installable, run
from auditor.finding import Finding, NotFollowed, Recommendation, Verdict
from auditor.verdict import judge

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "records" / "track_10min_16mb"
README = (ROOT / "README.md").read_text("utf-8")
BAR = Finding("not-significant", "evidence", "incomplete", "It misses the bar.")


def row(verdict):
    """Return the recommendation that README's table gives for a verdict."""
    (line,) = (line for line in README.splitlines() if line.startswith(f"| {verdict} |"))
    return line.split("|")[3]


@pytest.mark.parametrize(
    ("findings", "verdict", "advice"),
    [
        ((Finding("missing-files", "package", "incomplete", "A log is missing."),), "INCOMPLETE", "REQUEST-CHANGES"),
        ((BAR,), "INCOMPLETE", "MERGE-NON-RECORD"),
        ((BAR, Finding("too-few-seeds", "evidence", "incomplete", "One.")), "INCOMPLETE", "REQUEST-CHANGES"),
        ((dataclasses.replace(BAR, status="hold"),), "HOLD", "MERGE-NON-RECORD"),
        ((Finding("slot-causal", "compliance", "hold", "Contested."),), "HOLD", "HOLD"),
    ],
)
def test_recommendations_for_incomplete_and_hold(findings, verdict, advice):
    judged = judge(findings, track="record")
    assert (judged.verdict, judged.recommendation) == (Verdict(verdict), Recommendation(advice))
    assert advice in row(verdict)


def test_a_verdict_that_hangs_on_what_was_not_followed_is_a_hold():
    judged = judge((), (NotFollowed("train_gpt.py", 3, "exec", decisive=True),), track="record")
    assert (judged.verdict, judged.recommendation) == (Verdict.HOLD, Recommendation.HOLD)


@pytest.mark.parametrize(("printed", "verdict"), [("prequant_ttt_enabled: 0\n", "HOLD"), ("", "FLAG")])
def test_what_the_log_prints_as_off_is_a_hold_and_silence_is_no_proof(printed, verdict, tmp_path, capsys):
    folder = tmp_path / "2026-03-19_Off"
    shutil.copytree(EXAMPLES / "2026-03-19_SP1024_PreQuantTTT", folder)
    (log,) = folder.glob("*.log")
    log.write_text(printed + log.read_text("utf-8"), "utf-8")
    run(["check", str(folder), "--format", "json"])
    (report,) = json.loads(capsys.readouterr().out)["reports"]
    assert report["compliance"]["verdict"] == verdict
    finding = next(f for f in report["findings"] if f["rule"] == "prequant-ttt")
    assert ("but the log prints prequant_ttt_enabled as 0" in finding["active_because"]) is bool(printed)


def test_smoke_says_what_it_needs_and_readme_does_too(monkeypatch, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda name, package=None: object() if name == "pip" else None)
    assert run(["smoke", str(EXAMPLES / "2026-03-19_SP1024_TTTOff")]) == 2
    err = capsys.readouterr().err
    assert err.startswith("golf-audit: torch and numpy are not installed; ")
    assert err.count("\n") == 1
    assert "needs the extra `reproduce`" in next(
        line for line in README.splitlines() if "golf-audit smoke PATH" in line
    )


@pytest.mark.parametrize(
    ("origin", "wanted"),
    [
        ("file:///home/me/golf-audit", "'golf-audit[table] @ file:///home/me/golf-audit'"),
        ("https://git.example/golf.git", "'golf-audit[table] @ git+https://git.example/golf.git'"),
        (None, f"{ROOT}[table]"),
    ],
)
def test_hints_install_from_where_it_came_from(origin, wanted, monkeypatch):
    monkeypatch.setattr(_install, "_origin", lambda: origin)
    assert wanted in _install.install_hint("table")
    assert "-m pip install" in _install.install_hint("table") or "uv pip install" in _install.install_hint("table")
    assert installable("x; pip install 'golf-audit[table]'") == f"x; {_install.install_hint('table')}"
    assert installable("nothing of ours") == "nothing of ours"


def test_no_page_names_an_index_that_lacks_the_package():
    for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
        assert not re.search(r"pip install ['\"]?golf-audit", page.read_text("utf-8")), page
