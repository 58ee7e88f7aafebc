"""A folder on disk as a tree of files, read so that nothing in it can lead elsewhere or block."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from msgspec import Struct

from auditor.challenge.places import is_archive
from auditor.submission.model import Unread
from auditor.submission.names import shown

MAX_FILES = 20_000
MAX_DEPTH = 24
_SKIPPED_FOLDERS = frozenset({".git", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".venv"})
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


class FolderTree(Struct, frozen=True):
    """Regular files below a folder. Implements :class:`auditor.submission.model.Tree`.

    ``problems`` lists, one line each, what lies in the folder and was not taken in: links that leave it or go
    round, pipes, sockets and devices, folders that could not be listed.
    """

    root: str
    entries: dict[str, tuple[str, int]]  # path below the root → (place on disk, size in bytes)
    problems: tuple[str, ...]

    def paths(self) -> tuple[str, ...]:
        """Return every file's path below the root, sorted, with forward slashes."""
        return tuple(sorted(self.entries))

    def size(self, path: str) -> int:
        """Return a file's size in bytes when the folder was listed; raises Unread when there is none."""
        return self._entry(path)[1]

    def read(self, path: str, limit: int) -> bytes:
        """Return a file's bytes; raises Unread when missing, unreadable or over ``limit`` bytes."""
        content = self._bytes(path, limit + 1)
        if len(content) > limit:
            raise Unread(f"{shown(path)}: {self.size(path):,} bytes, more than the {limit:,} read")
        return content

    def head(self, path: str, count: int) -> bytes:
        """Return the first ``count`` bytes of a file (fewer when it is shorter); raises Unread."""
        return self._bytes(path, count)

    def below(self, prefix: str) -> FolderTree:
        """Return the tree of one folder in this tree; paths lose ``prefix``, problems are those below it."""
        start = prefix.rstrip("/") + "/"
        entries = {path[len(start) :]: entry for path, entry in self.entries.items() if path.startswith(start)}
        problems = tuple(p[len(start) :] for p in self.problems if p.startswith(shown(start)))
        return FolderTree(str(Path(self.root) / prefix), entries, problems)

    def only(self, paths: frozenset[str]) -> FolderTree:
        """Return the tree of some files of this tree, without its problems."""
        return FolderTree(self.root, {p: e for p, e in self.entries.items() if p in paths}, ())

    def _entry(self, path: str) -> tuple[str, int]:
        try:
            return self.entries[path]
        except KeyError:
            raise Unread(f"{shown(path)}: no such file in {shown(self.root)}") from None

    def _bytes(self, path: str, count: int) -> bytes:
        place, _ = self._entry(path)
        try:
            # Opened without blocking, then looked at: it may have become a pipe since it was listed.
            descriptor = os.open(place, _OPEN_FLAGS)
            with os.fdopen(descriptor, "rb") as file:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise Unread(f"{shown(path)}: not a plain file")
                return file.read(count)
        except (OSError, ValueError) as error:
            raise Unread(f"{shown(path)}: cannot be read ({_reason(error)})") from error


def open_folder(path: str, *, levels: int = MAX_DEPTH, skip_records: bool = False) -> FolderTree:
    """Return the plain files below a folder; raises Unread when the folder itself cannot be listed.

    Links to folders are never followed; a link to a file is followed when it ends inside the folder. At most
    ``MAX_FILES`` files and ``MAX_DEPTH`` levels are listed, or ``levels`` when that is less. ``skip_records``
    leaves out the archive of records and ``data`` at the top (a repository whose record folders are not wanted).
    """
    root = os.path.realpath(path)
    entries: dict[str, tuple[str, int]] = {}
    problems: list[str] = []
    pending: list[tuple[str, str, int]] = [(root, "", 0)]
    while pending:
        place, prefix, level = pending.pop()
        try:
            with os.scandir(place) as listing:
                found = sorted(listing, key=lambda entry: entry.name)
        except (OSError, ValueError) as error:
            if not prefix:
                raise Unread(f"{shown(path)}: cannot be listed ({_reason(error)})") from error
            problems.append(f"{shown(prefix)}: folder cannot be listed ({_reason(error)})")
            continue
        for entry in found:
            name = prefix + os.fsencode(entry.name).decode("utf-8", "backslashreplace")
            if entry.is_dir(follow_symlinks=False):
                if entry.name in _SKIPPED_FOLDERS or (
                    skip_records and not prefix and (is_archive(entry.name) or entry.name == "data")
                ):
                    continue
                if level + 1 > levels:
                    if levels == MAX_DEPTH:
                        problems.append(f"{shown(name)}: folders nested more than {MAX_DEPTH} deep are not read")
                    continue
                pending.append((entry.path, name + "/", level + 1))
                continue
            place_size, problem = _plain_file(entry, root)
            if place_size is not None:
                entries[name] = place_size
            else:
                problems.append(f"{shown(name)}: {problem}")
            if len(entries) >= MAX_FILES:
                problems.append(f"{shown(prefix) or './'}: more than {MAX_FILES:,} files; the rest is not read")
                return FolderTree(root, entries, tuple(problems))
    return FolderTree(root, entries, tuple(problems))


def _plain_file(entry: os.DirEntry[str], root: str) -> tuple[tuple[str, int] | None, str]:
    try:
        place = entry.path
        if entry.is_symlink():
            place = os.path.realpath(entry.path)
            if place != root and not place.startswith(root.rstrip(os.sep) + os.sep):
                return None, "a link that leaves the folder; not followed"
            if Path(place).is_dir():
                return None, "a link to a folder; not followed"
        status = os.lstat(place)
    except (OSError, ValueError) as error:
        return None, f"cannot be read ({_reason(error)})"
    if stat.S_ISLNK(status.st_mode):
        return None, "a link that goes round in a circle; not followed"
    if not stat.S_ISREG(status.st_mode):
        return None, f"{_kind(status.st_mode)}; not opened"
    return (place, status.st_size), ""


def _kind(mode: int) -> str:
    for test, words in (
        (stat.S_ISFIFO, "a named pipe"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISBLK, "a block device"),
        (stat.S_ISCHR, "a character device"),
    ):
        if test(mode):
            return words
    return "not a plain file"


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
