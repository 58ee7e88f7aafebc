"""A submission to its evidence: the one place of this package that opens files."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from auditor.evidence.claims import ClaimSet
from auditor.evidence.commits import commits
from auditor.evidence.logs import LARGEST_LOG, read_log
from auditor.evidence.metadata import read_metadata
from auditor.evidence.mislabelled import score_by_its_name
from auditor.evidence.model import Evidence, Log
from auditor.evidence.printed import Value
from auditor.evidence.readme import read_readme
from auditor.evidence.retold import of_their_runs
from auditor.evidence.reuse import reused
from auditor.evidence.sizes import read_sizes
from auditor.evidence.text import Unreadable
from auditor.submission.model import Submission, Unread

_T = TypeVar("_T")
_LARGEST_TEXT = 16_000_000  # bytes of submission.json or README


def read_evidence(submission: Submission) -> Evidence:
    """Return what a submission's logs, metadata, README and files say; what cannot be read is a problem."""
    logs: list[Log] = []
    problems: list[str] = []
    for path in submission.logs:
        try:
            logs.append(read_log(path, submission.tree.read(path, LARGEST_LOG)))
        except Unread as error:
            problems.append(str(error))
        except Unreadable as error:
            problems.append(f"{path}: {error}")
    copies = _or_nothing(reused, submission, problems)
    history = _or_nothing(commits, submission, problems)
    readme = _readme(submission)
    logs = list(of_their_runs(logs))
    return Evidence(
        logs=tuple(logs),
        metadata=score_by_its_name(_metadata(submission), readme, (run for log in logs for run in log.runs)),
        readme=readme,
        sizes=read_sizes(submission),
        problems=tuple(problems),
        reused=copies,
        commits=history,
    )


def _or_nothing(
    look: Callable[[Submission], tuple[_T, ...]], submission: Submission, problems: list[str]
) -> tuple[_T, ...]:
    """Return what a look into the repository's other commits shows; a repository that lacks them is a problem."""
    try:
        return look(submission)
    except Unread as error:
        problems.append(str(error))
        return ()


def _metadata(submission: Submission) -> ClaimSet:
    path = submission.metadata
    if path is None:
        return ClaimSet()
    try:
        return read_metadata(path, submission.tree.read(path, _LARGEST_TEXT))
    except Unread as error:
        return ClaimSet(path=path, problems=(Value(str(error), path, None),))


def _readme(submission: Submission) -> ClaimSet:
    path = submission.readme
    if path is None:
        return ClaimSet()
    try:
        return read_readme(path, submission.tree.read(path, _LARGEST_TEXT))
    except Unread as error:
        return ClaimSet(path=path, problems=(Value(str(error), path, None),))
