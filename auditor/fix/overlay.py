"""A submission with some of its files changed, for an audit before anything is written."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from auditor.submission.discover import describe, peek
from auditor.submission.model import Submission, Tree, Unread
from auditor.submission.names import shown


@dataclass(frozen=True)
class OverlayTree:
    """Files of another tree, some of them replaced or added. Implements :class:`auditor.submission.model.Tree`."""

    below: Tree
    files: Mapping[str, bytes]

    def paths(self) -> tuple[str, ...]:
        """Return every file's path, sorted."""
        return tuple(sorted({*self.below.paths(), *self.files}))

    def size(self, path: str) -> int:
        """Return a file's size in bytes; raises :class:`Unread`."""
        return len(self.files[path]) if path in self.files else self.below.size(path)

    def read(self, path: str, limit: int) -> bytes:
        """Return a file's bytes; raises :class:`Unread` when missing, unreadable or over ``limit``."""
        if path not in self.files:
            return self.below.read(path, limit)
        if len(self.files[path]) > limit:
            raise Unread(f"{shown(path)}: {len(self.files[path]):,} bytes, more than the {limit:,} read")
        return self.files[path]

    def head(self, path: str, count: int) -> bytes:
        """Return the first ``count`` bytes of a file (fewer when it is shorter, none when it can't be read)."""
        return self.files[path][:count] if path in self.files else peek(self.below, path, count)


def overlaid(submission: Submission, files: Mapping[str, bytes]) -> Submission:
    """Return the submission as it is with ``files`` written over it; a new README or submission.json is found.

    What the repository's history tells isn't read again: it can't have changed.
    """
    tree = OverlayTree(submission.tree, files)
    changed = dataclasses.replace(submission, tree=tree)
    if submission.lone or all(path in submission.tree.paths() for path in files):
        return changed
    found = describe(tree, given=submission.given, name=submission.name, script=submission.script)
    return dataclasses.replace(changed, readme=found.readme, metadata=found.metadata)
