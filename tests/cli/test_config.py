"""Options from the auditor's configuration: where it is taken from, and what a wrong one says."""

import json

import pytest

from auditor.cli import run

SCRIPT = "import torch\nprint('trains nothing')\n"


@pytest.fixture
def office(tmp_path, monkeypatch):
    """Make the auditor's folder the current one; a submission lies elsewhere."""
    folder = tmp_path / "theirs" / "checkout" / "records" / "track_10min_16mb" / "2026-04-01_Name"
    folder.mkdir(parents=True)
    (folder / "train_gpt.py").write_text(SCRIPT, "utf-8")
    (tmp_path / "office" / "deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "office")
    return tmp_path / "office"


@pytest.fixture
def folder(office):
    return office.parent / "theirs" / "checkout" / "records" / "track_10min_16mb" / "2026-04-01_Name"


def rules_found(capsys, folder, *options):
    run(["check", str(folder), "--format", "json", *options])
    out, err = capsys.readouterr()
    return {finding["rule"] for finding in json.loads(out)["reports"][0]["findings"]}, err


def test_options_come_from_the_nearest_file_and_the_command_line_goes_before(office, folder, capsys, monkeypatch):
    (office.parent / "pyproject.toml").write_text('[tool.golf-audit]\nselect = ["too-few-seeds"]\n', "utf-8")
    assert rules_found(capsys, folder) == (set(), "")
    (office / "pyproject.toml").write_text("[tool.other]\n", "utf-8")  # says nothing to us: the one above counts
    assert rules_found(capsys, folder) == (set(), "")
    (office / "golf-audit.toml").write_text('select = ["missing-files"]\nformat = "markdown"\n', "utf-8")
    monkeypatch.chdir(office / "deep")
    assert rules_found(capsys, folder) == ({"missing-files"}, "")
    assert rules_found(capsys, folder, "--select", "too-few-seeds") == (set(), "")
    run(["check", str(folder)])
    assert capsys.readouterr().out.startswith("**HOLD**: ")
    run(["check", str(folder), "--no-config"])
    assert "  2026-04-01_Name\n  track " in capsys.readouterr().out


def test_paths_count_from_the_file(office, folder, capsys, monkeypatch):
    (office / "golf-audit.toml").write_text('baseline = "known.json"\n', "utf-8")
    run(["baseline", str(folder), "-o", "known.json"])
    monkeypatch.chdir(office / "deep")
    assert run(["check", str(folder)]) == 0
    assert ", 0 new, 0 gone" in capsys.readouterr().out


@pytest.mark.parametrize("place", ["folder", "top", "worktree"])
@pytest.mark.parametrize("name", ["golf-audit.toml", "pyproject.toml"])
def test_what_the_audited_party_could_have_written_is_never_taken(place, name, office, folder, capsys, monkeypatch):
    top = folder.parents[2]
    if place == "worktree":  # a pull request can put a file anywhere in its checkout
        top = top.parent
        (top / ".git").mkdir()
    at = folder if place == "folder" else top
    table = "[tool.golf-audit]\n" if name == "pyproject.toml" else ""
    (at / name).write_text(f'{table}ignore = ["missing-files"]\n', "utf-8")
    monkeypatch.chdir(folder)
    found, err = rules_found(capsys, folder)
    assert "missing-files" in found
    assert err.startswith(f"golf-audit: warning: {at / name} is ignored: ")
    assert err.count("\n") == 1
    # A stranger's pyproject.toml that is none of ours is passed over without a word, even when it is no TOML.
    (at / name).unlink()
    (at / "pyproject.toml").write_text("= = golf-audit", "utf-8")
    assert rules_found(capsys, folder)[1] == ""


def test_a_link_into_the_submission_is_no_way_round(office, folder, capsys):
    (folder / "theirs.toml").write_text('ignore = ["missing-files"]\n', "utf-8")
    (office / "golf-audit.toml").symlink_to(folder / "theirs.toml")
    found, err = rules_found(capsys, folder)
    assert "missing-files" in found
    assert "is ignored" in err


@pytest.mark.parametrize("option", ["--config", "--baseline", "--rulings", "--templates"])
def test_nothing_inside_the_submission_is_taken_by_name_either(option, folder, capsys):
    (folder / "file").mkdir() if option == "--templates" else (folder / "file").write_text("", "utf-8")
    assert run(["check", str(folder), option, str(folder / "file")]) == 2
    assert "what is audited doesn't configure its audit" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('selekt = ["late-edit"]', "golf-audit.toml: unknown key 'selekt'; did you mean 'select'?"),
        ("zzz = 1", "golf-audit.toml: unknown key 'zzz'; known are baseline, color, "),
        ('select = ["late-edt"]', "golf-audit.toml: select: no rule is called 'late-edt'; did you mean late-edit?"),
        ('format = "yaml"', "golf-audit.toml: format: 'yaml' is not one of "),
        ('jobs = "two"', "golf-audit.toml: jobs: expected `int`, got `str`"),
        ("select = [1]", "golf-audit.toml: select[0]: expected `str`, got `int`"),
        ("jobs = = 2", "golf-audit.toml: is not TOML: Invalid value (at line 1, column 8)"),
        ('rulings = "nowhere.toml"', "nowhere.toml: cannot be read: No such file or directory"),
        ('rulings = "a\\u0000b"', "golf-audit.toml: rulings: no path has a NUL in it"),
        ("\x00", "golf-audit.toml: is not TOML: "),
        ("a = " + "[" * 5000, "golf-audit.toml: is "),
    ],
)
def test_a_wrong_file_is_one_line(text, said, office, folder, capsys):
    (office / "golf-audit.toml").write_text(text, "utf-8")
    assert run(["check", str(folder)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"golf-audit: {office}/")
    assert said in err
    assert err.count("\n") == 1


def test_a_link_that_goes_round_is_no_defect(office, capsys):
    (office / "a").symlink_to(office / "b")
    (office / "b").symlink_to(office / "a")
    for path in ("a", "x" * 5000):
        assert run(["check", path]) == 2
        assert "internal error" not in capsys.readouterr().err


def test_a_named_file(office, folder, capsys):
    (office / "mine.toml").write_text('select = ["missing-files"]\n', "utf-8")
    assert rules_found(capsys, folder, "--config", "mine.toml") == ({"missing-files"}, "")
    (office / "pyproject.toml").write_text("[project]\n", "utf-8")
    assert run(["check", str(folder), "--config", "pyproject.toml"]) == 2
    assert capsys.readouterr().err == "golf-audit: pyproject.toml: has no table [tool.golf-audit]\n"
    assert run(["check", str(folder), "--config", "mine.toml", "--no-config"]) == 2


def test_templates_of_the_auditor(office, folder, capsys):
    (office / "mine").mkdir()
    (office / "mine" / "review.md.j2").write_text("Dear {{ report.name }}\n", "utf-8")
    assert run(["check", str(folder), "--format", "markdown", "--templates", "mine"]) == 1
    assert capsys.readouterr().out == "Dear 2026-04-01\\_Name\n"
    (office / "mine" / "review.md.j2").write_text("\n{{ verdict }}\n{% if %}", "utf-8")
    assert run(["check", str(folder), "--format", "markdown", "--templates", "mine"]) == 2
    assert capsys.readouterr().err.startswith("golf-audit: mine/review.md.j2:3: ")
