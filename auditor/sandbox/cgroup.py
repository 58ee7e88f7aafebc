"""A control group for a run, where this user may make one: the kernel then counts memory and processes itself.

Without one (most users who are not root), resource limits and the watch hold the run.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from auditor.sandbox.model import Limits

_ROOT = Path("/sys/fs/cgroup")


@contextlib.contextmanager
def control_group(limits: Limits) -> Iterator[tuple[Path, ...]]:
    """Yield the ``cgroup.procs`` files that a process writes 0 to in order to join; empty when none can be made.

    The groups are removed when the context ends; by then the run's processes must be gone.
    """
    made: list[Path] = []
    try:
        for folder, values in _wanted(limits):
            with contextlib.suppress(OSError):
                folder.mkdir()
                made.append(folder)
                for name, value in values:
                    (folder / name).write_text(str(value))
        yield tuple(folder / "cgroup.procs" for folder in made)
    finally:
        for folder in made:
            _remove(folder)


def _wanted(limits: Limits) -> list[tuple[Path, list[tuple[str, int]]]]:
    name = f"golf-audit-{os.getpid()}-{time.monotonic_ns()}"
    if (_ROOT / "cgroup.controllers").exists():
        values = [("pids.max", limits.processes), ("memory.max", limits.memory_bytes), ("memory.swap.max", 0)]
        return [(_ROOT / name, values)]
    return [
        (_ROOT / "pids" / name, [("pids.max", limits.processes)]),
        (_ROOT / "memory" / name, [("memory.limit_in_bytes", limits.memory_bytes)]),
    ]


def _remove(folder: Path) -> None:
    for _ in range(50):
        try:
            folder.rmdir()
            return
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.02)  # its last processes are being reaped
