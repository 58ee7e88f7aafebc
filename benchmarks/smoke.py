"""How far smoke tests of real scripts come, and what they cost.

    python benchmarks/smoke.py [--seconds S] [--json FILE] FOLDER|FILE.txt …

A ``.txt`` holds a folder per line. Submissions run one after the other in the sandbox, with the interpreter that runs
this: it needs torch and numpy. Prints a line per submission and the sums; exit code 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from statistics import median

from auditor.smoke.model import STEPS, SmokeReport
from auditor.smoke.runner import smoke
from auditor.submission import read_path
from auditor.submission.model import Unread

MIN_IMPORT, MIN_FORWARD, MAX_MEDIAN = 0.92, 0.80, 15.0  # shares of all scripts; seconds


def folders(given: list[str]) -> list[str]:
    """Return the folders that the arguments name."""
    out: list[str] = []
    for name in given:
        out += Path(name).read_text().split("\n") if name.endswith(".txt") else [name]
    return [name for name in out if name.strip()]


def line(report: SmokeReport) -> str:
    """Return one submission's line: a letter per step, its time, and the first trouble."""
    letters = "".join({"PASS": ".", "FAIL": "F", "SKIP": "s"}[step.status] for step in report.steps)
    trouble = next((s for s in report.steps if s.cause is not None), None)
    why = f"  {trouble.name}: {trouble.cause}: {trouble.reason}" if trouble else ""
    return f"{letters} {report.seconds:6.1f} s  {report.submission}{why}"[:400]


def main() -> int:
    """Run the smoke tests and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("given", nargs="+")
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    reports: list[SmokeReport] = []
    spent: list[float] = []
    for folder in folders(options.given):
        try:
            report = smoke(read_path(folder)[0], seconds=options.seconds)
        except Unread as error:
            print(f"unread  {folder}: {error}", flush=True)
            continue
        cpu = report.facts.get("cpu_seconds", 0.0)  # as the harness tells
        reports.append(report)
        spent.append(cpu)
        print(f"{line(report)}  [{cpu:.1f} s CPU]", flush=True)
        if options.json:
            with options.json.open("a") as out:
                out.write(json.dumps({**asdict(report)}) + "\n")
    return tell(reports, spent)


def tell(reports: list[SmokeReport], spent: list[float]) -> int:
    """Print the sums; return 1 when a target is missed."""
    if not reports:
        return 2
    share = {}
    for step in STEPS:
        counts = Counter(report.step(step).status for report in reports)
        share[step] = counts["PASS"] / len(reports)
        print(f"{step:16} PASS {counts['PASS']:4}  FAIL {counts['FAIL']:4}  SKIP {counts['SKIP']:4}  {share[step]:.1%}")
    causes = Counter(next((s.cause for s in r.steps if s.cause), "none") for r in reports)
    print("first trouble:", dict(causes.most_common()))
    compared = [r.step("parameters") for r in reports if " in " in r.step("parameters").reason]
    compared = [s for s in compared if s.cause in (None, "mismatch")]
    print(f"parameter counts as logged: {sum(s.status == 'PASS' for s in compared)} of {len(compared)}")
    middle = median(report.seconds for report in reports)
    print(f"median {middle:.1f} s, {median(spent):.1f} s of CPU, of {len(reports)}")
    return int(share["import"] < MIN_IMPORT or share["forward"] < MIN_FORWARD or middle > MAX_MEDIAN)


if __name__ == "__main__":
    sys.exit(main())
