"""The whole way, from a folder to a verdict, on the examples."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from auditor.cli import run

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "records" / "track_10min_16mb"


def checked(capsys, *arguments):
    code = run(["check", *map(str, arguments), "--format", "json"])
    out, err = capsys.readouterr()
    assert err == ""
    return code, json.loads(out)["reports"]


@pytest.mark.parametrize(("name", "layer"), [("PreQuantTTT", 0), ("Packed", 1)])
def test_adapting_before_scoring_is_flagged(name, layer, capsys):
    folder = EXAMPLES / f"2026-03-19_SP1024_{name}"
    code, (report,) = checked(capsys, folder)
    assert code == 1
    assert (report["verdict"], report["recommendation"]) == ("FLAG", "CLOSE")
    assert report["compliance"]["verdict"] == "FLAG"
    (found,) = [f for f in report["findings"] if f["rule"] == "prequant-ttt"]
    plain = (EXAMPLES / "2026-03-19_SP1024_PreQuantTTT" / "train_gpt.py").read_text("utf-8").splitlines()
    assert plain[found["line"] - 1].strip() == "optimizer.step()"
    assert (found["status"], found["active"], found["layer"]) == ("violation", True, layer)
    assert "PREQUANT_TTT_ENABLED defaults to 1" in found["active_because"]
    assert [step["layer"] for step in found["trace"]] == [layer] * len(found["trace"])


def test_what_is_switched_off_is_a_note(capsys):
    _, (report,) = checked(capsys, EXAMPLES / "2026-03-19_SP1024_TTTOff")
    assert report["compliance"]["verdict"] == "CLEAN"
    (found,) = [f for f in report["findings"] if f["rule"] == "prequant-ttt"]
    assert (found["status"], found["active"]) == ("note", False)


def test_scoring_first_is_legal(capsys):
    _, (report,) = checked(capsys, EXAMPLES / "2026-03-19_SP1024_ScoreFirstTTT")
    assert report["compliance"]["verdict"] == "CLEAN"


def test_selecting_and_ignoring_rules(capsys):
    folder = EXAMPLES / "2026-03-19_SP1024_PreQuantTTT"
    _, (report,) = checked(capsys, folder, "--select", "prequant-ttt")
    assert {f["rule"] for f in report["findings"]} == {"prequant-ttt"}
    _, (report,) = checked(capsys, folder, "--ignore", "prequant-ttt")
    assert "prequant-ttt" not in {f["rule"] for f in report["findings"]}


def test_a_script_that_does_not_parse_is_unreadable(tmp_path, capsys):
    script = tmp_path / "train_gpt.py"
    script.write_text("def f(:\n    pass\n", "utf-8")
    assert run(["check", str(script)]) == 1
    out = capsys.readouterr().out
    assert out.startswith("UNREADABLE  ")
    assert "train_gpt.py:" in out
    assert "compliance UNREADABLE" in out


@pytest.mark.parametrize("form", ["text", "json", "markdown", "html", "sarif", "github"])
def test_checking_imports_nothing_costly(form):
    program = (
        "import sys, auditor.cli as c; "
        f"c.run(['check', {str(EXAMPLES / '2026-03-19_SP1024_PreQuantTTT')!r}, '--format', {form!r}]); "
        "costly = {'torch', 'numpy', 'pandas', 'scipy', 'libcst.matchers', 'github', 'pebble', 'ray', 'matplotlib'}; "
        "print(sorted(costly & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "[]"


def test_checking_compiles_few_patterns():
    program = (
        "import auditor.regex as r, auditor.cli as c; made = []; made_late = r.Late.__init__; "
        "r.Late.__init__ = lambda self, *given: (made.append(self), made_late(self, *given))[1]; "
        f"c.run(['check', {str(EXAMPLES / '2026-03-19_SP1024_PreQuantTTT')!r}]); "
        "print(len(made), sum('search' in vars(each) for each in made))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    made, compiled = map(int, done.stdout.splitlines()[-1].split())
    assert made > 400
    assert 50 < compiled < 0.35 * made


def test_a_path_that_is_not_there(capsys):
    assert run(["check", str(ROOT / "no-such-folder")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "no such file or folder" in err


def test_a_page_is_utf_8_whatever_the_terminal_is():
    arguments = ["check", str(EXAMPLES / "2026-03-19_SP1024_PreQuantTTT"), "--format", "html", "--exit-zero"]
    done = subprocess.run(
        [sys.executable, "-m", "auditor", *arguments],
        capture_output=True,
        check=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONIOENCODING": "latin-1"},
    )
    page = done.stdout.decode("utf-8")
    assert page.startswith("<!doctype html>")
    assert "⋯" in page  # between the parts of a file that are shown
