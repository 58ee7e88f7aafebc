"""Files that are whole or not there: written beside, flushed to the disk and renamed."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable
from pathlib import Path

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What the system says when nothing more can be written: no space, over the quota, over the largest file."""


def write_whole(path: Path, pieces: Iterable[bytes]) -> None:
    """Write a file in the place of the one that is there, which stays as it was where that fails (OSError)."""
    partial = path.with_name(f".{path.name[:100]}.{os.getpid()}.partial")
    try:
        # A new file, through no link that lies there.
        partial.unlink(missing_ok=True)
        with partial.open("xb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
    _flush_folder(path.parent)


def write_text(path: Path, text: str) -> None:
    """Write a whole file of UTF-8 text."""
    write_whole(path, [text.encode("utf-8")])


def _flush_folder(folder: Path) -> None:
    """Flush a folder's own entries, where the system can: without it a rename may be lost with the power."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
