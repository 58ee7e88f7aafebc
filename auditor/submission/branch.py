"""What the branch of a checkout changes, so that its own record folders can be told from the old ones."""

from __future__ import annotations

import posixpath

from msgspec import Struct

from auditor.challenge.places import in_archive
from auditor.submission.git import checkout_root, open_repository
from auditor.submission.history import base_of, existing_folders
from auditor.submission.model import Unread
from auditor.submission.scope import Scope, read_scope


class Branch(Struct, frozen=True):
    """A checkout's branch against main: its root on disk, its head commit, and what it changes.

    ``changed`` are paths below the root, committed, staged and untracked files together.
    """

    root: str
    sha: str
    scope: Scope
    changed: tuple[str, ...]

    def beside(self, folder: str) -> tuple[str, ...]:
        """Return the changed files outside a folder, whose path is below the root."""
        return tuple(path for path in self.changed if not path.startswith(folder + "/"))

    def about(self, place: str) -> tuple[str, ...] | None:
        """Return the changed files outside a record folder on disk; None for other and unchanged folders."""
        folder = posixpath.relpath(place, self.root)
        touched = in_archive(folder) and any(path.startswith(folder + "/") for path in self.changed)
        return self.beside(folder) if touched else None


def read_branch(place: str) -> Branch | None:
    """Return what the checkout around a real path changes; None without git data or a main branch."""
    root = checkout_root(place)
    if root is None:
        return None
    try:
        repository = open_repository(root)
        head = repository.commit("HEAD")
        base = base_of(repository, head) if head is not None else None
        if head is None or base is None:
            return None
        changes = repository.staged(base)
        scope = read_scope(changes, existing_folders(repository, changes, base, head))
    except Unread:
        # A folder can be audited without its history: what the diff touches is then unknown, and reported so.
        return None
    return Branch(root, head, scope, tuple(sorted({change.path for change in changes})))
