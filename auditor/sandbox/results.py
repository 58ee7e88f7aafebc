"""What a run left behind, read as a stranger's: by handle, through no link, only regular files, all of it capped."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from auditor.durable import write_whole

MAX_FILES = 10_000  # that are looked at
MAX_DEPTH = 32  # folders within each other
_PIECE = 1 << 20
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC


@dataclass(frozen=True)
class Left:
    """A regular file that a run left: its path below the scratch folder, and its bytes."""

    path: str
    size: int


class Results:
    """The scratch folder of a run that has ended, by its handle."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def read(self, path: str, most: int) -> bytes | None:
        """Return the first ``most`` bytes of a file; None where there is no regular file that can be read."""
        handle = self._open(path)
        if handle is None:
            return None
        try:
            return b"".join(_pieces(handle, most))
        finally:
            os.close(handle)

    def copy(self, path: str, target: Path, most: int) -> bool:
        """Copy a file of at most ``most`` bytes to a new one of plain mode; return whether it could be.

        ``target`` is whole or not there: it is written beside, flushed to the disk and renamed.
        """
        handle = self._open(path)
        if handle is None:
            return False
        try:
            if os.fstat(handle).st_size > most:
                return False
            write_whole(target, _pieces(handle, most))
        finally:
            os.close(handle)
        target.chmod(0o644)
        return True

    def files(self) -> Iterator[Left]:
        """Yield the regular files, of the first ``MAX_FILES`` entries no deeper than ``MAX_DEPTH`` folders."""
        todo, seen = [PurePosixPath()], 0
        while todo and seen < MAX_FILES:
            folder = todo.pop()
            handle = self._folder(folder)
            if handle is None:
                continue
            try:
                with os.scandir(handle) as entries:
                    for entry in entries:
                        seen += 1
                        if seen > MAX_FILES:
                            return
                        place = folder / entry.name
                        if entry.is_dir(follow_symlinks=False):
                            if len(place.parts) < MAX_DEPTH:
                                todo.append(place)
                        elif entry.is_file(follow_symlinks=False):
                            with contextlib.suppress(OSError):
                                size = os.stat(entry.name, dir_fd=handle, follow_symlinks=False).st_size
                                yield Left(str(place), size)
            finally:
                os.close(handle)

    def _open(self, path: str) -> int | None:
        """Return a handle of a regular file, None where there is none."""
        place = PurePosixPath(path)
        folder = self._folder(place.parent)
        if folder is None:
            return None
        try:
            handle = os.open(place.name, _FILE, dir_fd=folder)
        except OSError:
            return None  # not there, a link, a device without a driver, or not ours to read
        finally:
            os.close(folder)
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            return None
        return handle

    def _folder(self, path: PurePosixPath) -> int | None:
        """Return a handle of a folder, each step of the way a folder and no link."""
        if path.is_absolute() or ".." in path.parts or len(path.parts) > MAX_DEPTH:
            return None
        handle = os.open(".", _FOLDER, dir_fd=self._handle)
        for name in path.parts:
            try:
                inner = os.open(name, _FOLDER, dir_fd=handle)
            except OSError:
                return None
            finally:
                os.close(handle)
            handle = inner
        return handle


def _pieces(handle: int, most: int) -> Iterator[bytes]:
    left = most
    while left > 0:
        piece = os.read(handle, min(_PIECE, left))
        if not piece:
            return
        left -= len(piece)
        yield piece
