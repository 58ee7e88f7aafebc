"""The whole command, over a small repository, in processes of its own."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import click
import pytest
from sweep_repository import TOP, command, environment, repository, rows, sweep

from auditor.cli.sweep import _chosen


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return repository(tmp_path / "repo")


def test_a_sweep_and_its_continuation(tmp_path: Path, repo: Path) -> None:
    out = tmp_path / "results.jsonl"
    done = sweep(tmp_path, repo, out, "--prs", "1-2,50", "--jobs", "1")
    assert done.returncode == 0, done.stderr
    first = rows(out)
    assert [row["pr"] for row in first] == [1, 2, 50]
    assert set(first[0]) == {"pr", "sha", "when", "author", "submissions", "seconds", "cached", "report", "code"}
    assert first[0]["report"]["name"] == "2026-01-01_A"
    assert first[2]["kind"] == "unread"
    assert "errors\tunread\t1" in done.stdout
    assert "3/3 #50 unread" in done.stderr
    again = sweep(tmp_path, repo, out, "--prs", "1-3,50", "--jobs", "1")
    assert "3 of 4 were done before" in again.stderr
    assert rows(out)[:3] == first
    assert [row["pr"] for row in rows(out)] == [1, 2, 50, 3]
    afresh = tmp_path / "afresh.jsonl"
    sweep(tmp_path, repo, afresh, "--prs", "1,50", "--jobs", "1")
    assert rows(afresh)[0]["cached"] is True
    assert rows(afresh)[0]["report"] == first[0]["report"]
    assert rows(afresh)[1] == first[2]


def test_a_page_of_all_that_is_done_whatever_format_check_is_configured_for(tmp_path: Path, repo: Path) -> None:
    config = tmp_path / "golf-audit.toml"
    config.write_text('format = "markdown"\n', "utf-8")
    out = tmp_path / "results.jsonl"
    done = sweep(tmp_path, repo, out, "--prs", "1-2", "--jobs", "1", "--config", str(config))
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "sweep\tpull requests\t2"), done.stderr
    page = sweep(tmp_path, repo, out, "--prs", "1-2", "--format", "html")
    assert page.returncode == 0, page.stderr
    assert page.stdout.startswith("<!doctype html>")
    assert "sweep of 2 pull requests" in page.stdout
    assert "code of #1" not in page.stdout  # too little code to tell


@pytest.mark.skipif(os.name != "posix", reason="process groups of POSIX systems")
def test_an_interrupted_sweep_keeps_what_is_done(tmp_path: Path, repo: Path) -> None:
    out = tmp_path / "results.jsonl"
    running = subprocess.Popen(
        command(repo, out, "--jobs", "2"),
        env=environment(tmp_path) | {"GOLF_AUDIT_NO_CACHE": "1"},
        cwd=TOP,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert running.stderr is not None
    assert running.stderr.readline().startswith("1/25 #")
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does: the whole group
    _, errors = running.communicate(timeout=60)
    assert running.returncode == 130, errors
    assert "Traceback" not in errors
    assert "the same command goes on from" in errors
    kept = rows(out)
    assert 1 <= len(kept) < 25
    assert sweep(tmp_path, repo, out, "--jobs", "2").returncode == 0
    assert rows(out)[: len(kept)] == kept
    assert sorted(row["pr"] for row in rows(out)) == [*range(1, 25), 50]


def test_wrong_input_is_one_line(tmp_path: Path, repo: Path) -> None:
    for more, said in (
        (("--prs", "90-99"), "no pull request heads among 90-99"),
        (("--prs", "9-1"), "ends before it begins"),
    ):
        done = sweep(tmp_path, repo, tmp_path / "out.jsonl", *more)
        assert done.returncode == 2
        assert said in done.stderr
        assert "Traceback" not in done.stderr
    done = sweep(tmp_path, tmp_path, tmp_path / "out.jsonl")
    assert done.returncode == 2
    assert "not a git repository" in done.stderr
    done = sweep(tmp_path, repo, tmp_path / "no" / "out.jsonl")
    assert done.returncode == 2
    assert "cannot be written" in done.stderr


@pytest.mark.parametrize(
    ("text", "chosen"),
    [("5", {5}), ("2-4", {2, 3, 4}), ("8-", {8, 9}), ("-2", {1, 2}), ("1,3-4, 9", {1, 3, 4, 9})],
)
def test_ranges(text: str, chosen: set[int]) -> None:
    assert {number for number in range(1, 10) if _chosen(text, number)} == chosen


@pytest.mark.parametrize("text", ["", "-", "a", "1--2", "3-1", "1,,2", "²"])
def test_wrong_ranges(text: str) -> None:
    with pytest.raises(click.BadParameter):
        _chosen(text, 1)
