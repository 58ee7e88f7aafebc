"""What a sweep costs against another build of this tool, cold and warm, over the same pull requests in one run.

    python benchmarks/sweeps.py --base FOLDER --repo GIT_DIR [--every 20] [--jobs 2]

FOLDER holds the other build's packages, such as a worktree of an earlier commit; GIT_DIR a clone with the heads of pull
requests. Each build sweeps every so manieth head with an empty cache of its own (cold), then again into another file
(warm). CPU time is user and system, of all processes; wall time is the command's.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from against import ROOT, environment


def heads(repo: str, every: int) -> list[int]:
    """Return every so manieth pull request whose head the clone has."""
    told = subprocess.run(
        ["git", "-C", repo, "for-each-ref", "--format=%(refname)", "refs/pull"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return sorted(int(ref.split("/")[2]) for ref in told.split() if ref.endswith("/head"))[::every]


def sweep(root: Path, repo: str, prs: list[int], jobs: int, out: Path, cache: Path) -> tuple[float, float]:
    """Return the CPU and the wall seconds of one sweep into ``out``."""
    made = {**environment(root), "XDG_CACHE_HOME": str(cache)}
    made.pop("GOLF_AUDIT_NO_CACHE")
    command = [sys.executable, "-P", "-m", "auditor", "sweep", "--no-config", "--repo", repo, "--out", str(out)]
    begun, before = time.monotonic(), os.times()
    subprocess.run(
        [*command, "--jobs", str(jobs), "--prs", ",".join(map(str, prs))],
        env=made,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return cpu, time.monotonic() - begun


def verdicts(out: Path) -> dict[tuple[object, ...], object]:
    """Return the verdict of each row of a sweep's results."""
    rows = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    return {(row["pr"], row.get("report", {}).get("name")): row.get("report", {}).get("verdict") for row in rows}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--repo", required=True)
    parser.add_argument("--every", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    prs = heads(given.repo, given.every)
    builds = {"base": given.base, "now": ROOT}
    with tempfile.TemporaryDirectory() as folder:
        where = {name: Path(folder, name) for name in builds}
        for each in where.values():
            each.mkdir()
        for kind in ("cold", "warm"):
            cost = {
                name: sweep(root, given.repo, prs, given.jobs, where[name] / f"{kind}.jsonl", where[name] / "cache")
                for name, root in builds.items()
            }
            (base_cpu, base_wall), (cpu, wall) = cost["base"], cost["now"]
            print(
                f"{kind}, {len(prs)} heads: base {base_cpu:.1f} s CPU, {base_wall:.1f} s; "
                f"now {cpu:.1f} s CPU, {wall:.1f} s; ratios {cpu / base_cpu:.2f} and {wall / base_wall:.2f}",
                flush=True,
            )
        was, now = verdicts(where["base"] / "cold.jsonl"), verdicts(where["now"] / "cold.jsonl")
        changed = [key for key in was.keys() & now.keys() if was[key] != now[key]]
        print(f"{len(was.keys() & now.keys())} rows of both, {len(changed)} verdicts differ")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
