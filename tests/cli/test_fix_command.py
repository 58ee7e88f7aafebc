"""``golf-audit fix``: a diff that applies, files written and audited again, and what keeps it from writing."""

import os
import subprocess
from pathlib import Path

import pytest

from auditor import catalogue
from auditor.cli import run
from auditor.fix.write import Unwritten, uncommitted, write
from auditor.submission.folder import open_folder

README = "# Example\n\n```bash\nDEPTH=4 python train_depth_v3.py\n```\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a record folder whose README starts a script that isn't there."""
    rule = catalogue.find("stale-command")
    assert rule is not None
    place = tmp_path / "records" / "track_10min_16mb" / "2026-04-01_Example"
    place.mkdir(parents=True)
    for name, text in {**rule.invalid[0].files, "train_gpt.py": rule.invalid[0].code, "README.md": README}.items():
        (place / name).write_text(text)
    return place


def git(place: Path, *arguments: str) -> str:
    environment = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    return subprocess.run(
        ["git", "-C", place, *who, *arguments], check=True, capture_output=True, text=True, env=environment
    ).stdout


def fix(*arguments: object) -> int:
    return run(["fix", "--select", "stale-command", *map(str, arguments)])


def test_the_diff_applies_to_the_files(folder: Path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(folder.parent)
    assert fix(folder) == 1
    out, err = capsys.readouterr()
    assert "-DEPTH=4 python train_depth_v3.py\n+DEPTH=4 python train_gpt.py\n" in out
    assert "would fix stale-command README.md:4: Name train_gpt.py" in err
    assert (folder / "README.md").read_text() == README
    subprocess.run(["git", "apply", "-p1"], cwd=folder.parent, input=out, text=True, check=True)
    assert (folder / "README.md").read_text() == README.replace("train_depth_v3.py", "train_gpt.py")


def test_what_is_written_is_audited_and_there_is_nothing_left_to_do(folder: Path, capsys) -> None:
    (folder / "README.md").chmod(0o640)
    assert fix("--write", folder) == 0
    out, err = capsys.readouterr()
    assert "wrote  " in out
    assert "README.md" in out
    assert "before," in out
    assert "fixed stale-command README.md:4" in err
    assert (folder / "README.md").read_text() == README.replace("train_depth_v3.py", "train_gpt.py")
    assert (folder / "README.md").stat().st_mode & 0o777 == 0o640
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert fix("--write", folder) == 0
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    assert "none of the rules asked for offers a change" in capsys.readouterr().err


def test_git_has_to_be_able_to_give_back_what_was_there(folder: Path, capsys) -> None:
    top = folder.parents[2]
    git(top, "init", "-q")
    assert fix("--write", folder) == 2
    assert "git couldn't give back README.md" in capsys.readouterr().err
    git(top, "add", ".")
    git(top, "commit", "-qm", "one")
    assert uncommitted(open_folder(str(folder))) == ()
    (folder / "submission.json").write_text((folder / "submission.json").read_text() + "\n")
    assert uncommitted(open_folder(str(folder))) == ("submission.json",)
    assert fix("--write", folder) == 2
    assert "submission.json: commit first, or write with --allow-dirty" in capsys.readouterr().err
    assert fix("--write", "--allow-dirty", folder) == 0
    assert (folder / "README.md").read_text() != README


def test_a_file_that_changed_meanwhile_is_not_written_over(folder: Path) -> None:
    tree = open_folder(str(folder))
    (folder / "README.md").write_text("mine\n")
    with pytest.raises(Unwritten, match=r"README\.md: it was changed since it was read; nothing is written"):
        write(
            tree,
            {"submission.json": b"{}", "README.md": b"theirs"},
            {
                "submission.json": (folder / "submission.json").read_bytes(),
                "README.md": README.encode(),
            },
        )
    assert (folder / "README.md").read_text() == "mine\n"
    assert (folder / "submission.json").read_bytes() != b"{}"
    with pytest.raises(Unwritten, match="changed"):
        write(tree, {"README.md": b"theirs"}, {"README.md": None})
    with pytest.raises(Unwritten, match="outside"):
        write(tree, {"../x": b"theirs"}, {"../x": None})


def test_a_file_that_is_read_only_stays_as_it_is(folder: Path, capsys) -> None:
    (folder / "README.md").chmod(0o444)
    assert fix("--write", folder) == 2
    assert "README.md: it is read-only; nothing is written" in capsys.readouterr().err
    assert (folder / "README.md").read_text() == README


def test_what_is_read_from_git_can_only_be_shown(folder: Path, capsys) -> None:
    top = folder.parents[2]
    git(top, "init", "-q", "-b", "main")
    git(top, "commit", "-q", "--allow-empty", "-m", "none")
    git(top, "switch", "-qc", "mine")
    git(top, "add", ".")
    git(top, "commit", "-qm", "one")
    assert fix("--repo", top, "--rev", "mine") == 1
    out = capsys.readouterr().out
    assert "--- a/records/track_10min_16mb/2026-04-01_Example/README.md\n" in out
    assert fix("--write", "--repo", top, "--rev", "mine") == 2
    assert "--write needs a PATH" in capsys.readouterr().err


def test_unsafe_changes_are_told_and_made_on_demand(tmp_path: Path, capsys) -> None:
    rule = catalogue.find("prequant-ttt")
    assert rule is not None
    script = tmp_path / "train_gpt.py"
    script.write_text(next(e for e in rule.invalid if "guarded" in e.title).code)
    assert run(["fix", str(script)]) == 0
    assert "1 unsafe change is left out; --unsafe shows" in capsys.readouterr().err
    assert run(["fix", "--unsafe", str(script)]) == 1
    out, err = capsys.readouterr()
    assert [line for line in out.split("\n") if line[:1] in "+-" and line[:3] not in ("+++", "---")][1:2] == [
        '+epochs = int(os.environ.get("TTT_EPOCHS", 0))'
    ]
    assert "only a new run tells" in err
