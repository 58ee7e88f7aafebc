"""A Ray cluster of three nodes on this machine: nothing is lost, whichever of them ends.

On request (make cluster-test): they need the extra ``cluster`` and some minutes; GOLF_AUDIT_CLUSTER=1 asks for them.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nodes import ROOT, Nodes, cluster
from tasks import Telling

from auditor.executors.model import Limits, Resources, Unit

pytest.importorskip("ray", reason="the extra cluster is not installed")
pytestmark = [
    pytest.mark.skipif(os.environ.get("GOLF_AUDIT_CLUSTER") != "1", reason="on request: make cluster-test"),
    pytest.mark.filterwarnings("ignore"),
]

FOLDER = "records/track_10min_16mb/2026-01-01_A"
PRS = 40


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    with cluster(3, 1, "h100=1", XDG_CACHE_HOME=str(tmp_path_factory.mktemp("cache"))) as made:
        yield made


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    root = tmp_path_factory.mktemp("swept") / "repo"
    root.mkdir()

    def git(*arguments: str) -> None:
        who = ("-c", "user.name=A", "-c", "user.email=a@b", "-c", "commit.gpgSign=false")
        subprocess.run(["git", *who, *arguments], cwd=root, check=True, capture_output=True)

    git("init", "-q", "-b", "main")
    git("commit", "-q", "--allow-empty", "-m", "start")
    for number in range(1, PRS + 1):
        git("checkout", "-q", "-B", "branch", "main")
        (root / FOLDER).mkdir(parents=True)
        (root / FOLDER / "train_gpt.py").write_text(f"x = {number}\nprint('val_bpb')\n")
        (root / FOLDER / "README.md").write_text("# A\n")
        git("add", "-A")
        git("commit", "-q", "-m", "add")
        git("update-ref", f"refs/pull/{number}/head", "HEAD")
    return root


def command(repo: Path, out: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "auditor", "sweep", "--repo", str(repo), "--out", str(out), *more]


def told(out: Path) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    plain = [{key: value for key, value in row.items() if key not in {"seconds", "cached"}} for row in rows]
    return sorted(plain, key=lambda row: row["pr"])


@pytest.fixture(scope="module")
def expected(repo: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    out = tmp_path_factory.mktemp("local") / "results.jsonl"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "GOLF_AUDIT_NO_CACHE": "1"}
    subprocess.run(command(repo, out), env=environment, cwd=ROOT, check=True, capture_output=True)
    return told(out)


def started(repo: Path, out: Path, nodes: Nodes) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command(repo, out, "--cluster", nodes.address), env=environment, cwd=ROOT, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def wait_for(running: subprocess.Popen[str], done: int) -> None:
    assert running.stderr is not None
    for line in running.stderr:
        if line.startswith(f"{done}/"):
            return
    raise AssertionError("it ended before that")


def test_a_node_killed_and_the_driver_killed_and_started_again(
    repo: Path, nodes: Nodes, expected: list[dict[str, Any]], tmp_path: Path
) -> None:
    out = tmp_path / "results.jsonl"
    with started(repo, out, nodes) as running:
        wait_for(running, 10)
        nodes.kill()
        wait_for(running, 20)
        running.kill()
    assert 20 <= len(out.read_text().splitlines()) < PRS
    with started(repo, out, nodes) as running:
        _, errors = running.communicate(timeout=300)
    nodes.add()
    assert running.returncode == 0, errors
    assert told(out) == expected  # nothing twice, nothing lost


def test_a_cluster_of_this_command_beside_another_one(
    repo: Path, nodes: Nodes, expected: list[dict[str, Any]], tmp_path: Path
) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    asked = command(repo, tmp_path / "results.jsonl", "--cluster", "local:1")
    done = subprocess.run(asked, env=environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "1 of 1 nodes" in done.stderr and told(tmp_path / "results.jsonl") == expected


def test_an_interrupted_sweep_goes_on(repo: Path, nodes: Nodes, expected: list[dict[str, Any]], tmp_path: Path) -> None:
    out = tmp_path / "results.jsonl"
    with started(repo, out, nodes) as running:
        wait_for(running, 5)
        os.killpg(running.pid, signal.SIGINT)
        _, errors = running.communicate(timeout=120)
    assert running.returncode == 130, errors
    assert "Traceback" not in errors and "the same command goes on" in errors
    with started(repo, out, nodes) as running:
        running.communicate(timeout=300)
    assert told(out) == expected


def test_a_clone_that_differs_on_a_node_is_no_result(repo: Path, nodes: Nodes, tmp_path: Path) -> None:
    from auditor.executors.cluster import RayExecutor
    from auditor.sweep.audits import audit_all
    from auditor.sweep.work import RepositoryAudit

    job = RepositoryAudit(str(repo), {1: "0" * 40}, None, elsewhere=True)
    rows = dict(audit_all([1], job, RayExecutor(job, nodes.address, limits=Limits(60))))
    assert rows[1][0]["kind"] == "node" and "head of #1" in rows[1][0]["error"] and "4 times" in rows[1][0]["error"]


def test_units_on_nodes(nodes: Nodes, tmp_path: Path) -> None:
    from auditor.executors.cluster import RayExecutor

    said: list[str] = []
    executor = RayExecutor(
        Telling(str(tmp_path)), nodes.address, limits=Limits(2.0, 8 << 30), resources=Resources(custom={"h100": 1}),
        say=said.append,
    )  # fmt: skip
    payloads = [("", 0), ("kill", 1), ("sleep", 60), ("exit", 3), ("raise", "a"), ("refuse", 5), ("once", 6)]
    for number, payload in enumerate(payloads):
        executor.submit(Unit(str(number), payload))
    found = {outcome.key: outcome for outcome in executor.results()}
    executor.close()
    kinds = {key: outcome.failure.kind for key, outcome in found.items() if outcome.failure}
    assert kinds == {"1": "crash", "2": "timeout", "3": "internal", "4": "internal", "5": "node"}
    assert (found["6"].value, found["6"].attempts) == (6, 2)
    assert said[0].endswith("3 at a time") and any("tried again" in line for line in said)


def test_resources_that_no_node_has_are_one_line(nodes: Nodes) -> None:
    from auditor.executors.cluster import RayExecutor
    from auditor.executors.model import ExecutorError

    executor = RayExecutor(
        Telling(), nodes.address, limits=Limits(2.0), resources=Resources(gpus=8), patience=2.0
    )  # fmt: skip
    executor.submit(Unit("a", ("", 1)))
    with pytest.raises(ExecutorError, match="no node of the cluster has CPU 1, GPU 8"):
        list(executor.results())
    executor.close()
    with pytest.raises(ExecutorError, match="no Ray cluster answers there"):
        RayExecutor(Telling(), "127.0.0.1:1", limits=Limits(2.0))
