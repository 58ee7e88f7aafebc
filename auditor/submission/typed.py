"""A script that is handed in, not read from a folder: what ``check -`` gets on standard input."""

from __future__ import annotations

from msgspec import Struct

from auditor.submission.discover import lone_script
from auditor.submission.model import Submission, Unread

_LARGEST = 32 * 1024 * 1024  # bytes
NAME = "stdin.py"


class OneFile(Struct, frozen=True):
    """A tree of one file. Implements :class:`auditor.submission.model.Tree`."""

    path: str
    data: bytes

    def paths(self) -> tuple[str, ...]:
        """Return the one path."""
        return (self.path,)

    def size(self, path: str) -> int:
        """Return its size in bytes; raises Unread for another path."""
        return len(self.read(path, len(self.data)))

    def read(self, path: str, limit: int) -> bytes:
        """Return its bytes; raises Unread for another path, or where there are more than ``limit``."""
        if path != self.path:
            raise Unread(f"{path}: no such file beside the script")
        if len(self.data) > limit:
            raise Unread(f"{path}: {len(self.data):,} bytes, more than the {limit:,} read")
        return self.data


def read_script(data: bytes, given: str = "-") -> tuple[Submission, ...]:
    """Return the submission that a script alone is; raises Unread for one that is empty or too large."""
    if not data.strip():
        raise Unread("standard input: no script on it")
    if len(data) > _LARGEST:
        raise Unread(f"standard input: more than {_LARGEST // 2**20} MiB")
    return (lone_script(OneFile(NAME, data), NAME, given=given),)


def most() -> int:
    """Return how many bytes tell that a script is too large."""
    return _LARGEST + 1
