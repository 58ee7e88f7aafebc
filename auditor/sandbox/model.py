"""What is asked of the sandbox and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Mechanism = Literal["bubblewrap", "unshare", "none"]
Stopped = Literal["wallclock", "output", "processes", "memory", "disk", "interrupted"]


@dataclass(frozen=True)
class Limits:
    """What a run may use at most. All of its processes count together, but for ``file_bytes`` and ``cpu_seconds``."""

    wall_seconds: float = 600.0
    cpu_seconds: int = 0  # of each process; 0: as many as the wall clock allows on all cores
    memory_bytes: int = 16 << 30  # with what lies in the scratch folder, /tmp and /dev/shm, which are memory too
    processes: int = 512  # threads count
    file_bytes: int = 8 << 30  # of a single file
    scratch_bytes: int = 16 << 30  # of everything in the scratch folder; /tmp and /dev/shm have 2 GiB each
    files: int = 200_000  # in the scratch folder, folders among them
    output_bytes: int = 64 << 20  # of standard output and error together


@dataclass(frozen=True)
class Request:
    """One command for the sandbox.

    ``scratch`` is a folder: the run begins with a copy of it in the same place, its working directory and home, and
    the only one that it may write. ``readable`` are the folders and files that it sees beside the system's own programs
    and this interpreter. ``environment`` is all of its environment but for a few fixed names. ``gpu`` passes the NVIDIA
    devices through.
    """

    command: tuple[str, ...]
    scratch: Path
    readable: tuple[Path, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = Limits()
    gpu: bool = False


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    ``code`` is the exit status, 128 and the number for a signal (None when it was stopped); ``stopped`` the limit that
    ended it, be it that we stopped it or that the kernel refused more and it gave up; ``seconds`` of wall clock;
    ``output`` what it printed (UTF-8, replaced where broken), its middle left out beyond the kept length;
    ``peak_memory`` bytes of all its processes; ``mechanism`` what held it.
    """

    code: int | None
    stopped: Stopped | None
    seconds: float
    output: str
    peak_memory: int
    mechanism: Mechanism

    @property
    def ok(self) -> bool:
        """Whether the command ended by itself with status 0."""
        return self.stopped is None and self.code == 0


class NoSandbox(Exception):  # noqa: N818 (it says what is missing)
    """There is no way to hold the code on this machine: one line that says what to install."""
