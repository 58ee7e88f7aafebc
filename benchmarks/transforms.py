"""Whether a verdict depends on how a script is written: real scripts, transformed and audited again.

    python benchmarks/transforms.py FOLDER…
    python benchmarks/transforms.py --repo GIT_DIR --pr N --pr N…

Each script is renamed, reordered, outlined, inlined, packed, and its functions and values are routed through classes,
generators, decorators, context managers, dictionaries and files (see ``tests/transforms``); then the compliance verdict
and the rules that count for it are compared with those of the script as it is. Nothing is run. Exit code 1 when
something differs, 2 when a flagged or held script comes out clean. Scripts that this Python cannot parse are skipped,
packed ones are taken as they unpack.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from itertools import chain
from pathlib import Path

from auditor.submission.history import read_git
from auditor.submission.model import Submission, Unread
from auditor.submission.path import read_path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "transforms"))
from compared import Row, rows
from transformations import TRANSFORMATIONS


def submissions(given: tuple[str, int | None]) -> tuple[Submission, ...]:
    place, number = given
    return read_path(place) if number is None else read_git(place, pr=number)


def work(job: tuple[tuple[str, int | None], tuple[str, ...]]) -> list[tuple[str, Row]]:
    """Return the rows of one input for some of the transformations, each with what it is about."""
    warnings.simplefilter("ignore")
    given, only = job
    label = f"#{given[1]}" if given[1] is not None else given[0]
    try:
        return [(label, row) for found in submissions(given)[:1] for row in rows(found, only)]
    except Unread as error:
        return [(label, Row(name, "skipped", str(error))) for name in only]


def tell(found: Iterable[tuple[str, Row]]) -> int:
    """Print what differs and the table; return the exit code."""
    table: dict[str, Counter[str]] = {name: Counter() for name in TRANSFORMATIONS}
    worst = 0
    for label, row in found:
        table[row.transformation][row.outcome] += 1
        worst = max(worst, 2 if row.cleared else int(row.outcome == "differs"))
        if row.outcome in ("differs", "skipped"):
            cleared = " CLEARED" if row.cleared else ""
            print(f"{label}: {row.transformation}: {row.outcome}{cleared}: {row.words}", flush=True)
    columns = ("same", "differs", "does not apply", "skipped")
    print(f"{'':12}" + "".join(f"{column:>16}" for column in columns))
    for name, counts in table.items():
        print(f"{name:12}" + "".join(f"{counts[column]:16}" for column in columns))
    return worst


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="*", help="record folders or scripts")
    parser.add_argument("--repo", help="a git directory with the heads of pull requests")
    parser.add_argument("--pr", type=int, action="append", default=[], help="a pull request's number")
    parser.add_argument("--only", action="append", default=[], choices=TRANSFORMATIONS, help="a transformation")
    parser.add_argument("--each", type=int, metavar="N", help="through N of the transformations, in turn, not all")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    if bool(options.repo) != bool(options.pr) or not (options.pr or options.paths):
        parser.error("give record folders, or --repo with at least one --pr")
    inputs = [(path, None) for path in options.paths] + [(options.repo, number) for number in options.pr]
    names = options.only or list(TRANSFORMATIONS)
    count = min(options.each or len(names), len(names))
    jobs = [
        (given, tuple(names[(number * count + n) % len(names)] for n in range(count)))
        for number, given in enumerate(inputs)
    ]
    with ProcessPoolExecutor(options.jobs) as pool:
        return tell(chain.from_iterable(pool.map(work, jobs)))


if __name__ == "__main__":
    raise SystemExit(main())
