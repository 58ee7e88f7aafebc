"""The script's clock: it moves by what the script does, not by how fast the machine is.

Each look takes a millisecond, each of the first steps of training 300 seconds: a script that trains until its time is
up stops after a few, the same number every time. Optimizers that step one after another make one step.
"""

from __future__ import annotations

import time
from typing import Any

_LOOK, _STEP, _STEPS = 1_000_000, 300_000_000_000, 3  # nanoseconds; steps that take long


class Clock:
    """The time of a run, in nanoseconds since it began."""

    def __init__(self) -> None:
        self._now = 0
        self._steps = 0
        self._stepped: set[int] = set()  # optimizers, in the step that is under way

    def look(self) -> int:
        """Return the time, a look later."""
        self._now += _LOOK
        return self._now

    def stepped(self, optimizer: Any, *_args: Any) -> None:
        """Let a step take its time: it begins with the first optimizer, or with one that has stepped in the last."""
        if self._stepped and id(optimizer) not in self._stepped:
            self._stepped.add(id(optimizer))
            return
        self._stepped = {id(optimizer)}
        if self._steps < _STEPS:
            self._steps += 1
            self._now += _STEP


def install() -> None:
    """Put the clock in the place of those of :mod:`time`."""
    from torch.optim.optimizer import register_optimizer_step_post_hook

    clock = Clock()
    register_optimizer_step_post_hook(clock.stepped)
    began = time.time_ns()
    for name, start in (("time", began), ("perf_counter", 0), ("monotonic", 0), ("process_time", 0)):
        setattr(time, name, lambda start=start: (start + clock.look()) / 1e9)
        setattr(time, f"{name}_ns", lambda start=start: start + clock.look())
