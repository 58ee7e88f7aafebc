"""A tree of files held in memory: rule examples, tests, and text that came from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from auditor.submission.model import Unread
from auditor.submission.names import shown


class MemoryTree(Struct, frozen=True):
    """Files by path. Implements :class:`auditor.submission.model.Tree`."""

    files: Mapping[str, bytes]

    def paths(self) -> tuple[str, ...]:
        """Return every file's path, sorted."""
        return tuple(sorted(self.files))

    def size(self, path: str) -> int:
        """Return a file's size in bytes; raises Unread when there is no such file."""
        return len(self._content(path))

    def read(self, path: str, limit: int) -> bytes:
        """Return a file's bytes; raises Unread when missing or over ``limit`` bytes."""
        content = self._content(path)
        if len(content) > limit:
            raise Unread(f"{shown(path)}: {len(content):,} bytes, more than the {limit:,} read")
        return content

    def head(self, path: str, count: int) -> bytes:
        """Return the first ``count`` bytes of a file (fewer when it is shorter); raises Unread."""
        return self._content(path)[:count]

    def _content(self, path: str) -> bytes:
        try:
            return self.files[path]
        except KeyError:
            raise Unread(f"{shown(path)}: no such file in the submission") from None
