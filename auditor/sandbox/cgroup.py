"""A control group for a run, where this user may make one: the kernel then counts memory and processes itself.

Memory so counted is all of it: pages, files that only a descriptor holds (memfd), /tmp, /dev/shm and scratch.
Without one (most users who are not root), resource limits and the watch hold the run.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from auditor.sandbox.model import Limits

_ROOT = Path("/sys/fs/cgroup")
_NAME = "golf-audit-"


@dataclass(frozen=True)
class Groups:
    """The groups of one run: none, one (version 2), or one for memory and one for processes (version 1)."""

    folders: tuple[Path, ...] = ()
    of_memory: Path | None = None
    of_processes: Path | None = None

    @property
    def hold(self) -> bool:
        """Whether the kernel itself counts memory and processes, and refuses what is beyond the limits."""
        return self.of_memory is not None and self.of_processes is not None

    def join(self) -> None:
        """Put the calling process into them; in a child, before it becomes something else."""
        for folder in self.folders:
            (folder / "cgroup.procs").write_text("0")

    def peak_memory(self) -> int:
        """Return the most bytes that were held at once; 0 where nothing counts them."""
        return max((self._number(name) for name in ("memory.peak", "memory.max_usage_in_bytes")), default=0)

    def ran_out_of_memory(self) -> bool:
        """Return whether the kernel killed a process of the run for its memory."""
        return any(self._event(self.of_memory, name, "oom_kill") for name in ("memory.events", "memory.oom_control"))

    def ran_out_of_processes(self) -> bool:
        """Return whether the kernel refused the run a process."""
        return self._event(self.of_processes, "pids.events", "max") > 0

    def _number(self, name: str) -> int:
        try:
            return int((self.of_memory / name).read_text()) if self.of_memory is not None else 0
        except (OSError, ValueError):
            return 0

    @staticmethod
    def _event(folder: Path | None, name: str, event: str) -> int:
        try:
            lines = (folder / name).read_text().splitlines() if folder is not None else []
        except OSError:
            return 0
        counts = dict(line.split(" ", 1) for line in lines if " " in line)
        return int(counts.get(event, "0"))


@contextlib.contextmanager
def control_group(limits: Limits, root: Path = _ROOT) -> Iterator[Groups]:
    """Yield the groups of a run; those of runs whose auditor is gone are removed first.

    They are removed when the context ends; by then the run's processes must be gone.
    """
    made: dict[str, Path] = {}
    try:
        for kind, parent, values in _wanted(limits, root):
            _clear(parent)
            folder = parent / f"{_NAME}{os.getpid()}-{_started(os.getpid())}-{time.monotonic_ns()}"
            with contextlib.suppress(OSError):
                folder.mkdir()
                try:
                    for name, value in values:
                        (folder / name).write_text(str(value))
                except OSError:
                    _remove(folder)
                    raise
                made[kind] = folder
        both = made.get("both")
        yield Groups(tuple(made.values()), made.get("memory", both), made.get("pids", both))
    finally:
        for folder in made.values():
            _remove(folder)


def _wanted(limits: Limits, root: Path) -> list[tuple[str, Path, list[tuple[str, int]]]]:
    """Return the kind of each group, the group to make it in, and its settings."""
    if (root / "cgroup.controllers").exists():
        parent = _delegated(root)
        values = [("pids.max", limits.processes), ("memory.max", limits.memory_bytes), ("memory.swap.max", 0)]
        return [] if parent is None else [("both", parent, values)]
    return [
        ("pids", root / "pids", [("pids.max", limits.processes)]),
        ("memory", root / "memory", [("memory.limit_in_bytes", limits.memory_bytes)]),
    ]


def _delegated(root: Path, own: Path = Path("/proc/self/cgroup")) -> Path | None:
    """Return the nearest group above our own in which a group for memory and processes may be made.

    It hands both controllers down, we may make groups in it, and move a process from ours into them: the kernel asks
    for write access to ``cgroup.procs`` of the group that both are in.
    """
    try:
        lines = own.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return None
    place = next((line[3:].strip("/") for line in lines if line.startswith("0::")), "")
    here = root / place
    for folder in (here, *here.parents):
        if not folder.is_relative_to(root):
            return None
        try:
            handed = (folder / "cgroup.subtree_control").read_text().split()
        except OSError:
            continue
        writable = os.access(folder, os.W_OK) and os.access(folder / "cgroup.procs", os.W_OK)
        if {"memory", "pids"} <= set(handed) and writable:
            return folder
    return None


def _clear(parent: Path) -> None:
    """Remove the groups that a killed auditor left; one that still holds a process can't be, and is left alone."""
    with contextlib.suppress(OSError):
        for folder in parent.glob(f"{_NAME}*"):
            words = folder.name.removeprefix(_NAME).split("-")
            if len(words) == 3 and words[0].isdigit() and words[1] != _started(int(words[0])):
                with contextlib.suppress(OSError):
                    folder.rmdir()


def _started(pid: int) -> str:
    """Return when a process began, in the kernel's ticks; empty where there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except OSError:
        return ""
    # The command's name may hold anything, so count fields from its closing bracket.
    fields: Sequence[str] = stat[stat.rindex(")") + 2 :].split()
    return fields[19]


def _remove(folder: Path) -> None:
    for _ in range(50):
        try:
            folder.rmdir()
            return
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.02)  # its last processes are being reaped
