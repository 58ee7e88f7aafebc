"""A script on standard input, every record folder below a path, and checks of which a part was left out."""

import io
import json
import sys
from pathlib import Path

import pytest

from auditor.cli import run
from auditor.submission.below import folders_below
from auditor.submission.model import Unread

RECORDS = Path(__file__).parents[2] / "examples" / "records" / "track_10min_16mb"


def typed(monkeypatch, data):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_a_script_on_standard_input(monkeypatch, capsys):
    typed(monkeypatch, (RECORDS / "2026-03-19_SP1024_PreQuantTTT" / "train_gpt.py").read_bytes())
    assert run(["check", "-", "--format", "json"]) == 1
    (report,) = json.loads(capsys.readouterr().out)["reports"]
    assert (report["submission"], report["name"], report["verdict"]) == ("-", "stdin.py", "FLAG")
    assert report["findings"][0]["rule"] == "prequant-ttt"


def test_nothing_on_standard_input(monkeypatch, capsys):
    typed(monkeypatch, b" \n")
    assert run(["check", "-"]) == 2
    assert capsys.readouterr().err == "golf-audit: standard input: no script on it\n"


@pytest.mark.parametrize("start", [RECORDS, RECORDS.parent, RECORDS.parent.parent])
def test_every_record_folder_below_a_path(start):
    found = folders_below(str(start))
    assert [Path(folder).name for folder in found] == sorted(each.name for each in RECORDS.iterdir())


def test_a_record_folder_is_itself_all_that_there_is(tmp_path):
    one = RECORDS / "2026-03-19_SP1024_Packed"
    assert folders_below(str(one)) == (str(one),)
    (tmp_path / "mine" / "src").mkdir(parents=True)
    (tmp_path / "mine" / "submission.json").write_text("{}")
    (tmp_path / "mine" / "src" / "train_gpt.py").write_text("")
    assert folders_below(str(tmp_path)) == (str(tmp_path / "mine"),)
    (tmp_path / "empty").mkdir()
    with pytest.raises(Unread, match="no record folder at or below it"):
        folders_below(str(tmp_path / "empty"))


@pytest.mark.parametrize("option", [["--select", "prequant-ttt"], ["--ignore", "late-edit"]])
def test_a_check_of_a_part_says_so_and_recommends_no_merge(option, capsys):
    folder = str(RECORDS / "2026-03-19_SP1024_ScoreFirstTTT")
    run(["check", folder, "--format", "json"])
    (whole,) = json.loads(capsys.readouterr().out)["reports"]
    run(["check", folder, "--format", "json", *option])
    (part,) = json.loads(capsys.readouterr().out)["reports"]
    assert whole["recommendation"].startswith("MERGE")
    assert "applied" not in whole
    assert (part["verdict"], part["recommendation"]) == ("CLEAN", "HOLD")
    assert len(part["applied"]) > 0
    for form in ("text", "markdown"):
        run(["check", folder, "--format", form, *option])
        assert "rules were applied, so no merge is recommended" in " ".join(capsys.readouterr().out.split())
