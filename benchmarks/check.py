"""What a check costs: a whole audit against LibCST's parse, start-up, and what gets imported.

    python benchmarks/check.py [train_gpt.py …]

Without files the examples are taken. The audit and ``libcst.parse_module`` of the same text are paired in one
process, interleaved, best of three; the commands are measured as subprocesses. All times are CPU time (user and
system). Exit code 1 when a target is missed.
"""

from __future__ import annotations

import gc
import os
import re
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median

import libcst as cst

from auditor.check import audit
from auditor.submission.discover import lone_script
from auditor.submission.memory import MemoryTree

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples" / "records").glob("*/*/train_gpt.py"))
SMALL = ROOT / "examples" / "records" / "track_10min_16mb" / "2026-03-19_SP1024_PreQuantTTT" / "train_gpt.py"
ROUNDS = 3
MAX_RATIO = 2.5  # a whole audit, in parses of the same text
MAX_VERSION = 0.2  # seconds
MAX_CHECK = 0.8  # seconds
COSTLY = ("torch", "numpy", "pandas", "scipy", "libcst", "rich", "jinja2")


def seconds(work: Callable[[], object]) -> float:
    """Return the CPU seconds that ``work`` takes in this process."""
    gc.collect()
    begun = time.process_time()
    work()
    return time.process_time() - begun


def pair(path: Path) -> tuple[float, float] | None:
    """Return the best CPU seconds of a parse and of a whole audit; None when LibCST cannot read the file."""
    submission = lone_script(MemoryTree({path.name: path.read_bytes()}), path.name, given=path.name)
    layers = [source for source in audit(submission).sources.values() if source.path == path.name]
    text = max(layers, key=lambda source: source.layer).text  # of a packed script, what it unpacks to
    try:
        cst.parse_module(text)
    except Exception as error:  # a benchmark of what can be read
        print(f"{path}: skipped, {str(error).splitlines()[0]}", file=sys.stderr)
        return None
    parse, whole = float("inf"), float("inf")
    for _ in range(ROUNDS):
        parse = min(parse, seconds(lambda: cst.parse_module(text)))
        whole = min(whole, seconds(lambda: audit(submission)))
    return parse, whole


def command(*arguments: str) -> float:
    """Return the best CPU seconds of one ``golf-audit`` command as a process of its own, start-up included."""
    best = float("inf")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "GOLF_AUDIT_NO_CACHE": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its bytecode
    for _ in range(ROUNDS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, "-m", "auditor", *arguments],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=False,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return best


def costly_imports(script: Path) -> list[str]:
    """Return the costly packages that a check imports."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "auditor", "check", "--exit-zero", str(script)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    names = {match[1] for match in re.finditer(r"\|\s+(\w+)[\w.]*$", done.stderr, re.MULTILINE)}
    if "auditor" not in names:
        raise SystemExit("the import times could not be read")
    return sorted(names & set(COSTLY))


def main(names: list[str]) -> int:
    warnings.simplefilter("ignore")  # scripts with unknown escapes
    paths = [Path(name) for name in names] or EXAMPLES
    for path in paths:
        if not path.is_file():
            print(f"{path}: no such file", file=sys.stderr)
            return 2
    missed = False

    def tell(what: str, value: float, limit: float, unit: str) -> None:
        nonlocal missed
        missed |= value > limit
        print(f"{what}: {value:.2f}{unit} (target {limit}{unit}{'' if value <= limit else ', MISSED'})")

    ratios = []
    for path in paths:
        measured = pair(path)
        if measured is None:
            continue
        parse, whole = measured
        ratios.append(whole / parse)
        print(
            f"{path.stat().st_size / 1000:8.1f} KB  parse {parse * 1000:6.0f} ms  "
            f"audit {whole * 1000:6.0f} ms  ratio {whole / parse:.2f}"
        )
    if ratios:
        tell(f"audit / parse_module, median of {len(ratios)}", median(ratios), MAX_RATIO, "")
    tell("golf-audit --version", command("--version"), MAX_VERSION, " s")
    tell("golf-audit check, small script", command("check", "--exit-zero", str(SMALL)), MAX_CHECK, " s")
    found = costly_imports(SMALL)
    print(f"costly imports of check: {', '.join(found) or 'none'}")
    return int(missed or bool(found) or not ratios)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
