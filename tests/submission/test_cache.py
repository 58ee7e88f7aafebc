from __future__ import annotations

import multiprocessing
import os
import sqlite3
from pathlib import Path

import pytest

from auditor.cache import Cache, open_cache, tool_version


def test_what_is_stored_is_found_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "results.sqlite"
    cache = Cache(path, "v1")
    assert cache.get("a") is None
    cache.put("a", b'{"x": 1}')
    cache.put("a", b'{"x": 2}')
    assert cache.get("a") == b'{"x": 2}'
    cache.close()
    again = Cache(path, "v1")
    assert again.get("a") == b'{"x": 2}'
    assert again.trouble == ""
    again.close()


def test_another_version_finds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "results.sqlite"
    first, second = Cache(path, "v1"), Cache(path, "v2")
    first.put("a", b"1")
    assert second.get("a") is None
    second.put("a", b"2")
    assert (first.get("a"), second.get("a")) == (b"1", b"2")
    first.close()
    second.close()


@pytest.mark.parametrize("rubbish", [b"not a database at all" * 300, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_file_is_begun_anew(tmp_path: Path, rubbish: bytes) -> None:
    path = tmp_path / "results.sqlite"
    path.write_bytes(rubbish)
    cache = Cache(path, "v1")
    assert cache.get("a") is None
    cache.put("a", b"1")
    assert cache.get("a") == b"1"
    cache.close()


def test_a_file_damaged_while_open_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "results.sqlite"
    cache = Cache(path, "v1")
    for number in range(200):
        cache.put(str(number), b"x" * 2000)
    cache.close()
    content = bytearray(path.read_bytes())
    content[4096 : len(content) // 2] = b"\xa5" * (len(content) // 2 - 4096)
    path.write_bytes(content)
    for number in range(200):
        assert cache.get(str(number)) in {None, b"x" * 2000}
    cache.put("new", b"1")
    assert cache.get("new") == b"1"
    cache.close()


def test_a_read_only_place_is_an_empty_cache(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = Cache(tmp_path / "file" / "results.sqlite", "v1")
    cache.put("a", b"1")
    assert cache.get("a") is None
    assert "cannot be made" in cache.trouble
    (tmp_path / "folder.sqlite").mkdir()
    cache = Cache(tmp_path / "folder.sqlite", "v1")
    cache.put("a", b"1")
    assert cache.get("a") is None
    assert "cannot be used" in cache.trouble


def test_a_read_only_file_is_an_empty_cache(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root writes everything")
    path = tmp_path / "results.sqlite"
    sqlite3.connect(path).close()
    path.touch()
    path.chmod(0o400)
    tmp_path.chmod(0o500)
    cache = Cache(path, "v1")
    cache.put("a", b"1")
    assert cache.trouble
    tmp_path.chmod(0o700)


def test_a_table_of_someone_elses_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "results.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE results (other TEXT)")
    connection.commit()
    connection.close()
    cache = Cache(path, "v1")
    cache.put("a", b"1")
    assert cache.get("a") is None
    assert "cannot be used" in cache.trouble


def test_the_least_recently_used_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000_000.0
    monkeypatch.setattr("auditor.cache.time.time", lambda: now)
    cache = Cache(tmp_path / "results.sqlite", "v1", max_bytes=1_000_000)
    for number in range(100):
        now += 1
        cache.put(str(number), b"x" * 20_000)
        if number > 20:
            now += 2 * 86_400
            assert cache.get("20") is not None
    assert cache.get("20") is not None
    assert cache.get("99") is not None
    assert cache.get("1") is None
    assert sum(cache.get(str(n)) is not None for n in range(100)) < 60
    cache.close()


def _write(path: Path, start: int) -> None:
    cache = Cache(path, "v1")
    for number in range(start, start + 50):
        cache.put(str(number), str(number).encode())
        cache.get(str(number - 1))
    cache.close()
    if cache.trouble:
        raise SystemExit(cache.trouble)


def test_processes_share_a_cache(tmp_path: Path) -> None:
    path = tmp_path / "results.sqlite"
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_write, args=(path, n * 50)) for n in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    cache = Cache(path, "v1")
    assert all(cache.get(str(number)) == str(number).encode() for number in range(150))
    cache.close()


def test_the_cache_can_be_turned_off(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("GOLF_AUDIT_NO_CACHE", "1")
    off = open_cache()
    off.put("a", b"1")
    assert off.get("a") is None
    assert list(tmp_path.iterdir()) == []
    monkeypatch.delenv("GOLF_AUDIT_NO_CACHE")
    assert open_cache().path is not None


def test_the_version_follows_the_tools_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("auditor", "rules", "reports"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "a.py").write_text("x = 1\n")
    monkeypatch.setattr("auditor.cache.__file__", str(tmp_path / "auditor" / "cache.py"))
    versions = set()
    for change in (None, "rules/a.py", "auditor/new.toml", "reports/a.py"):
        if change is not None:
            (tmp_path / change).write_text("x = 2\n")
        tool_version.cache_clear()
        versions.add(tool_version())
        (tmp_path / "rules" / "__pycache__").mkdir(exist_ok=True)
        (tmp_path / "rules" / "__pycache__" / "a.pyc").write_bytes(os.urandom(8))
        tool_version.cache_clear()
        assert tool_version() in versions
    tool_version.cache_clear()
    assert len(versions) == 4
