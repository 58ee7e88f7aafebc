"""A sweep on a Ray cluster against the local pool: what it costs, and what is lost when nodes and drivers are.

python benchmarks/cluster.py GIT_DIR PRS [--cores 2] [--turns 1]     the local pool and a cluster of as many cores
python benchmarks/cluster.py GIT_DIR PRS --kill [--nodes 3] [--expected ROWS]
                                                                    three nodes: one is killed half-way, the driver at
                                                                    three quarters; the same command is given again

Prints JSON: wall-clock seconds of both in turn, from the first result to the last, and processor seconds of all
processes that the command started (the cluster's own among them), their ratios, and whether the rows are equal. With
``--kill`` also how many rows were there when the driver was killed; equal means each row once. ROWS are those of a
local sweep by the same code; without them one is made. Nothing is taken from the cache. Needs the extra ``cluster``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "executors"))

from nodes import Nodes, cluster  # noqa: E402

# Ray's workers are nice by 15 of their own accord, which would lose them the race for cores against anything else here.
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "GOLF_AUDIT_NO_CACHE": "1", "RAY_worker_niceness": "0"}
ENVIRONMENT.pop("PYTHONDONTWRITEBYTECODE", None)  # every new worker would compile all of it again
MARK = "GOLF_AUDIT_BENCHMARK"
TICK = os.sysconf("SC_CLK_TCK")


class Spent(threading.Thread):
    """Processor seconds of every process whose environment holds a mark: looked at twice a second (Linux)."""

    def __init__(self, mark):
        super().__init__(daemon=True)
        self.mark, self.known, self.ended = f"{MARK}={mark}".encode(), {}, threading.Event()

    def run(self):
        while not self.ended.wait(0.5):
            self.look()

    def look(self):
        for each in Path("/proc").iterdir():
            if not each.name.isdigit():
                continue
            try:
                fields = (each / "stat").read_text().rpartition(") ")[2].split()
                key = (each.name, fields[19])  # a number may be given again: the start tells them apart
                if key in self.known or self.mark in (each / "environ").read_bytes().split(b"\0"):
                    self.known[key] = (int(fields[11]) + int(fields[12])) / TICK
            except OSError:
                continue

    def end(self):
        self.ended.set()
        self.join()
        return sum(self.known.values())


def sweep(repo, prs, out, *more, mark="none"):
    command = [sys.executable, "-P", "-m", "auditor", "sweep", "--repo", repo, "--prs", prs, "--out", str(out), *more]
    return subprocess.Popen(
        command, env=ENVIRONMENT | {MARK: mark}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=ROOT
    )


def whole(repo, prs, out, *more):
    """Return a sweep's seconds: all of it, from its first result to its last, and of processors."""
    spent = Spent(out.name)
    spent.start()
    begun = time.monotonic()
    first = last = begun
    said = []
    with sweep(repo, prs, out, *more, mark=out.name) as running:
        for line in running.stderr:
            said.append(line)
            if line[:1].isdigit() and "#" in line:
                last = time.monotonic()
                first = last if first == begun else first
    if running.returncode != 0:
        raise SystemExit(f"{''.join(said[-12:])}\nthe sweep ended with {running.returncode}")
    return round(time.monotonic() - begun, 1), round(last - first, 1), round(spent.end(), 1)


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


def compared(repo, prs, cores, turns, place):
    found = {"local": [], "cluster": []}
    for turn in range(turns):
        found["local"].append(whole(repo, prs, place / f"local{turn}", "--jobs", str(cores)))
        found["cluster"].append(whole(repo, prs, place / f"ray{turn}", "--cluster", f"local:{cores}"))
        print(json.dumps(found), file=sys.stderr, flush=True)
    expected = told(place / "local0")
    least = {name: [min(each) for each in zip(*turns, strict=True)] for name, turns in found.items()}
    ratios = [round(ray / pool, 3) for ray, pool in zip(least["cluster"], least["local"], strict=True)]
    return {
        "heads": len({row["pr"] for row in expected}),
        "rows": len(expected),
        "cores": cores,
        **found,
        **dict(zip(("ratio", "ratio_first_to_last", "ratio_of_processor"), ratios, strict=True)),
        "rows_equal": all(
            told(place / f"{name}{turn}") == expected for name in ("local", "ray") for turn in range(turns)
        ),
    }


def killed(repo, prs, count, expected, place):
    if expected is None:
        expected = place / "local0"
        whole(repo, prs, expected)
    rows = told(expected)
    total = len({row["pr"] for row in rows})
    with cluster(count, 1, GOLF_AUDIT_NO_CACHE="1", RAY_worker_niceness="0") as nodes:
        left = disturbed(repo, prs, place / "disturbed", nodes, total)
    found = told(place / "disturbed")
    return {
        "heads": total,
        "rows": len(rows),
        "nodes": count,
        "rows_when_the_driver_was_killed": left,
        "rows_equal": found == rows,
    }


def main():
    asked = argparse.ArgumentParser()
    asked.add_argument("repo")
    asked.add_argument("prs")
    asked.add_argument("--cores", type=int, default=2)
    asked.add_argument("--turns", type=int, default=1)
    asked.add_argument("--kill", action="store_true")
    asked.add_argument("--nodes", type=int, default=3)
    asked.add_argument("--expected", type=Path)
    asked.add_argument("--keep", type=Path, help="an empty folder for the rows")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = given.keep or Path(folder)
        if given.kill:
            result = killed(given.repo, given.prs, given.nodes, given.expected, place)
        else:
            result = compared(given.repo, given.prs, given.cores, given.turns, place)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
