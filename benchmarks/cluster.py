"""A sweep on a Ray cluster of three nodes on this machine against the local pool, with a node and the driver killed.

python benchmarks/cluster.py GIT_DIR PRS [NODES]

Prints JSON: seconds of the local pool (as many processes as the cluster has cores) and of the cluster, in turn, their
ratio, and whether the rows are equal: after an undisturbed sweep, and after one in which a node was killed half-way and
the driver at three quarters, and the same command was given again. Needs the extra ``cluster``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "executors"))

from nodes import Nodes, cluster  # noqa: E402

ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "GOLF_AUDIT_NO_CACHE": "1"}


def sweep(repo, prs, out, *more):
    command = [sys.executable, "-P", "-m", "auditor", "sweep", "--repo", repo, "--prs", prs, "--out", str(out), *more]
    return subprocess.Popen(
        command, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=ROOT
    )


def whole(repo, prs, out, *more):
    """Return the seconds of a sweep, and those from its first result to its last."""
    begun = time.monotonic()
    first = last = begun
    with sweep(repo, prs, out, *more) as running:
        for line in running.stderr:
            if line[:1].isdigit() and "#" in line:
                last = time.monotonic()
                first = last if first == begun else first
    if running.returncode != 0:
        raise SystemExit(f"the sweep ended with {running.returncode}")
    return time.monotonic() - begun, last - first


def disturbed(repo, prs, out, nodes: Nodes, total):
    """Kill a node half-way and the driver at three quarters, and begin again; return how many rows the driver left."""
    with sweep(repo, prs, out, "--cluster", nodes.address) as running:
        for line in running.stderr:
            if line.startswith(f"{total // 2}/"):
                nodes.kill()
            if line.startswith(f"{3 * total // 4}/"):
                break
        running.kill()
    left = len(out.read_text().splitlines())
    whole(repo, prs, out, "--cluster", nodes.address)
    return left


def told(out):
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    plain = [{k: v for k, v in row.items() if k not in {"seconds", "cached"}} for row in rows]
    return sorted(plain, key=lambda row: (row["pr"], row.get("report", row).get("name", "")))


def main():
    repo, prs = sys.argv[1:3]
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    with tempfile.TemporaryDirectory() as folder, cluster(count, 1, GOLF_AUDIT_NO_CACHE="1") as nodes:
        place = Path(folder)
        found = {"local": [], "cluster": []}
        for turn in range(2):
            found["local"].append(whole(repo, prs, place / f"local{turn}", "--jobs", str(count)))
            found["cluster"].append(whole(repo, prs, place / f"ray{turn}", "--cluster", nodes.address))
            print(json.dumps(found), file=sys.stderr, flush=True)
        expected = told(place / "local0")
        total = len({row["pr"] for row in expected})
        left = disturbed(repo, prs, place / "disturbed", nodes, total)
        result = {
            "heads": total,
            "rows": len(expected),
            "nodes": count,
            **{name: [[round(value, 1) for value in pair] for pair in pairs] for name, pairs in found.items()},
            "ratio": round(min(p[0] for p in found["cluster"]) / min(p[0] for p in found["local"]), 3),
            "ratio_first_to_last": round(min(p[1] for p in found["cluster"]) / min(p[1] for p in found["local"]), 3),
            "rows_equal": told(place / "ray0") == told(place / "ray1") == expected,
            "rows_when_the_driver_was_killed": left,
            "rows_equal_after_kills": told(place / "disturbed") == expected,
        }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
