"""What a sandboxed run uses right now, read from /proc and its scratch folder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Usage:
    """Processes of a run and the bytes of memory that they hold together (resident, shared pages counted once each)."""

    processes: int
    memory_bytes: int


def usage_of(root: int) -> Usage:
    """Return what the process ``root`` and all of its descendants use; all zero once they are gone.

    A process that was orphaned inside the sandbox still hangs below its first process, which adopts it.
    """
    children: dict[int, list[int]] = {}
    pages: dict[int, int] = {}
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            stat = Path(entry.path, "stat").read_text("ascii", "replace")
            resident = int(Path(entry.path, "statm").read_text().split()[1])
        except (OSError, IndexError, ValueError):
            continue  # it ended while we looked
        # The command's name may hold anything, so count fields from its closing bracket.
        parent = int(stat[stat.rindex(")") + 2 :].split()[1])
        children.setdefault(parent, []).append(int(entry.name))
        pages[int(entry.name)] = resident
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += children.get(pid, [])
    alive = [pid for pid in found if pid in pages]
    return Usage(len(alive), sum(pages[pid] for pid in alive) * _PAGE)


def bytes_below(folder: Path, enough: int) -> int:
    """Return the bytes of all files below ``folder`` without following links; stops counting beyond ``enough``."""
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
