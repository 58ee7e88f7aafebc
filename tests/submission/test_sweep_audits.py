from __future__ import annotations

import multiprocessing
import sys
import time
from typing import Any

import pytest
from sweep_jobs import CRASH, EXIT, FAULT, HANG, MEMORY, Misbehaving, Unstartable

from auditor.executors.local import LocalExecutor
from auditor.executors.model import ExecutorError, Limits
from auditor.sweep.audits import Job, audit_all


def run_all(prs: Any, job: Job, *, jobs: int, timeout: float, memory: int | None = None) -> Any:
    return audit_all(prs, job, LocalExecutor(job, jobs=jobs, limits=Limits(timeout, memory)))


def test_one_bad_task_never_stops_the_others() -> None:
    started = time.monotonic()
    outcomes = run_all(range(1, 13), Misbehaving(), jobs=2, timeout=2.0, memory=8 << 30)
    rows = {pr: result[0] for pr, result in outcomes}
    assert time.monotonic() - started < 60
    assert set(rows) == set(range(1, 13))
    assert rows[HANG] | {"error": ""} == {"pr": HANG, "submissions": 1, "error": "", "kind": "timeout"}
    assert "2 s" in rows[HANG]["error"]
    assert (rows[CRASH]["kind"], rows[EXIT]["kind"]) == ("crash", "crash")
    assert "SIGKILL" in rows[CRASH]["error"]
    assert "exit status 9" in rows[EXIT]["error"]
    assert rows[FAULT]["kind"] == "internal"
    assert rows[FAULT]["error"].startswith("ValueError: a defect (in __call__, sweep_jobs.py:")
    if sys.platform == "linux":
        assert rows[MEMORY]["kind"] == "memory"
    good = [pr for pr in rows if "error" not in rows[pr]]
    assert len(good) >= 7
    assert not multiprocessing.active_children()


def test_closing_the_iterator_ends_the_processes() -> None:
    outcomes = run_all([1, HANG, 2], Misbehaving(), jobs=2, timeout=600.0)
    next(outcomes)
    outcomes.close()
    assert not multiprocessing.active_children()


def test_processes_that_do_not_start_are_one_error(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ExecutorError, match="do not start"):
        list(run_all([1, 2], Unstartable(), jobs=1, timeout=5.0))
    assert "no such module" in capfd.readouterr().err
    assert not multiprocessing.active_children()


def test_nothing_to_do_starts_nothing() -> None:
    assert list(run_all([], Misbehaving(), jobs=4, timeout=1.0)) == []
