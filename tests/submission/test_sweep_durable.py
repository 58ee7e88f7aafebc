"""A sweep that is killed, or runs into a full disk, at any moment: nothing is lost, and resumed it is the same."""

from __future__ import annotations

import json
import os
import random
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from sweep_repository import command, environment, repository, rows, sweep

from auditor.cache import Cache
from auditor.submission.model import Unread
from auditor.sweep.results import Results, read_rows, survey

pytestmark = pytest.mark.skipif(os.name != "posix", reason="SIGKILL, mounts")


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return repository(tmp_path_factory.mktemp("swept") / "repo")


@pytest.fixture(scope="module")
def expected(repo: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    place = tmp_path_factory.mktemp("whole")
    done = sweep(place, repo, place / "results.jsonl", "--jobs", "1")
    assert done.returncode == 0, done.stderr
    return told(place / "results.jsonl")


def told(out: Path) -> list[dict[str, Any]]:
    """What a file says, in order, without what differs from run to run."""
    plain = [{key: value for key, value in row.items() if key not in {"seconds", "cached"}} for row in rows(out)]
    return sorted(plain, key=lambda row: row["pr"])


def test_killed_at_random_moments(repo: Path, expected: list[dict[str, Any]], tmp_path: Path, moments: int) -> None:
    out = tmp_path / "results.jsonl"
    chance = random.Random(12)
    kept: list[dict[str, Any]] = []
    for _ in range(moments):
        with subprocess.Popen(
            command(repo, out, "--jobs", "2"), env=environment(tmp_path), stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True,
        ) as running:  # fmt: skip
            assert running.stderr is not None
            for _ in range(chance.randint(1, 2)):
                running.stderr.readline()
            time.sleep(chance.uniform(0.0, 0.05))
            running.kill()
        survey(out)  # no line but the last may be broken
        now = list(read_rows(out))
        assert now[: len(kept)] == kept
        kept = now
    assert sweep(tmp_path, repo, out, "--jobs", "2").returncode == 0
    assert told(out) == expected


def test_a_full_disk_at_random_moments(
    repo: Path, expected: list[dict[str, Any]], tmp_path: Path, moments: int, on_small_disk: Any
) -> None:
    chance = random.Random(12)
    whole = sum(len(json.dumps(row)) for row in expected)
    for number in range(moments):
        place = tmp_path / f"disk-{number}"
        place.mkdir()
        out = place / "results.jsonl"
        size = 4096 * chance.randint(1, max(1, whole // 4096 - 1))
        done = on_small_disk(place, size, command(repo, out, "--jobs", "1"), env=environment(tmp_path))
        lines = [line for line in done.stderr.splitlines() if line.startswith("golf-audit: ")]
        assert (done.returncode, len(lines)) == (2, 1), done.stderr
        assert "No space left on device" in lines[0]
        assert "Traceback" not in done.stderr
        held = survey(out)
        assert held.end == held.size  # nothing is half written
        assert sweep(tmp_path, repo, out, "--jobs", "1").returncode == 0
        assert told(out) == expected


def test_standard_output_that_is_full_is_one_line(repo: Path, tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command(repo, tmp_path / "results.jsonl", "--prs", "1"), env=environment(tmp_path), stdout=full,
            stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("golf-audit: nothing more can be written (No space left on device)")
    assert "Traceback" not in done.stderr


def row(pr: int, **more: Any) -> dict[str, Any]:
    return {"pr": pr, "submissions": 1, "seconds": 1.0, "cached": False} | more


def written(path: Path, *given: dict[str, Any]) -> None:
    results = Results(path, survey(path))
    for each in given:
        results.add([each])
    results.close()


@pytest.mark.parametrize("kind", ["internal", "crash"])
def test_a_fault_of_ours_is_audited_again_and_told_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "results.jsonl"
    written(path, row(1), row(2, error="x", kind=kind), row(3, error="slow", kind="timeout"), row(4))
    held = survey(path)
    assert (held.finished, held.failed) == ({1, 3, 4}, {2})
    written(path, row(2, report={}))
    assert [(each["pr"], each.get("kind")) for each in read_rows(path)] == [
        (1, None), (3, "timeout"), (4, None), (2, None),
    ]  # fmt: skip
    assert survey(path).failed == frozenset()
    assert [place.name for place in tmp_path.iterdir()] == ["results.jsonl"]


def test_one_of_several_rows_that_failed_is_a_whole_pull_request_again(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    results = Results(path, survey(path))
    results.add([row(1, submissions=2), row(1, submissions=2, error="x", kind="internal")])
    results.add([row(2)])
    results.close()
    assert (survey(path).finished, survey(path).failed) == ({2}, {1})
    written(path)
    assert [each["pr"] for each in read_rows(path)] == [2]


def test_two_sweeps_cannot_both_leave_out(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    written(path, row(1, error="x", kind="internal"), row(2))
    held = survey(path)
    first = Results(path, held)
    with pytest.raises(Unread, match="another sweep"):
        Results(path, held)
    first.close()


def test_a_cached_value_whose_bytes_turned_is_a_miss(tmp_path: Path) -> None:
    path = tmp_path / "results.sqlite"
    cache = Cache(path, "v1")
    cache.put("a", b'{"verdict": "CLEAN"}')
    cache.close()
    path.write_bytes(path.read_bytes().replace(b"CLEAN", b"CLEAM"))
    again = Cache(path, "v1")
    assert again.get("a") is None
    again.put("a", b"{}")
    assert again.get("a") == b"{}"
    again.close()
