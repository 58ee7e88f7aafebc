"""The executor that is asked for: this machine's cores, or a cluster."""

from __future__ import annotations

import os

from auditor.executors.model import Executor, Limits, Resources, Say, Task, silent


def open_executor(
    task: Task,
    limits: Limits,
    *,
    jobs: int | None = None,
    cluster: str | None = None,
    resources: Resources | None = None,
    say: Say = silent,
) -> Executor:
    """Return an executor for a task; close it when done.

    ``jobs`` are processes of this machine (None: one for each core). ``cluster`` is an address of a Ray cluster,
    ``auto`` or ``local:N``; ``resources`` are then what one unit occupies, and ``say`` gets a line for what becomes of
    nodes. Raises :class:`~auditor.executors.model.ExecutorError`, and ``ModuleNotFoundError`` where Ray isn't there.
    """
    if cluster is None:
        from auditor.executors.local import LocalExecutor

        return LocalExecutor(task, jobs=jobs or usable_cores(), limits=limits)
    from auditor.executors.cluster import RayExecutor

    return RayExecutor(task, cluster, limits=limits, resources=resources or Resources(), say=say)


def usable_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
