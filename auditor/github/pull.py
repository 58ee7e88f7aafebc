"""A pull request on GitHub: its head, its title, what it changes, and the submissions in it."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from auditor.github.client import PER_PAGE, Api
from auditor.github.name import is_name
from auditor.github.objects import RemoteObjects
from auditor.github.refused import Refused
from auditor.submission.history import Commit, submitted
from auditor.submission.model import Submission
from auditor.submission.scope import Change, record_folders

_MOST_PAGES = 30  # GitHub lists 3,000 files of a pull request and no more
_UNKNOWN = "unknown"  # stands for a blob's id that GitHub doesn't tell


class _Repository(msgspec.Struct):
    full_name: str


class _End(msgspec.Struct):
    sha: str


class _Pull(msgspec.Struct):
    number: int
    title: str
    head: _End
    base: _End
    changed_files: int = 0


class _File(msgspec.Struct):
    filename: str
    status: str
    sha: str | None = None
    previous_filename: str | None = None
    changes: int = 0


@dataclass(frozen=True)
class Pull:
    """A pull request as it stands: ``head`` and ``base`` are commits, ``changed`` counts the files it changes.

    ``repository`` is the name by which GitHub knows it now, whatever it was asked for.
    """

    repository: str
    number: int
    title: str
    head: str
    base: str
    changed: int

    def __str__(self) -> str:
        return f"{self.repository}#{self.number}"


def read_pull(api: Api, repository: str, number: int) -> Pull:
    """Return a pull request; a repository that was renamed is followed. Raises :class:`Refused`."""
    # Asked for first: a redirection of a longer address would lose its parameters.
    name = api.get(f"/repos/{repository}", _Repository, f"find the repository {repository}").full_name
    if not is_name(name):
        raise Refused(f"can't find the repository {repository}: GitHub calls it by no name of a repository")
    found = api.get(f"/repos/{name}/pulls/{number}", _Pull, f"read pull request {number} of {name}")
    return Pull(name, found.number, found.title, found.head.sha, found.base.sha, found.changed_files)


def read_submissions(api: Api, pull: Pull) -> tuple[Submission, ...]:
    """Return the submissions of a pull request, as :func:`auditor.submission.read_git` does from a repository.

    Files are fetched when they are read. What GitHub doesn't tell is missing: logs of other pull requests, and
    the commits before the head. Raises Unread when there is no submission, :class:`Refused` when GitHub fails.
    """
    changes = read_changes(api, pull)
    objects = RemoteObjects(api, pull.repository)
    folders = frozenset(record_folders(change.path for change in changes if change.new is not None).values())
    listed = {change.path for change in changes if change.new is not None or change.old is not None}
    problems: tuple[str, ...] = ()
    if pull.changed > len(listed) and len(listed) >= _MOST_PAGES * PER_PAGE:
        problems = (f"GitHub lists {len(listed):,} of the {pull.changed:,} files that the pull request changes",)
    commit = Commit(objects, pull.head, f"#{pull.number}", pull.number, changes, problems)
    return submitted(commit, objects.folders_of(pull.base, folders))


def read_changes(api: Api, pull: Pull) -> tuple[Change, ...]:
    """Return the files that a pull request changes; a renamed file is a removal and an addition."""
    path = f"/repos/{pull.repository}/pulls/{pull.number}/files"
    found: list[Change] = []
    for file in api.pages(path, _File, f"list the files of {pull}", most=_MOST_PAGES):
        blob = file.sha or _UNKNOWN
        if file.status == "removed":
            found.append(Change(file.filename, blob, None))
            continue
        if file.status == "renamed" and file.previous_filename is not None:
            found.append(Change(file.previous_filename, _UNKNOWN if file.changes else blob, None))
        new = file.status in {"added", "renamed", "copied"}
        found.append(Change(file.filename, None if new else _UNKNOWN, blob))
    return tuple(found)
