"""The documented face of ``auditor``: its example runs, its types hold, and importing it costs nothing."""

import doctest
import json
import subprocess
import sys
from pathlib import Path

import pytest

import auditor

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples" / "records" / "track_10min_16mb"


def test_the_example_in_the_documentation(monkeypatch):
    monkeypatch.chdir(ROOT)
    failed, tried = doctest.testfile(str(ROOT / "docs" / "api.md"), module_relative=False)
    assert (failed, tried > 5) == (0, True)


def test_importing_it_imports_nothing_else():
    costly = "('auditor.', 'libcst', 'pandas', 'rules')"
    code = f"import sys, auditor; print([m for m in sys.modules if m.startswith({costly})])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        auditor.nothing  # noqa: B018
    assert set(auditor.__all__) >= {"audit", "audit_pull_request", "read_results"}


def test_several_submissions_are_named():
    with pytest.raises(auditor.Unread, match="record folders"):
        auditor.audit(EXAMPLES)


def test_results_as_a_frame(tmp_path):
    pytest.importorskip("pandas")
    from reports.schema import to_json

    report = auditor.audit(EXAMPLES / "2026-03-19_SP1024_PreQuantTTT")
    row = {"pr": 4, "sha": "a" * 40, "when": 1_775_000_000, "submissions": 1, "report": to_json(report)}
    rows = [{**row, "pr": 3}, {**row, "when": None}, {"pr": 9, "error": "hangs", "kind": "timeout"}, row]
    path = tmp_path / "results.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in rows), "utf-8")
    frame = auditor.read_results(path)
    assert frame.pr.tolist() == [3, 4, 9]
    assert frame.verdict.tolist() == ["FLAG", "FLAG", "ERROR"]
    assert frame.day[1].date().isoformat() == "2026-03-31"  # of two rows the last
    assert frame.rules[0] == ["prequant-ttt"]
    assert frame.artifact_bytes.isna().tolist() == [False, False, True]
    with pytest.raises(auditor.Unread, match="not a result of a sweep"):
        auditor.read_results(ROOT / "README.md")
