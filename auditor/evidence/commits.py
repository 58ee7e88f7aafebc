"""What the commits of a pull request changed after the challenge's cutoff, by their own dates."""

from __future__ import annotations

from datetime import UTC, datetime

from auditor.evidence.model import Commit
from auditor.submission.git import GitTree, Repository
from auditor.submission.history import base_of
from auditor.submission.model import Submission

_MOST = 200  # commits


def commits(submission: Submission) -> tuple[Commit, ...]:
    """Return the commits that changed the submission's folder, oldest first, when its head is of after the cutoff.

    Empty for other heads, for a challenge without a cutoff, and where the submission was not read from a repository.
    Dates are the committer's own word; when a commit was pushed no object tells. Raises Unread when git fails.
    """
    tree, cutoff = submission.tree, submission.challenge.cutoff
    if cutoff is None or submission.sha is None or submission.lone or not isinstance(tree, GitTree):
        return ()
    repository = tree.repository
    closed = datetime(cutoff.on.year, cutoff.on.month, cutoff.on.day, tzinfo=UTC).timestamp()
    if not isinstance(repository, Repository) or repository.when(submission.sha) < closed:
        return ()
    base = base_of(repository, submission.sha)
    if base is None or base == submission.sha:
        return ()
    return _listed(repository, base, submission.sha, submission.name, closed)


def _listed(repository: Repository, base: str, head: str, name: str, closed: float) -> tuple[Commit, ...]:
    options = ("--no-merges", f"--max-count={_MOST}", "--name-only", "--format=%x01%H %ct")
    log = repository.run("log", *options, f"{base}..{head}").decode("utf-8", "backslashreplace")
    found: list[Commit] = []
    for entry in log.split("\1")[1:]:
        first, *paths = entry.splitlines()
        sha, when = first.split()
        inside = tuple(path.partition(f"/{name}/")[2] for path in paths if f"/{name}/" in path)
        if inside:
            found.append(Commit(sha, int(when), inside, int(when) >= closed))
    return tuple(sorted(found, key=lambda commit: commit.when))
