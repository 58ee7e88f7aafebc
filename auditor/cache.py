"""Audit results kept on disk, by content and by the version of the tool that made them."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import sys
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

MAX_BYTES = 256 * 1024 * 1024
_TOOL_PACKAGES = ("auditor", "rules", "reports")
_BUSY = 10.0  # seconds to wait for another process that writes
_DAY = 86_400.0
_DIGEST_BYTES = 32
_TABLE = """
CREATE TABLE IF NOT EXISTS results (
    key TEXT NOT NULL, version TEXT NOT NULL, value BLOB NOT NULL, used REAL NOT NULL,
    PRIMARY KEY (key, version)
) WITHOUT ROWID
"""

_Answer = TypeVar("_Answer")


class Cache:
    """A store of JSON bytes by key, shared by any number of processes.

    A cache may forget but never fails: a file that is damaged is begun anew, a value that isn't the one that was
    stored is forgotten, and where none can be written the cache stays empty; ``trouble`` then says why, in one line.
    """

    def __init__(self, path: Path | None, version: str, max_bytes: int = MAX_BYTES) -> None:
        self.path = path
        self.version = version
        self.trouble = ""
        self._max_bytes = max_bytes
        self._connection: sqlite3.Connection | None = None
        self._process = 0

    def get(self, key: str) -> bytes | None:
        """Return the value that this version of the tool stored under a key, None when there is none."""

        def look(connection: sqlite3.Connection) -> bytes | None:
            where = (key, self.version)
            row = connection.execute("SELECT value, used FROM results WHERE key = ? AND version = ?", where).fetchone()
            if row is None:
                return None
            now = time.time()
            if not now - _DAY < row[1] <= now:  # readers seldom need to write
                connection.execute("UPDATE results SET used = ? WHERE key = ? AND version = ?", (now, *where))
            return bytes(row[0])

        return _opened(self._try(look))

    def put(self, key: str, value: bytes) -> None:
        """Store a value under a key; the least recently used values go when the cache is full."""

        def store(connection: sqlite3.Connection) -> None:
            row = (key, self.version, _sealed(value), time.time())
            connection.execute("INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?)", row)
            if self._bytes(connection) > self._max_bytes:
                self._forget(connection)

        self._try(store)

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        connection, self._connection = self._connection, None
        if connection is not None and self._process == os.getpid():
            connection.close()

    def _try(self, action: Callable[[sqlite3.Connection], _Answer]) -> _Answer | None:
        for attempt in (1, 2):
            try:
                connection = self._open()
                if connection is None:
                    return None
                with connection:
                    return action(connection)
            except sqlite3.OperationalError as error:
                # Locked for too long, read-only, full disk, a table that isn't ours: do without, and say so.
                self._give_up(f"the cache {self.path} cannot be used: {error}")
                return None
            except (sqlite3.DatabaseError, TypeError) as error:
                if attempt == 2 or not self._begin_anew():
                    self._give_up(f"the cache {self.path} is damaged: {error}")
                    return None
        return None

    def _open(self) -> sqlite3.Connection | None:
        if self.path is None:
            return None
        if self._connection is not None and self._process == os.getpid():
            return self._connection
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            self._give_up(f"the cache folder {self.path.parent} cannot be made: {error.strerror}")
            return None
        connection = sqlite3.connect(self.path, timeout=_BUSY)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(_TABLE)
        except sqlite3.Error:
            connection.close()
            raise
        self._connection, self._process = connection, os.getpid()
        return connection

    def _begin_anew(self) -> bool:
        self.close()
        assert self.path is not None
        try:
            for ending in ("", "-wal", "-shm", "-journal"):
                Path(f"{self.path}{ending}").unlink(missing_ok=True)
        except OSError:
            return False  # the caller says what is wrong with the file
        return True

    def _give_up(self, trouble: str) -> None:
        self.close()
        self.trouble = trouble
        self.path = None

    def _bytes(self, connection: sqlite3.Connection) -> int:
        pages, free, size = (
            int(connection.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("page_count", "freelist_count", "page_size")
        )
        return (pages - free) * size

    def _forget(self, connection: sqlite3.Connection) -> None:
        """Drop what other versions stored, then the least recently used values, down to 3/4 of the bound."""
        connection.execute("DELETE FROM results WHERE version <> ?", (self.version,))
        excess = self._bytes(connection) - self._max_bytes * 3 // 4
        for key, size in connection.execute("SELECT key, length(value) FROM results ORDER BY used").fetchall():
            if excess <= 0:
                break
            connection.execute("DELETE FROM results WHERE key = ? AND version = ?", (key, self.version))
            excess -= size


def _sealed(value: bytes) -> bytes:
    """Return a value with its digest before it: SQLite doesn't see a byte that the disk turned."""
    return hashlib.sha256(value).digest() + value


def _opened(sealed: bytes | None) -> bytes | None:
    """Return the value that was sealed, None where it is another one by now."""
    if sealed is None:
        return None
    value = sealed[_DIGEST_BYTES:]
    return value if hashlib.sha256(value).digest() == sealed[:_DIGEST_BYTES] else None


def open_cache() -> Cache:
    """Return the user's cache; an empty one that keeps nothing under ``GOLF_AUDIT_NO_CACHE=1``."""
    if os.environ.get("GOLF_AUDIT_NO_CACHE", "") not in {"", "0"}:
        return Cache(None, "")
    import platformdirs

    return Cache(Path(platformdirs.user_cache_dir("golf-audit", appauthor=False)) / "results.sqlite", tool_version())


@lru_cache(maxsize=1)
def tool_version() -> str:
    """Return what results depend on besides the submission: the tool's own files, Python and the parser.

    The files themselves are hashed, not a version number: in a development tree a rule changes between two
    runs, and a result must not outlive it.
    """
    from importlib import metadata

    digest = hashlib.sha256(f"{sys.version_info[:2]} libcst {metadata.version('libcst')}".encode())
    top = Path(__file__).resolve().parent.parent
    for package in _TOOL_PACKAGES:
        for path in sorted((top / package).rglob("*")):
            if path.is_file() and path.suffix not in {".pyc", ".pyo"}:
                digest.update(f"{path.relative_to(top).as_posix()}\0{path.stat().st_size}\0".encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()[:32]
