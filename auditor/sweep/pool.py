"""A pool of processes that no task can bring down: a task that crashes or hangs costs one process."""

from __future__ import annotations

import json
import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Protocol

from auditor.sweep.work import Row, error_row, failure

_READY = b"ready"
_STOP = b""
_START_TIMEOUT = 120.0  # seconds for a process to start and import
_TASKS_PER_PROCESS = 200  # then it is replaced, so that nothing it holds on to can grow for hours
_GRACE = 2.0


class Job(Protocol):
    """What the processes do; it must be picklable, since it travels to them."""

    def prepare(self) -> None:
        """Do, once per process, what would otherwise delay the first task."""
        ...

    def __call__(self, pr: int) -> list[Row]:
        """Return the rows of one pull request."""
        ...


class PoolError(Exception):
    """The processes cannot be started at all; the text is one line."""


@dataclass
class _Worker:
    process: SpawnProcess
    connection: Connection
    deadline: float
    task: int | None = None
    ready: bool = False
    done: int = 0

    def stop(self) -> None:
        """End the process, at once, and free what it held."""
        self.process.kill()
        self.process.join()
        self.connection.close()
        self.process.close()


def run_all(
    prs: Iterable[int], job: Job, *, jobs: int, timeout: float, memory: int | None = None
) -> Generator[tuple[int, list[Row]], None, None]:
    """Yield every pull request with its rows, in the order in which they are done.

    ``timeout`` is in seconds per pull request, ``memory`` in bytes per process. What crashes, hangs or runs
    out of memory yields one row with an error. Closing the iterator ends all processes.
    """
    context = multiprocessing.get_context("spawn")
    waiting = deque(prs)
    workers: list[_Worker] = []
    failed_starts = 0

    def start() -> None:
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, job, memory), daemon=True)
        process.start()
        theirs.close()
        workers.append(_Worker(process, ours, time.monotonic() + _START_TIMEOUT))

    def replace(worker: _Worker) -> None:
        workers.remove(worker)
        worker.stop()
        if waiting:
            start()

    def assign(worker: _Worker) -> None:
        if not waiting or worker.done >= _TASKS_PER_PROCESS:
            replace(worker)
            return
        worker.task = waiting.popleft()
        worker.deadline = time.monotonic() + timeout
        try:
            worker.connection.send_bytes(str(worker.task).encode())
        except OSError:
            # It died between two tasks; the wait below finds its end of the pipe closed and says so.
            return

    try:
        for _ in range(min(jobs, len(waiting))):
            start()
        while workers:
            nearest = min(worker.deadline for worker in workers) - time.monotonic()
            ready = set(wait([w.connection for w in workers], timeout=max(0.0, nearest)))
            for worker in [w for w in workers if w.connection in ready]:
                task = worker.task
                try:
                    message = worker.connection.recv_bytes()
                except (EOFError, OSError):
                    worker.process.join(_GRACE)
                    reason = _ended(worker.process.exitcode)
                    if not worker.ready:
                        failed_starts += 1
                        if failed_starts > jobs + 2:
                            raise PoolError(f"the audit's processes do not start ({reason})") from None
                    replace(worker)
                    if task is not None:
                        yield task, [error_row(task, f"the process that audited it {reason}", "crash")]
                    continue
                if message == _READY:
                    worker.ready = True
                    assign(worker)
                    continue
                worker.task = None
                worker.done += 1
                rows: list[Row] = json.loads(message)
                if any(row.get("kind") == "memory" for row in rows):
                    worker.done = _TASKS_PER_PROCESS  # what filled its memory may still be there
                assign(worker)
                if task is not None:
                    yield task, rows
            now = time.monotonic()
            for worker in [w for w in workers if w.deadline <= now and w.connection not in ready]:
                task = worker.task
                if not worker.ready:
                    raise PoolError(f"the audit's processes take over {_START_TIMEOUT:.0f} s to start")
                replace(worker)
                if task is not None:
                    yield task, [error_row(task, f"not done after {timeout:g} s", "timeout")]
    finally:
        for worker in workers:
            worker.stop()


def _serve(connection: Connection, job: Job, memory: int | None) -> None:
    # Ctrl-C reaches every process of the terminal; the parent alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if memory is not None:
        _limit(memory)
    job.prepare()
    connection.send_bytes(_READY)
    while True:
        try:
            message = connection.recv_bytes()
        except EOFError:
            return  # the parent is gone
        if message == _STOP:
            return
        pr = int(message)
        try:
            rows = job(pr)
        except Exception as error:
            rows = [error_row(pr, "", "") | failure(error)]
        connection.send_bytes(json.dumps(rows).encode())


def _limit(memory: int) -> None:
    try:
        import resource
    except ImportError:
        return  # Windows has no such limit; the timeout remains
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    bound = memory if hard == resource.RLIM_INFINITY else min(memory, hard)
    resource.setrlimit(resource.RLIMIT_AS, (bound, hard))


def _ended(code: int | None) -> str:
    if code is None:
        return "stopped answering"
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        return f"was ended by {name}"
    return f"ended with exit status {code}"
