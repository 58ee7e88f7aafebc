"""Which calls of pull requests no row of the effect tables covers, and which of them make a HOLD.

    python benchmarks/uncovered_calls.py GIT_DIR [--heads N] [--seed S] [--prs 12,34]

Follows the train scripts of N pull requests drawn at random (seed S) from a repository with refs/pull/*/head. Prints
the functions and methods that `auditor/timeline/library/effects` doesn't cover, most frequent first (number of
scripts), then what could not be followed and a score that may be claimed rests on, by kind, and the share of scripts
that it holds. Add a row where a call is harmless; never loosen the default.
"""

from __future__ import annotations

import argparse
import random
import re
import subprocess
import sys
from collections import Counter, defaultdict

from auditor.check import audit
from auditor.submission.git import GitTree
from auditor.submission.history import read_git
from auditor.submission.model import Unread
from auditor.timeline.library import effects

KIND = re.compile(r"`[^`]*`")


class Asked:
    """Remembers what the tables were asked for and don't have."""

    def __init__(self) -> None:
        self.missed: set[str] = set()
        self._call, self._method = effects.of_call, effects.of_method

    def call(self, name: str) -> effects.Effect | None:
        """Answer as :func:`effects.of_call` does."""
        found = self._call(name)
        if found is None:
            self.missed.add(name)
        return found

    def method(self, name: str) -> effects.Effect | None:
        """Answer as :func:`effects.of_method` does."""
        found = self._method(name)
        if found is None:
            self.missed.add(f".{name}")
        return found


def heads(repo: str) -> list[int]:
    """Return the numbers of all pull requests of a repository."""
    listed = subprocess.run(
        ["git", "-C", repo, "for-each-ref", "--format=%(refname)", "refs/pull/*/head"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    return sorted(int(ref.split("/")[2]) for ref in listed)


def main() -> None:
    """Run the census."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repo")
    parser.add_argument("--heads", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--prs", default="")
    options = parser.parse_args()
    numbers = [int(n) for n in options.prs.split(",") if n]
    if not numbers:
        numbers = random.Random(options.seed).sample(heads(options.repo), options.heads)
    calls: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    shown: dict[str, list[str]] = defaultdict(list)
    verdicts: Counter[str] = Counter()
    held = 0
    for pr in numbers:
        try:
            submissions = read_git(options.repo, pr=pr)
        except Unread:
            continue
        for submission in submissions:
            assert isinstance(submission.tree, GitTree)
            asked = Asked()
            effects.of_call, effects.of_method = asked.call, asked.method
            report = audit(submission)
            verdicts[report.compliance] += 1
            calls.update(asked.missed)
            items = [n for n in report.not_followed if n.decisive]
            held += bool(items) and report.compliance == "HOLD"
            for item in items:
                kinds[KIND.sub("…", item.what)] += 1
                shown[KIND.sub("…", item.what)].append(f"#{pr} {item.path}:{item.line} {item.what}")
            print(f"#{pr} {report.compliance}", file=sys.stderr)
    print("compliance", dict(verdicts), f"held by what was not followed: {held}")
    print("\ncalls that no row covers")
    for name, count in calls.most_common(80):
        print(f"{count:5} {name}")
    print("\nwhat a score rests on and could not be followed")
    for kind, count in kinds.most_common(40):
        print(f"{count:5} {kind}")
        for line in shown[kind][:6]:
            print(f"        {line}")


if __name__ == "__main__":
    main()
