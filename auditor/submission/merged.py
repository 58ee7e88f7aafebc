"""Which pull request brought a record folder to the main branch, by what the merging commit calls itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from auditor.regex import regex
from auditor.submission.scope import record_folders

if TYPE_CHECKING:
    from auditor.submission.git import Repository

# What GitHub writes for a merge, what maintainers write by hand, and what GitHub adds to a squashed one.
_NUMBER = regex(r"^Merge (?:pull request|PR) #(\d{1,6})\b|\(#(\d{1,6})\)$")


def merged(repository: Repository, main: str) -> Mapping[str, int]:
    """Return the numbers of pull requests by the names of the record folders that they brought to ``main`` first.

    A README's "On PR #N" is no such number: it may name what a record builds on.
    """
    options = ("--first-parent", "-m", "--reverse", "--diff-filter=A", "--no-renames", "--name-only")
    listed = repository.run("log", *options, "--format=%x01%s", main, "--", "records").decode("utf-8", "replace")
    found: dict[str, int] = {}
    for commit in listed.split("\1")[1:]:
        subject, *paths = commit.split("\n")
        told = _NUMBER.search(subject)
        for folder in set(record_folders(filter(None, paths)).values()):
            name = folder.rpartition("/")[2]
            if told is not None:
                found.setdefault(name, int(told[1] or told[2]))
    return found
