"""Rulings on the auditor's side: what they overrule, what they leave, and what a wrong one says."""

import datetime
import json
from pathlib import Path

import pytest

from auditor import catalogue
from auditor.cli import run
from auditor.rulings.file import read
from auditor.toml import Malformed

RULING = """# our decisions
[[ruling]]
rule = "prequant-ttt"
name = "2026-04-01_Name"
who = "a maintainer"
date = 2026-03-25
link = "https://example.org/ruling/1"
reason = "Read with the author."
expires = 2999-01-01
"""
TODAY = datetime.date(2026, 5, 1)
SLUGS = ("prequant-ttt", "too-few-seeds")


@pytest.fixture
def office(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("rulings.toml").write_text(RULING, "utf-8")
    for name in ("2026-04-01_Name", "2026-04-02_Other"):
        folder = Path("records", "track_10min_16mb", name)
        folder.mkdir(parents=True)
        (folder / "train_gpt.py").write_text(catalogue.find("prequant-ttt").invalid[0].code, "utf-8")


def checked(capsys, name="2026-04-01_Name"):
    folder = f"records/track_10min_16mb/{name}"
    run(["check", folder, "--rulings", "rulings.toml", "--format", "json", "--select", "prequant-ttt,missing-files"])
    out, err = capsys.readouterr()
    return json.loads(out)["reports"][0], err


def test_an_overruled_finding_is_cited_and_does_not_count(office, capsys):
    report, err = checked(capsys)
    assert err == ""
    assert (report["compliance"]["verdict"], report["verdict"]) == ("CLEAN", "INCOMPLETE")
    (found,) = [finding for finding in report["findings"] if "overruled" in finding]
    assert (found["rule"], found["status"]) == ("prequant-ttt", "violation")
    assert found["overruled"] == {
        "who": "a maintainer",
        "date": "2026-03-25",
        "link": "https://example.org/ruling/1",
        "reason": "Read with the author.",
        "expires": "2999-01-01",
        "path": "rulings.toml",
        "line": 2,
    }
    told = "Overruled by a maintainer on 2026-03-25 "
    for form, cited in (("text", f"\n        {told}"), ("markdown", f" {told}(<https://example.org/ruling/1>; ")):
        run(["check", "records/track_10min_16mb/2026-04-01_Name", "--rulings", "rulings.toml", "--format", form])
        assert cited in capsys.readouterr().out


def test_it_goes_for_one_submission_and_one_rule(office, capsys):
    assert checked(capsys, "2026-04-02_Other")[0]["verdict"] == "FLAG"
    for narrower in ("pr = 12", f'sha = "{"0" * 40}"', 'path = "other.py"'):
        Path("rulings.toml").write_text(RULING + narrower + "\n", "utf-8")
        assert checked(capsys)[0]["verdict"] == "FLAG"


def test_an_expired_one_is_told_and_does_not_count(office, capsys):
    Path("rulings.toml").write_text(RULING.replace("2999-01-01", "2026-03-26"), "utf-8")
    report, err = checked(capsys)
    assert report["verdict"] == "FLAG"
    assert err.startswith("golf-audit: warning: rulings.toml:2: the ruling on prequant-ttt expired on 2026-03-26; ")


def test_it_holds_up_to_the_day_that_it_gives(office):
    Path("rulings.toml").write_text(RULING.replace("2999-01-01", "2026-05-01"), "utf-8")
    assert len(read(Path("rulings.toml"), SLUGS, TODAY).in_force) == 1
    assert len(read(Path("rulings.toml"), SLUGS, TODAY + datetime.timedelta(1)).expired) == 1


@pytest.mark.parametrize("key", ["rule", "who", "date", "link", "reason", "expires"])
def test_every_field_must_be_given(key, office):
    text = "".join(line for line in RULING.splitlines(keepends=True) if not line.startswith(f"{key} ="))
    Path("rulings.toml").write_text(text, "utf-8")
    with pytest.raises(Malformed, match=rf"^rulings\.toml:2: {key} must be given$"):
        read(Path("rulings.toml"), SLUGS, TODAY)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("who =", "whom =", "rulings.toml:2: unknown key 'whom'; did you mean 'who'?"),
        ("name =", "# name =", "rulings.toml:2: pr, sha or name must say which submission the ruling is about"),
        (
            "prequant-ttt",
            "prequant-tt",
            "rulings.toml:2: no rule is called 'prequant-tt'; did you mean 'prequant-ttt'?",
        ),
        ("https://example.org/ruling/1", "a chat", "rulings.toml:2: link must be the address"),
        ('"Read with the author."', '" "', "rulings.toml:2: reason is empty"),
        ("2026-03-25", "2026-06-01", "rulings.toml:2: date 2026-06-01 is yet to come"),
        ("2999-01-01", "2026-01-01", "rulings.toml:2: expires 2026-01-01 before its date 2026-03-25"),
        ("2999-01-01", '"never"', "rulings.toml:2: expires: "),
        ("name =", 'sha = "HEAD"\nname =', "rulings.toml:2: sha must be 7 to 40"),
        ("name =", "pr = 0\nname =", "rulings.toml:2: pr: "),
        ("[[ruling]]", "[[rulings]]", "rulings.toml: unknown key 'rulings'; did you mean 'ruling'?"),
        ("[[ruling]]", "[ruling]", "rulings.toml: rulings are tables; begin each with [[ruling]]"),
        ("[[ruling]]", "[[ruling", "rulings.toml: is not TOML: "),
    ],
)
def test_a_malformed_one_is_one_line_with_its_place(old, new, said, office, capsys):
    Path("rulings.toml").write_text(RULING.replace(old, new), "utf-8")
    with pytest.raises(Malformed) as caught:
        read(Path("rulings.toml"), SLUGS, TODAY)
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


def test_the_place_of_the_second(office):
    Path("rulings.toml").write_text(RULING + "\n" + RULING.replace("who =", "# who ="), "utf-8")
    with pytest.raises(Malformed, match=r"^rulings\.toml:12: who"):
        read(Path("rulings.toml"), SLUGS, TODAY)
