"""Following one run: its output, and whether it keeps within its limits."""

from __future__ import annotations

import contextlib
import os
import selectors
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from auditor.sandbox.capture import Capture
from auditor.sandbox.cgroup import Groups
from auditor.sandbox.entry import Places
from auditor.sandbox.model import Limits, Outcome, Stopped
from auditor.sandbox.watch import bytes_below, filled, shared_once, usage_of

_LOOK_SECONDS = 0.05
_DISK_SECONDS = 0.5


class Watcher:
    """Watches one process and all below it; ``places`` is what it can write: handles, or a path."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        limits: Limits,
        groups: Groups,
        places: Places | Path,
        on_output: Callable[[bytes], None] | None,
    ) -> None:
        assert process.stdout is not None
        self._process, self._limits, self._groups, self._places = process, limits, groups, places
        self._stdout: IO[bytes] = process.stdout
        self._on_output = on_output
        self._capture = Capture(limits.output_bytes)
        self._begun = time.monotonic()
        self._peak = 0
        self._disk_at = self._begun
        self._stopped: Stopped | None = None
        self._seconds = 0.0

    def follow(self) -> None:
        """Return when the run has ended or is beyond a limit; whoever calls then ends it."""
        os.set_blocking(self._stdout.fileno(), False)
        with selectors.DefaultSelector() as selector:
            selector.register(self._stdout, selectors.EVENT_READ)
            looked_at, prints = 0.0, True
            while self._stopped is None and self._process.poll() is None:
                if prints:
                    selector.select(_LOOK_SECONDS)
                    prints = self._drain()
                else:  # it closed its output: most likely it is about to end
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        self._process.wait(_LOOK_SECONDS)
                now = time.monotonic()
                if now - looked_at < _LOOK_SECONDS:
                    self._stopped = "output" if self._capture.full else None
                    continue
                looked_at = now
                self._stopped = self._beyond(now)
        self._seconds = time.monotonic() - self._begun

    def outcome(self, mechanism: str) -> Outcome:
        """Return how the run ended, after all of it has."""
        if self._stopped is None:
            self._drain()  # of a run that we ended, only the mechanism's word on that would follow
        code = self._process.returncode
        if self._stopped is None and self._groups.ran_out_of_memory():
            self._stopped = "memory"  # even where the first process came to its end: another of the run was killed
        if self._stopped is None and code != 0:
            self._stopped = self._refused()
        if self._stopped is None and isinstance(self._places, Path):
            self._stopped = "disk" if self._on_disk() > self._limits.scratch_bytes else None
        return Outcome(
            code if self._stopped is None else None,
            self._stopped,
            self._seconds,
            self._capture.text(),
            max(self._peak, self._groups.peak_memory()),
            mechanism,  # type: ignore[arg-type]
        )

    def _beyond(self, now: float) -> Stopped | None:
        """Return the limit that the run is beyond right now."""
        limits = self._limits
        if now - self._begun > limits.wall_seconds:
            return "wallclock"
        if self._capture.full:
            return "output"
        if self._groups.hold:  # a look at every process of the machine takes milliseconds, twenty times a second
            return self._full(now)
        usage = usage_of(self._process.pid)
        if usage.processes > limits.processes:
            return "processes"
        return self._full(now) or self._memory(usage.pids, usage.memory_bytes)

    def _full(self, now: float) -> Stopped | None:
        if isinstance(self._places, Path):
            if now < self._disk_at:
                return None
            held = self._on_disk()
            # Looking through many files must not cost more than the run itself.
            self._disk_at = time.monotonic() + max(_DISK_SECONDS, 10 * (time.monotonic() - now))
            return "disk" if held > self._limits.scratch_bytes else None
        scratch = filled(self._places.scratch)
        temporary, shared = (filled(handle) for handle in self._places.temporary)
        if scratch.full or scratch.files > self._limits.files:
            return "disk"
        if temporary.full or temporary.files > self._limits.files:
            return "disk"
        return "memory" if shared.full or shared.files > self._limits.files else None

    def _memory(self, pids: tuple[int, ...], resident: int) -> Stopped | None:
        """Tell whether memory is used up, where no control group sees to it."""
        if self._groups.of_memory is not None:
            return None
        files = 0
        if not isinstance(self._places, Path):
            files = sum(filled(handle).bytes for handle in (self._places.scratch, *self._places.temporary))
        held = resident + files
        if held > self._limits.memory_bytes:
            held = shared_once(pids) + files  # it takes longer to read, so only where it decides
        self._peak = max(self._peak, held)
        return "memory" if held > self._limits.memory_bytes else None

    def _refused(self) -> Stopped | None:
        """Return what the kernel refused a run that then failed by itself."""
        if self._groups.ran_out_of_processes():
            return "processes"
        return None if isinstance(self._places, Path) else self._full(time.monotonic())

    def _on_disk(self) -> int:
        assert isinstance(self._places, Path)
        return bytes_below(self._places, self._limits.scratch_bytes)

    def _drain(self) -> bool:
        """Read what is there, at most until the capture is full; return whether more may come."""
        while not self._capture.full:
            try:
                piece = os.read(self._stdout.fileno(), 1 << 16)
            except BlockingIOError:
                return True
            if not piece:
                return False
            self._capture.add(piece)
            if self._on_output is not None:
                self._on_output(piece)
        return True
