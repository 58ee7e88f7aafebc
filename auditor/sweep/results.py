"""The results file of a sweep: one JSON object per line, whole again after any interruption."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from auditor.submission.model import Unread
from auditor.submission.names import shown
from auditor.sweep.work import Row


@dataclass(frozen=True)
class Kept:
    """What a results file holds: the finished pull requests, and the byte up to which it is whole."""

    finished: frozenset[int]
    end: int
    size: int


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
            if count >= row.get("submissions", 1):
                finished.add(row["pr"])
                end = position
    return Kept(frozenset(finished), end, size)


class Results:
    """A results file open for appending. Raises Unread when it cannot be opened."""

    def __init__(self, path: Path, kept: Kept) -> None:
        try:
            self._file: BinaryIO = path.open("r+b" if kept.size else "ab")
        except OSError as error:
            raise Unread(f"{shown(str(path))}: cannot be written ({error.strerror})") from error
        try:
            _lock(self._file, path)
            if os.fstat(self._file.fileno()).st_size != kept.size:
                raise Unread(f"{shown(str(path))}: another sweep has just written to it; start again")
            self._file.truncate(kept.end)
            self._file.seek(kept.end)
        except BaseException:
            self._file.close()
            raise

    def add(self, rows: list[Row]) -> None:
        """Append the rows of one pull request, all at once."""
        lines = (json.dumps(row, ensure_ascii=True, separators=(",", ":")) + "\n" for row in rows)
        self._file.write("".join(lines).encode("ascii"))
        self._file.flush()

    def close(self) -> None:
        """Write everything to disk and close the file."""
        os.fsync(self._file.fileno())
        self._file.close()


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


def _lock(file: BinaryIO, path: Path) -> None:
    try:
        import fcntl
    except ImportError:
        return  # Windows: two sweeps into one file are the user's affair there
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Unread(f"{shown(str(path))}: another sweep is writing to it") from error
