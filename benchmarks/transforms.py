"""Whether a verdict depends on how a script is written: real scripts, transformed and audited again.

    python benchmarks/transforms.py FOLDER…
    python benchmarks/transforms.py --repo GIT_DIR --pr N --pr N…

Each script is renamed, reordered, outlined, inlined and packed (see ``tests/transforms``); then the compliance verdict
and the rules that count for it are compared with those of the script as it is. Nothing is run. Exit code 1 when
something differs. Scripts that this Python cannot parse are skipped, packed ones are taken as they unpack.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import chain
from pathlib import Path

from auditor.program.load import load_program
from auditor.program.model import Program
from auditor.submission.history import read_git
from auditor.submission.model import Submission, Unread
from auditor.submission.path import read_path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "transforms"))
from judged import judged, with_script
from transformations import TRANSFORMATIONS

Row = tuple[str, str, str]  # the transformation, what came of it, and in words what differs


def rows(submission: Submission, only: frozenset[str]) -> Iterator[Row]:
    """Yield what each transformation does to the verdict: ``same``, ``differs``, ``does not apply`` or ``skipped``."""
    program = load_program(submission)
    if not isinstance(program, Program) or program.main.module is None:
        yield ("all", "skipped", "cannot be read")
        return
    source = program.main.source.text
    before = judged(with_script(submission, source))
    for name, transform in TRANSFORMATIONS.items():
        if only and name not in only:
            continue
        try:
            changed = transform(source)
            if changed is not None:
                compile(changed, name, "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError) as error:  # newer grammar than this Python's
            yield (name, "skipped", str(error).splitlines()[0])
            continue
        if changed is None:
            yield (name, "does not apply", "")
            continue
        after = judged(with_script(submission, changed))
        yield (name, "same" if after == before else "differs", f"{before} → {after}")


def submissions(given: tuple[str, int | None]) -> tuple[Submission, ...]:
    place, number = given
    return read_path(place) if number is None else read_git(place, pr=number)


def work(job: tuple[tuple[str, int | None], frozenset[str]]) -> list[tuple[str, Row]]:
    """Return the rows of one input, each with what it is about."""
    warnings.simplefilter("ignore")
    given, only = job
    label = f"#{given[1]}" if given[1] is not None else given[0]
    try:
        return [(label, row) for found in submissions(given)[:1] for row in rows(found, only)]
    except Unread as error:
        return [(label, ("all", "skipped", str(error)))]


def tell(found: Iterable[tuple[str, Row]]) -> int:
    """Print what differs and the table; return how many differ."""
    table: dict[str, Counter[str]] = {name: Counter() for name in TRANSFORMATIONS}
    for label, (name, outcome, words) in found:
        for each in TRANSFORMATIONS if name == "all" else (name,):
            table[each][outcome] += 1
        if outcome in ("differs", "skipped"):
            print(f"{label}: {name}: {outcome}: {words}", flush=True)
    columns = ("same", "differs", "does not apply", "skipped")
    print(f"{'':12}" + "".join(f"{column:>16}" for column in columns))
    for name, counts in table.items():
        print(f"{name:12}" + "".join(f"{counts[column]:16}" for column in columns))
    return sum(counts["differs"] for counts in table.values())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="*", help="record folders or scripts")
    parser.add_argument("--repo", help="a git directory with the heads of pull requests")
    parser.add_argument("--pr", type=int, action="append", default=[], help="a pull request's number")
    parser.add_argument("--only", action="append", default=[], choices=TRANSFORMATIONS, help="a transformation")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    if bool(options.repo) != bool(options.pr) or not (options.pr or options.paths):
        parser.error("give record folders, or --repo with at least one --pr")
    inputs = [(path, None) for path in options.paths] + [(options.repo, number) for number in options.pr]
    with ProcessPoolExecutor(options.jobs) as pool:
        found = chain.from_iterable(pool.map(work, [(each, frozenset(options.only)) for each in inputs]))
        return int(tell(found) > 0)


if __name__ == "__main__":
    raise SystemExit(main())
