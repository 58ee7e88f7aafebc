"""Time: what counts as training, and where the rest of a run went.

The cap of the challenge is on training time. Validation during training, warm-up and checkpoints are outside it, as
in the challenge's own script; everything is in the table of phases at the end, so that nothing hides between timers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch

Now = Callable[[], int]  # nanoseconds; integers, so that sums of parts are exact

_SECOND = 1_000_000_000


def device_now(device: torch.device) -> Now:
    """Return a clock for a pause: it waits until ``device`` has done what it was given, then reads the time."""

    def now() -> int:
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter_ns()

    return now


class Clock:
    """A stopwatch for training time.

    ``running`` is read at every step and must not wait for the device; ``settled`` is read at a pause, where the
    device's outstanding work belongs to the time before it.
    """

    def __init__(self, running: Now = time.perf_counter_ns, settled: Now | None = None) -> None:
        self._running = running
        self._settled = settled or running
        self._before = 0  # nanoseconds of finished stretches
        self._started: int | None = None

    def start(self) -> None:
        """Go on counting."""
        self._started = self._settled()

    def pause(self) -> None:
        """Stop counting, once the device has finished."""
        if self._started is not None:
            self._before += self._settled() - self._started
            self._started = None

    def set(self, nanoseconds: int) -> None:
        """Count on from the training time of an earlier process; the clock must be stopped."""
        self._before = nanoseconds

    @property
    def nanoseconds(self) -> int:
        """Training time so far."""
        return self._before + (0 if self._started is None else self._running() - self._started)

    @property
    def seconds(self) -> float:
        """Training time so far."""
        return self.nanoseconds / _SECOND

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave what happens inside out of the training time."""
        self.pause()
        try:
            yield
        finally:
            self.start()


@dataclass
class Phases:
    """Seconds of every phase of a run, in order of first entry."""

    now: Now = time.perf_counter_ns
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Add the time of what happens inside to ``name``."""
        began = self.now()
        self.seconds.setdefault(name, 0.0)
        try:
            yield
        finally:
            self.seconds[name] += (self.now() - began) / _SECOND
