"""What reading a script costs: LibCST's parse, ours to the IR, and Python's own, paired in one process.

    python benchmarks/lowering.py train_gpt.py [more.py …]

Prints CPU milliseconds per file (best of three, variants interleaved) and the median ratios to
``libcst.parse_module`` of the same text.
"""

from __future__ import annotations

import ast
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median

import libcst as cst

from auditor.program import ir
from auditor.program.nesting import too_deep
from auditor.program.parse import read_module
from auditor.program.source import Source

ROUNDS = 3


def milliseconds(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return (time.process_time() - begun) * 1000


def measure(path: Path) -> dict[str, float] | None:
    """Return the best CPU milliseconds of each variant, None when one of them cannot read the file."""
    text = path.read_bytes().decode("utf-8", "replace")
    source = Source(str(path), text)
    if not isinstance(read_module(source), ir.Module):
        print(f"{path}: skipped, {read_module(source)}", file=sys.stderr)
        return None
    variants: dict[str, Callable[[], object]] = {
        "parse_module": lambda: cst.parse_module(text),
        "read_module": lambda: read_module(source),
        "too_deep": lambda: too_deep(text),
    }
    try:
        ast.parse(text)
        variants["ast.parse"] = lambda: ast.parse(text)
    except SyntaxError:
        pass  # newer grammar than this interpreter; the other variants still count
    best = dict.fromkeys(variants, float("inf"))
    for _ in range(ROUNDS):
        for name, work in variants.items():
            best[name] = min(best[name], milliseconds(work))
    return best


def main(paths: list[str]) -> int:
    warnings.simplefilter("ignore")  # scripts with unknown escapes
    if not paths:
        print("usage: python benchmarks/lowering.py FILE…", file=sys.stderr)
        return 2
    rows = []
    for name in paths:
        path = Path(name)
        if not path.is_file():
            print(f"{name}: no such file", file=sys.stderr)
            return 2
        row = measure(path)
        if row is not None:
            rows.append(row)
            print(f"{path.stat().st_size / 1000:8.1f} KB  " + "  ".join(f"{k} {v:.1f}" for k, v in row.items()))
    if not rows:
        return 1
    for variant in ("read_module", "too_deep", "ast.parse"):
        ratios = [row[variant] / row["parse_module"] for row in rows if variant in row]
        if ratios:
            print(f"{variant} / parse_module: median {median(ratios):.2f} over {len(ratios)} files")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
