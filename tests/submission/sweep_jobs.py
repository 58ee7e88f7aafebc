"""Jobs for the pool's tests. They travel to fresh processes, so they live in a module without pytest."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from typing import Any

CRASH, EXIT, HANG, MEMORY, FAULT = 3, 4, 5, 6, 7


@dataclass(frozen=True)
class Misbehaving:
    """Most pull requests are clean; five are not."""

    def prepare(self) -> None:
        return

    def __call__(self, pr: int) -> list[dict[str, Any]]:
        if pr == CRASH:
            os.kill(os.getpid(), signal.SIGKILL)
        if pr == EXIT:
            os._exit(9)
        if pr == HANG:
            time.sleep(600)
        if pr == MEMORY:
            bytearray(64 << 30)
        if pr == FAULT:
            raise ValueError("a defect\nof ours")
        return [{"pr": pr, "submissions": 1, "process": os.getpid()}]

    def key(self, pr: int) -> str:
        return str(pr)


@dataclass(frozen=True)
class Unstartable:
    def prepare(self) -> None:
        raise ImportError("no such module")

    def __call__(self, pr: int) -> list[dict[str, Any]]:
        return []

    def key(self, pr: int) -> str:
        return str(pr)
