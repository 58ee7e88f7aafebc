"""What runs in the processes of a pool: the task is kept there, and whatever happens comes back as plain data."""

from __future__ import annotations

import ctypes
import os
import pickle
import signal
import sys
import time
from typing import Any

from auditor.executors.model import Lost, Task
from auditor.failure import described

RETIRED = 86
"""The exit status of a process that leaves its next unit to another one."""

_PR_SET_PDEATHSIG = 1
_SETTLE = 0.3  # seconds; the pool must know which unit a process has taken before it finds it ended

_state: dict[str, Any] = {}

Told = tuple[str, Any]  # ("value", value) or (kind of a failure, its text)


def begin(task: bytes, memory: int | None) -> None:
    """Make this process ready for units of a pickled task, and end it when its parent ends."""
    parent = os.getppid()
    die_with_parent()
    if os.getppid() != parent:
        os._exit(1)
    if memory is not None:
        _limit(memory)
    own: Task = pickle.loads(task)
    own.prepare()
    _state["task"] = own


def perform(payload: Any) -> Told:
    """Return what the task makes of a payload. Nothing is raised: not every exception would survive the way back."""
    if _state.get("retired"):
        time.sleep(_SETTLE)
        os._exit(RETIRED)
    try:
        return "value", _state["task"](payload)
    except MemoryError:
        retire()
        return "memory", "out of memory"
    except Lost as error:
        return "node", str(error)
    except BaseException as error:
        return "internal", described(error)


def retire() -> None:
    """Have this process replaced before its next unit: what filled its memory may still be there."""
    _state["retired"] = True


def die_with_parent(number: int = signal.SIGKILL) -> None:
    """Have the system send this process a signal when its parent ends, where the system can (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)


def _limit(memory: int) -> None:
    try:
        import resource
    except ImportError:
        return  # Windows has no such limit; the time-out remains
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    bound = memory if hard == resource.RLIM_INFINITY else min(memory, hard)
    resource.setrlimit(resource.RLIMIT_AS, (bound, hard))
