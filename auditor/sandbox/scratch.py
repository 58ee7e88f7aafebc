"""Folders for one run: empty, the caller's alone, and gone afterwards, whatever a stranger put there.

A folder is locked while its auditor lives, so that the next one can tell those of a killed one and removes them.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

_PREFIX = "golf-audit-run-"
_FOLDER = os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yield an empty folder of the caller's own; it is removed when the context ends."""
    _clear(Path(tempfile.gettempdir()))
    folder, lock = _made()
    try:
        yield folder
    finally:
        os.close(lock)
        remove(folder)


def _made() -> tuple[Path, int]:
    """Return a new folder and its lock; until it is locked, another auditor may take it for a killed one's."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX)).resolve()
        try:
            lock = os.open(folder, _FOLDER)
        except FileNotFoundError:
            continue
        if _lock(lock) and folder.exists():
            return folder, lock
        os.close(lock)


def remove(folder: Path) -> None:
    """Remove a folder with all that is in it, however deep, many or without permissions; links aren't followed.

    The system's own ``chmod`` and ``rm`` walk by handle, so no path is too long for them, which it is for Python's.
    """
    if not folder.exists():
        return
    for command in (["rm", "-rf", "--"], ["chmod", "-R", "u+rwX", "--"], ["rm", "-rf", "--"]):
        subprocess.run([*command, str(folder)], capture_output=True, check=False, env={"PATH": os.defpath})
        if not folder.exists():
            return


def _lock(handle: int) -> bool:
    import fcntl  # Windows has none, and no sandbox either

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _clear(place: Path) -> None:
    """Remove the folders of killed auditors: ours by owner, and locked by nobody."""
    with contextlib.suppress(OSError):
        for folder in place.glob(f"{_PREFIX}*"):
            try:
                handle = os.open(folder, _FOLDER)
            except OSError:
                continue
            try:
                if os.fstat(handle).st_uid == os.geteuid() and _lock(handle):
                    remove(folder)
            finally:
                os.close(handle)
