"""What a check costs against another build of this tool, and against bandit and semgrep, on the same files in one run.

    python benchmarks/against.py --base FOLDER [--bandit PATH] [--semgrep PATH] [--rounds 3] train_gpt.py …

FOLDER holds the other build's packages, such as a worktree of an earlier commit. Each build audits in a process of its
own that stays alive; the two take turns file by file, and the best of the rounds counts. All times are CPU time (user
and system), peaks are resident memory. Peers run as processes; what they take for an empty file is taken off. Without
files the examples are taken. Nothing is judged: the figures are for whoever compares.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples" / "records").glob("*/*/train_gpt.py"))
SMALL = ROOT / "examples" / "records" / "track_10min_16mb" / "2026-03-19_SP1024_PreQuantTTT" / "train_gpt.py"
_TAINT = """
rules:
  - id: taint
    mode: taint
    languages: [python]
    severity: INFO
    message: validation tokens reach training
    pattern-sources: [{pattern: load_validation_tokens(...)}]
    pattern-sinks: [{pattern: $X.backward()}]
"""
_SERVE = """
import gc, resource, sys, time, warnings
from pathlib import Path
from auditor.check import audit
from auditor.submission.discover import lone_script
from auditor.submission.memory import MemoryTree
warnings.simplefilter("ignore")
for line in sys.stdin:
    path = Path(line.rstrip("\\n"))
    submission = lone_script(MemoryTree({path.name: path.read_bytes()}), path.name, given=path.name)
    gc.collect()
    begun = time.process_time()
    verdict = audit(submission).verdict
    spent = time.process_time() - begun
    print(spent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, verdict, flush=True)
"""


def environment(root: Path) -> dict[str, str]:
    made = {**os.environ, "PYTHONPATH": str(root), "GOLF_AUDIT_NO_CACHE": "1"}
    made.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its bytecode
    return made


class Build:
    """One build of the tool, in a process that audits what it is given."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.peak = 0
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", _SERVE],
            env=environment(root),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def audit(self, path: Path) -> tuple[float, str]:
        """Return the CPU seconds of one audit, and its verdict."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{path.resolve()}\n")
        self.process.stdin.flush()
        spent, peak, verdict = self.process.stdout.readline().split()
        self.peak = int(peak)
        return float(spent), verdict

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def process(command: Sequence[str], root: Path | None = None) -> tuple[float, float]:
    """Return the CPU seconds and the peak in MiB of one process, what it starts included."""
    started = subprocess.Popen(
        command, env=environment(root or ROOT), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, _, used = os.wait4(started.pid, 0)
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def best(command: Sequence[str], rounds: int, root: Path | None = None) -> tuple[float, float]:
    runs = [process(command, root) for _ in range(rounds)]
    return min(cpu for cpu, _ in runs), min(peak for _, peak in runs)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--bandit")
    parser.add_argument("--semgrep")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("files", type=Path, nargs="*")
    given = parser.parse_args()
    files = given.files or EXAMPLES
    builds = {"base": Build(given.base), "now": Build(ROOT)}
    ratios: list[float] = []
    spent: dict[Path, float] = {}
    try:
        for path in files:
            found: dict[str, tuple[float, str]] = {name: (float("inf"), "") for name in builds}
            for _ in range(given.rounds):
                for name, build in builds.items():
                    found[name] = min(found[name], build.audit(path))
            (before, was), (after, verdict) = found["base"], found["now"]
            ratios.append(after / before)
            spent[path] = after
            changed = "" if verdict == was else f"  {was} → {verdict}"
            print(
                f"{path.stat().st_size / 1000:8.1f} KB  base {before * 1000:6.0f} ms  now {after * 1000:6.0f} ms  "
                f"ratio {after / before:.2f}{changed}",
                flush=True,
            )
    finally:
        for build in builds.values():
            build.close()
    print(f"audit, now / base: median {median(ratios):.2f} of {len(ratios)}, most {max(ratios):.2f}")
    print(f"peak of the process: base {builds['base'].peak / 1024:.0f} MiB, now {builds['now'].peak / 1024:.0f} MiB")
    command = [sys.executable, "-P", "-m", "auditor", "check", "--exit-zero", str(SMALL)]
    pairs = [(process(command, given.base), process(command, ROOT)) for _ in range(given.rounds)]
    (base_cpu, base_peak), (cpu, peak) = (tuple(map(min, zip(*side, strict=True))) for side in zip(*pairs, strict=True))
    print(
        f"check of one small script: base {base_cpu:.2f} s, {base_peak:.0f} MiB; now {cpu:.2f} s, {peak:.0f} MiB; "
        f"ratios {cpu / base_cpu:.2f} and {peak / base_peak:.2f}"
    )
    with tempfile.TemporaryDirectory() as folder:
        empty, rules = Path(folder, "empty.py"), Path(folder, "taint.yaml")
        empty.write_text("", encoding="utf-8")
        rules.write_text(_TAINT, encoding="utf-8")
        quiet = ["--metrics", "off", "--disable-version-check", "--quiet", "--jobs", "1"]
        peers = {
            "bandit": [given.bandit, "-q"] if given.bandit else None,
            "semgrep": [given.semgrep, "scan", "--config", str(rules), *quiet] if given.semgrep else None,
        }
        for name, peer in peers.items():
            if peer is None:
                continue
            idle, _ = best([*peer, str(empty)], given.rounds)
            costs = [(best([*peer, str(path)], given.rounds), spent[path]) for path in files]
            shares = [ours / max(cpu - idle, 1e-9) for (cpu, _), ours in costs]
            print(
                f"now / {name}, its start-up of {idle:.2f} s apart: median {median(shares):.2f}; "
                f"peak {max(peak for (_, peak), _ in costs):.0f} MiB"
            )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
