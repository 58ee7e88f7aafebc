"""The results file of a sweep: one JSON object per line, whole again after any interruption."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from auditor.durable import FULL, write_whole
from auditor.submission.model import Unread
from auditor.submission.names import shown
from auditor.sweep.work import Row

_OURS = frozenset({"internal", "crash", "lost", "node"})
"""Kinds of errors that may be gone with the next version of the auditor, the next attempt, or on another node."""


@dataclass(frozen=True)
class Kept:
    """What a results file holds: the finished pull requests, and the byte up to which it is whole.

    ``failed`` are those that a fault of ours, not of theirs, kept from having a report: they are audited again.
    """

    finished: frozenset[int]
    end: int
    size: int
    failed: frozenset[int] = frozenset()


def survey(path: Path) -> Kept:
    """Return what a results file holds; nothing when there is no file yet.

    A last line that was cut off, and a last pull request of which rows are missing, don't count. Raises
    Unread for a file that cannot be read or is something else.
    """
    try:
        size = path.stat().st_size
        file = path.open("rb")
    except FileNotFoundError:
        return Kept(frozenset(), 0, 0)
    except OSError as error:
        raise Unread(f"{shown(str(path))}: cannot be read ({error.strerror})") from error
    finished: set[int] = set()
    failed: set[int] = set()
    end = position = count = 0
    current: int | None = None
    with file:
        for number, line in enumerate(file, 1):
            row = _row(line) if line.endswith(b"\n") else None
            if row is None:
                # Only the end of the file can have been cut off; anything else isn't ours to repair.
                if file.read(1):
                    raise Unread(f"{shown(str(path))}:{number}: not a result of a sweep; give another --out")
                break
            position += len(line)
            count = count + 1 if row["pr"] == current else 1
            current = row["pr"]
            if row.get("kind") in _OURS:
                failed.add(current)
            if count >= row.get("submissions", 1):
                finished.add(row["pr"])
                end = position
    return Kept(frozenset(finished - failed), end, size, frozenset(failed))


class Results:
    """A results file open for appending. Raises Unread when it cannot be opened or written."""

    def __init__(self, path: Path, kept: Kept) -> None:
        self._path = path
        try:
            self._file = _opened(path, kept)
            if kept.failed:
                self._leave_out(kept)
        except OSError as error:
            raise self._unwritten(error) from error

    def add(self, rows: list[Row]) -> None:
        """Append the rows of one pull request: all of them or, where that fails, none."""
        lines = (json.dumps(row, ensure_ascii=True, separators=(",", ":")) + "\n" for row in rows)
        rest = memoryview("".join(lines).encode("ascii"))
        start = self._file.tell()
        try:
            while rest:
                rest = rest[self._file.write(rest) or 0 :]
        except OSError as error:
            self._file.truncate(start)
            self._file.seek(start)
            raise self._unwritten(error) from error

    def close(self) -> None:
        """Write everything to disk and close the file."""
        with self._file:
            try:
                os.fsync(self._file.fileno())
            except OSError as error:
                raise self._unwritten(error) from error

    def _leave_out(self, kept: Kept) -> None:
        """Write the file anew without the rows of pull requests that are audited again."""
        with self._file:
            self._file.seek(0)
            write_whole(self._path, (line for line in self._file if _number(line) not in kept.failed))
        size = self._path.stat().st_size
        self._file = _opened(self._path, Kept(kept.finished, size, size))

    def _unwritten(self, error: OSError) -> Unread:
        hint = "; what it holds is whole, and the same command goes on from it" if error.errno in FULL else ""
        return Unread(f"{shown(str(self._path))}: cannot be written ({error.strerror}){hint}")


def _opened(path: Path, kept: Kept) -> FileIO:
    """Return the file, locked and cut to what is whole, at its end."""
    file = FileIO(path, "r+" if kept.size else "a")
    try:
        _lock(file, path)
        if os.fstat(file.fileno()).st_size != kept.size:
            raise Unread(f"{shown(str(path))}: another sweep has just written to it; start again")
        file.truncate(kept.end)
        file.seek(kept.end)
    except BaseException:
        file.close()
        raise
    return file


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a whole results file."""
    with path.open("rb") as file:
        for line in file:
            row = _row(line)
            if row is not None:
                yield row


def _row(line: bytes) -> Row | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) and isinstance(row.get("pr"), int) else None


def _number(line: bytes) -> int | None:
    row = _row(line)
    return None if row is None else row["pr"]


def _lock(file: FileIO, path: Path) -> None:
    try:
        import fcntl
    except ImportError:
        return  # Windows: two sweeps into one file are the user's affair there
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Unread(f"{shown(str(path))}: another sweep is writing to it") from error
