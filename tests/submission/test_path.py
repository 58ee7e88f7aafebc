from __future__ import annotations

from pathlib import Path

import pytest

from auditor.challenge import challenges
from auditor.submission.model import Unread
from auditor.submission.path import read_path


def record(root: Path, place: str = "records/track_10min_16mb/2026-01-01_A") -> Path:
    folder = root / place
    folder.mkdir(parents=True)
    (folder / "train_gpt.py").write_text("import helper\n")
    (folder / "helper.py").write_text("x = 1\n")
    (folder / "train_seed1.log").write_text("seed:1\n")
    (folder / "submission.json").write_text("{}")
    return folder


def test_a_record_folder(tmp_path: Path) -> None:
    folder = record(tmp_path)
    (found,) = read_path(str(folder))
    assert (found.given, found.name, found.track) == (str(folder), "2026-01-01_A", "record")
    assert (found.script, found.helpers, found.logs) == ("train_gpt.py", ("helper.py",), ("train_seed1.log",))
    assert (found.sha, found.outside, found.lone) == (None, None, False)


def test_a_folder_anywhere(tmp_path: Path) -> None:
    folder = record(tmp_path, "elsewhere/mine")
    (found,) = read_path(str(folder))
    assert (found.name, found.track, found.script) == ("mine", "unknown", "train_gpt.py")


def test_the_only_record_folder_of_a_repository(tmp_path: Path) -> None:
    record(tmp_path)
    (tmp_path / "train_gpt.py").write_text("root = 1\n")
    for given in (tmp_path, tmp_path / "records", tmp_path / "records" / "track_10min_16mb"):
        (found,) = read_path(str(given))
        assert (found.name, found.track) == ("2026-01-01_A", "record")
        assert found.tree.paths() == ("helper.py", "submission.json", "train_gpt.py", "train_seed1.log")


def test_a_downloaded_branch_has_the_challenges_own_folders_too(tmp_path: Path) -> None:
    unpacked = tmp_path / "parameter-golf-mine"
    for held in challenges().find("parameter-golf").layout.held[:2]:
        record(unpacked, f"records/{held}")
    with pytest.raises(Unread, match="2 record folders, and there is no git data"):
        read_path(str(unpacked))
    record(unpacked, "records/track_10min_16mb/2026-01-01_Mine")
    for given in (tmp_path, unpacked, unpacked / "records"):
        (found,) = read_path(str(given))
        assert found.name == "2026-01-01_Mine"
    record(unpacked, "records/my_group/2026-01-01_Another")
    with pytest.raises(Unread, match=r"2 record folders, .*; give one of .*Another, .*Mine$"):
        read_path(str(unpacked))


def test_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(record(tmp_path))
    (found,) = read_path(".")
    assert (found.name, found.track) == ("2026-01-01_A", "record")


def test_a_script_of_a_record_folder_brings_its_folder(tmp_path: Path) -> None:
    folder = record(tmp_path)
    (found,) = read_path(str(folder / "helper.py"))
    assert (found.script, found.helpers, found.logs) == ("helper.py", ("train_gpt.py",), ("train_seed1.log",))
    assert not found.lone


def test_a_lone_script(tmp_path: Path) -> None:
    (tmp_path / "try.py").write_text("import beside\n")
    (tmp_path / "beside.py").write_text("x = 1\n")
    (tmp_path / "train_seed1.log").write_text("")
    (found,) = read_path(str(tmp_path / "try.py"))
    assert (found.name, found.script, found.helpers) == ("try.py", "try.py", ("beside.py",))
    assert found.lone
    assert found.logs == ()
    assert found.track == "unknown"


def test_other_files_are_no_submission(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(Unread, match=r"give a \.py file or the folder"):
        read_path(str(tmp_path / "notes.txt"))


def test_a_wrapping_folder_gives_every_submission(tmp_path: Path) -> None:
    outer = tmp_path / "records" / "track_10min_16mb" / "2026-01-01_A"
    record(outer, "one")
    record(outer, "two")
    (outer / "README.md").write_text("# Two runs\n")
    assert [found.name for found in read_path(str(outer))] == ["one", "two"]
    assert {found.track for found in read_path(str(outer))} == {"record"}
