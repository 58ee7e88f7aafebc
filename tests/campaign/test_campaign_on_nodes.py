"""Six submissions, two seeds of each, on two nodes: one that fails, one that hangs, one over budget.

On request (make cluster-test): it takes minutes.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from toys import toys

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "executors"))

from nodes import cluster  # noqa: E402

pytest.importorskip("ray", reason="the extra cluster is not installed")
pytestmark = pytest.mark.skipif(os.environ.get("GOLF_AUDIT_CLUSTER") != "1", reason="on request: make cluster-test")


def test_the_page_of_a_campaign(tmp_path: Path) -> None:
    file = toys(tmp_path, timeout=int(os.environ.get("GOLF_AUDIT_RUN_SECONDS", "60")))
    command = [sys.executable, "-m", "auditor", "campaign", str(file), "--yes", "--export", str(tmp_path / "runs.csv")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(ROOT), os.environ.get("PYTHONPATH", "")))}
    with cluster(2, 1) as nodes:
        done = subprocess.run(
            [*command, "--cluster", nodes.address], env=environment, cwd=ROOT, capture_output=True, text=True,
            check=False, timeout=1800,
        )  # fmt: skip
    print(done.stderr, done.stdout)
    assert done.returncode == 1, done.stderr
    content = json.loads((tmp_path / "out" / "campaign.json").read_text())
    found = {each["name"].removeprefix("2026-04-01_"): each for each in content["submissions"]}
    states = {name: [run["status"] for run in each["reproduction"]["runs"]] for name, each in found.items()}
    assert states.pop("Fails") == states.pop("Hangs") == ["failed", "failed"]
    assert len(states) == 4 and all(each == ["done", "done"] for each in states.values())
    assert found["TooLarge"]["verdict"] == "OVER-BUDGET" and found["TooLarge"]["rank_reproduced"] is None
    assert "wallclock" in found["Hangs"]["reproduction"]["runs"][0]["reason"]
    assert (found["BetterOnPaper"]["rank_claimed"], found["AsClaimed"]["rank_claimed"]) == (2, 4)
    assert found["AsClaimed"]["rank_reproduced"] < found["BetterOnPaper"]["rank_reproduced"]
    lines = (tmp_path / "out" / "runs.jsonl").read_text().splitlines()
    assert len(lines) == 12 and len({json.loads(line)["node"] for line in lines}) > 1
    assert len((tmp_path / "runs.csv").read_text().splitlines()) == 13
    if "GOLF_AUDIT_KEEP" in os.environ:
        shutil.copytree(tmp_path, os.environ["GOLF_AUDIT_KEEP"], dirs_exist_ok=True)
    again = subprocess.run([*command, "--dry-run"], env=environment, cwd=ROOT, capture_output=True, text=True)
    assert "nothing is left to run" in again.stderr
