"""What a sandboxed run uses right now, read from /proc and from the file systems that it writes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Usage:
    """Processes of a run (threads count), and bytes: ``memory_bytes`` counts a page once for each process."""

    pids: tuple[int, ...]
    processes: int
    memory_bytes: int


@dataclass(frozen=True)
class Filled:
    """What a file system holds, as the kernel counts it: unlinked and unreadable files among it."""

    bytes: int
    files: int
    full: bool


def usage_of(root: int) -> Usage:
    """Return what the process ``root`` and all of its descendants use; all zero once they are gone.

    A process that was orphaned inside the sandbox still hangs below its first process, which adopts it.
    """
    children, facts = _processes()
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += children.get(pid, [])
    alive = tuple(pid for pid in found if pid in facts)
    return Usage(alive, sum(facts[pid][0] for pid in alive), sum(facts[pid][1] for pid in alive) * _PAGE)


def children_of(pid: int) -> tuple[int, ...]:
    """Return the processes that a process started and hasn't seen the end of."""
    return tuple(_processes()[0].get(pid, ()))


def shared_once(pids: Iterable[int]) -> int:
    """Return the bytes of memory that processes hold together, a page that several share counted once.

    That is the sum of proportional set sizes (proc_pid_smaps(5)), where they may be read, else of resident ones.
    """
    total = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii", "replace").splitlines()
            total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024
        except (OSError, StopIteration, ValueError, IndexError):
            try:
                total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
            except (OSError, IndexError, ValueError):
                continue
    return total


def filled(handle: int) -> Filled:
    """Return what the file system of an open folder holds."""
    seen = os.fstatvfs(handle)
    full = seen.f_bavail == 0 or seen.f_favail == 0
    return Filled((seen.f_blocks - seen.f_bfree) * seen.f_frsize, seen.f_files - seen.f_ffree, full)


def bytes_below(folder: Path, enough: int) -> int:
    """Return the bytes of all files below ``folder`` without following links; stops counting beyond ``enough``.

    Only for a run without a sandbox, whose scratch folder is a part of the user's own file system.
    """
    total, todo = 0, [str(folder)]
    while todo and total <= enough:
        try:
            with os.scandir(todo.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        todo.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_blocks * 512
        except OSError:
            continue  # the run removed it while we looked
    return total


def _processes() -> tuple[dict[int, list[int]], dict[int, tuple[int, int]]]:
    """Return the children of each process, and its threads and resident pages."""
    children: dict[int, list[int]] = {}
    facts: dict[int, tuple[int, int]] = {}
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            stat = Path(entry.path, "stat").read_text("ascii", "replace")
        except OSError:
            continue  # it ended while we looked
        # The command's name may hold anything, so count fields from its closing bracket.
        fields = stat[stat.rindex(")") + 2 :].split()
        children.setdefault(int(fields[1]), []).append(int(entry.name))
        facts[int(entry.name)] = int(fields[17]), int(fields[21])
    return children, facts
