"""What the commits of a pull request changed after the challenge's cutoff, by their own dates."""

from __future__ import annotations

from datetime import UTC, date, datetime

from auditor.evidence.model import Commit
from auditor.submission.git import GitTree, Repository
from auditor.submission.history import base_of
from auditor.submission.model import Submission

CUTOFF = date(2026, 5, 2)  # 00:00 UTC of this day (#2109)
_CUTOFF_SECONDS = datetime(CUTOFF.year, CUTOFF.month, CUTOFF.day, tzinfo=UTC).timestamp()
_MOST = 200  # commits


def commits(submission: Submission) -> tuple[Commit, ...]:
    """Return the commits that changed the submission's folder, oldest first, when its head is of after the cutoff.

    Empty for other heads, and where the submission was not read from a repository. Dates are the committer's own
    word; when a commit was pushed no object tells. Raises Unread when git fails.
    """
    tree = submission.tree
    if submission.sha is None or submission.lone or not isinstance(tree, GitTree):
        return ()
    repository = tree.repository
    if not isinstance(repository, Repository) or repository.when(submission.sha) < _CUTOFF_SECONDS:
        return ()
    base = base_of(repository, submission.sha)
    if base is None or base == submission.sha:
        return ()
    return _listed(repository, base, submission.sha, submission.name)


def _listed(repository: Repository, base: str, head: str, name: str) -> tuple[Commit, ...]:
    options = ("--no-merges", f"--max-count={_MOST}", "--name-only", "--format=%x01%H %ct")
    log = repository.run("log", *options, f"{base}..{head}").decode("utf-8", "backslashreplace")
    found: list[Commit] = []
    for entry in log.split("\1")[1:]:
        first, *paths = entry.splitlines()
        sha, when = first.split()
        inside = tuple(path.partition(f"/{name}/")[2] for path in paths if f"/{name}/" in path)
        if inside:
            found.append(Commit(sha, int(when), inside, int(when) >= _CUTOFF_SECONDS))
    return tuple(sorted(found, key=lambda commit: commit.when))
