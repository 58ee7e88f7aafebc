"""Folders that try to lead the reader elsewhere, block it, or drown it."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from auditor.submission.folder import open_folder
from auditor.submission.model import Unread
from auditor.submission.names import shown
from auditor.submission.path import read_path

pytestmark = pytest.mark.skipif(os.name != "posix", reason="links, pipes and sockets of POSIX systems")


def record(root: Path, name: str = "2026-01-01_A") -> Path:
    folder = root / "records" / "track_10min_16mb" / name
    folder.mkdir(parents=True)
    (folder / "train_gpt.py").write_text("print(1)\n")
    (folder / "README.md").write_text("# A\n")
    return folder


def fails(path: object) -> str:
    with pytest.raises(Unread) as caught:
        read_path(str(path))
    line = str(caught.value)
    assert "\n" not in line
    assert "\x1b" not in line
    return line


def test_missing_path(tmp_path: Path) -> None:
    assert fails(tmp_path / "nothing").endswith("nothing: no such file or folder")
    assert "null character" in fails("a\0b")


def test_name_too_long(tmp_path: Path) -> None:
    assert "cannot be read" in fails(tmp_path / ("x" * 5000))


def test_empty_folder(tmp_path: Path) -> None:
    assert "it holds no files" in fails(tmp_path)


def test_folder_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(b"\x89PNG")
    assert "give a record folder or a script" in fails(tmp_path)


def test_folder_without_a_script_is_read_with_a_problem(tmp_path: Path) -> None:
    folder = record(tmp_path)
    (folder / "train_gpt.py").unlink()
    (found,) = read_path(str(folder))
    assert found.script is None
    assert found.readme == "README.md"
    assert "no Python file, so no train script" in found.problems


def test_folder_loop_is_not_followed(tmp_path: Path) -> None:
    folder = record(tmp_path)
    (folder / "again").symlink_to(folder, target_is_directory=True)
    (folder / "self").symlink_to("self")
    (found,) = read_path(str(folder))
    assert found.tree.paths() == ("README.md", "train_gpt.py")
    assert any(problem.startswith("again: ") for problem in found.problems)
    assert any(problem.startswith("self: ") for problem in found.problems)


def test_link_that_leaves_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.py").write_text("SECRET = 1\n")
    folder = record(tmp_path)
    (folder / "secret.py").symlink_to(tmp_path / "secret.py")
    (folder / "alias.py").symlink_to("train_gpt.py")
    (found,) = read_path(str(folder))
    assert "secret.py" not in found.tree.paths()
    assert "secret.py: a link that leaves the folder; not followed" in found.problems
    assert found.tree.read("alias.py", 100) == b"print(1)\n"


def test_a_file_exchanged_for_a_link_or_a_pipe_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("SECRET")
    folder = record(tmp_path)
    tree = open_folder(str(folder))
    (folder / "README.md").unlink()
    (folder / "README.md").symlink_to(tmp_path / "secret")
    with pytest.raises(Unread, match="cannot be read"):
        tree.read("README.md", 100)
    (folder / "train_gpt.py").unlink()
    os.mkfifo(folder / "train_gpt.py")
    with pytest.raises(Unread, match="not a plain file"):
        tree.read("train_gpt.py", 100)


def test_pipe_socket_and_device_are_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = record(tmp_path)
    os.mkfifo(folder / "train.log")
    monkeypatch.chdir(folder)  # a socket's path is limited to about 100 characters
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("helper.py")
        (found,) = read_path(str(folder))
    assert found.logs == ()
    assert found.helpers == ()
    assert "train.log: a named pipe; not opened" in found.problems
    assert "helper.py: a socket; not opened" in found.problems
    assert "neither a folder nor a plain file" in fails("/dev/null")


def test_binary_called_python_is_read_as_bytes(tmp_path: Path) -> None:
    folder = record(tmp_path)
    (folder / "train_gpt.py").unlink()
    (folder / "model.py").write_bytes(bytes(range(256)) * 100)
    (found,) = read_path(str(folder))
    assert found.script is None
    assert found.helpers == ("model.py",)


def test_large_files_are_not_read_whole(tmp_path: Path) -> None:
    folder = record(tmp_path)
    (folder / "train_gpt.py").unlink()
    for name in ("train_big.py", "dump"):
        with (folder / name).open("wb") as file:
            file.truncate(50_000_000)
    (found,) = read_path(str(folder))
    assert found.tree.size("train_big.py") == 50_000_000
    with pytest.raises(Unread, match="more than the 1,000,000 read"):
        found.tree.read("train_big.py", 1_000_000)


def test_unreadable_file_and_folder(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    folder = record(tmp_path)
    (folder / "README.md").chmod(0)
    (folder / "logs").mkdir(mode=0)
    (found,) = read_path(str(folder))
    with pytest.raises(Unread, match=r"README\.md: cannot be read"):
        found.tree.read("README.md", 100)
    assert any("logs/: folder cannot be listed" in problem for problem in found.problems)


def test_names_with_line_breaks_and_escapes_stay_on_one_line(tmp_path: Path) -> None:
    folder = record(tmp_path)
    (folder / "train_gpt.py").unlink()
    name = "evil\n\x1b[31m\u202egnp.py"
    (folder / name).write_text("loss.backward(); optimizer.step()\nval_bpb = fineweb_val; MAX_WALLCLOCK_SECONDS = 1\n")
    os.mkfifo(folder / "pipe\n\x1b[2J")
    (found,) = read_path(str(folder))
    assert found.script == name
    for problem in found.problems:
        assert problem.isprintable()
    assert "\x1b" not in fails(str(tmp_path) + "/\x1b[31mx\n")


def test_undecodable_names_are_text(tmp_path: Path) -> None:
    folder = record(tmp_path)
    try:
        Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.py")).write_text("x = 1\n")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    (found,) = read_path(str(folder))
    assert found.helpers == ("caf\\xe9.py",)
    assert found.tree.read("caf\\xe9.py", 100) == b"x = 1\n"


def test_two_record_folders_ask_for_one(tmp_path: Path) -> None:
    record(tmp_path, "2026-01-01_A")
    record(tmp_path, "2026-01-02_B")
    for path in (tmp_path, tmp_path / "records", tmp_path / "records" / "track_10min_16mb"):
        line = fails(path)
        assert "2 record folders" in line
        assert "2026-01-02_B" in line


def test_shown_is_one_printable_line() -> None:
    assert shown("a\nb\x1b\u202e\ud800\u200b") == "a\\nb\\x1b\\u202e\\ud800\\u200b"
    assert len(shown("x" * 1000)) == 200


def test_documents_made_to_be_slow_are_read_in_time(tmp_path: Path) -> None:
    folder = record(tmp_path)
    (folder / "train_gpt.py").unlink()
    (folder / "a.py").write_text("python " * 30_000)
    (folder / "README.md").write_text("python " * 30_000 + "\n" + "torchrun \\ " * 10_000 + "x" * 100_000)
    (folder / "0_notes.txt").write_bytes(b"\n" * 300_000 + b"step " * 50_000 + b"val_bpb " * 50_000)
    for number in range(600):
        (folder / f"{number}.txt").write_text("no log")
    started = time.perf_counter()
    (found,) = read_path(str(folder))
    assert time.perf_counter() - started < 5
    assert found.logs == ()
    assert "601 files could be logs by their names; 400 were looked at" in found.problems
