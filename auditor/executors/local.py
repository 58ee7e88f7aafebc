"""Units on this machine's cores: a pool of processes that no unit can bring down.

The pool is pebble's. A unit that crashes or hangs costs its process and nothing else; what pebble can't go on from (it
gives up where an idle process ends, or one of which it didn't yet know what it had taken) costs a new pool.
"""

from __future__ import annotations

import multiprocessing
import pickle
import queue
import signal
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from typing import Any

from pebble import ProcessExpired, ProcessPool

from auditor.executors import child
from auditor.executors.books import Books, Given
from auditor.executors.model import START_SECONDS, ExecutorError, Failure, Limits, Outcome, Task

_UNITS_PER_PROCESS = 200  # then it is replaced, so that nothing it holds on to can grow for hours
_AHEAD = 1  # units that wait in the pool for each process, so that none is idle
_ATTEMPTS = 3  # of a unit under which the pool breaks
_STARTS = 2  # pools that may break before anything ran in them
_TICK = 1.0


class LocalExecutor(Books[Future[Any]]):
    """Runs units in ``jobs`` processes; see :class:`auditor.executors.model.Executor`."""

    def __init__(self, task: Task, *, jobs: int, limits: Limits, units_per_process: int = _UNITS_PER_PROCESS) -> None:
        self._task = pickle.dumps(task)
        self._jobs = jobs
        self._limits = limits
        self._units_per_process = units_per_process
        super().__init__()
        self._ended: queue.SimpleQueue[Future[Any]] = queue.SimpleQueue()
        self._pool: ProcessPool | None = None
        self._born = 0.0
        self._proven = False  # whether a unit was begun in this pool
        self._failed_starts = 0

    def results(self) -> Iterator[Outcome]:
        """Yield outcomes as they come; raises :class:`ExecutorError` when the processes don't start."""
        while self._waiting or self._given:
            self._feed()
            try:
                future = self._ended.get(timeout=_TICK)
            except queue.Empty:
                self._look()
                continue
            given = self._given.pop(future, None)
            if given is None:
                continue  # cancelled, or of a pool that broke
            outcome = self._outcome(future, given)
            if outcome is not None:
                yield self._finished(outcome)

    def _end(self, handle: Future[Any]) -> None:
        handle.cancel()

    def close(self) -> None:
        """End all processes."""
        self._forget()
        self._end_pool()

    def _feed(self) -> None:
        if self._waiting and self._pool is None:
            workers = min(self._jobs, len(self._waiting))
            self._pool = ProcessPool(
                max_workers=workers,
                max_tasks=self._units_per_process,
                initializer=child.begin,
                initargs=(self._task, self._limits.memory),
                context=multiprocessing.get_context("spawn"),
            )
            self._born, self._proven = time.monotonic(), False
        while self._waiting and self._pool is not None and len(self._given) < self._jobs * (1 + _AHEAD):
            given = self._waiting.popleft()
            try:
                future = self._pool.schedule(child.perform, (given.unit.handed(),), timeout=self._limits.timeout)
            except (BrokenProcessPool, RuntimeError) as error:
                self._waiting.appendleft(given)
                self._broken(error)
                return
            self._given[future] = given
            future.add_done_callback(self._ended.put)

    def _outcome(self, future: Future[Any], given: Given) -> Outcome | None:
        """Return what came of a unit; None where it goes back to those that wait."""
        unit = given.unit
        try:
            kind, value = future.result()
        except TimeoutError:
            self._proven = True
            return Outcome(unit.key, failure=Failure("timeout", f"not done after {self._limits.timeout:g} s"))
        except ProcessExpired as error:
            self._proven = True
            if error.exitcode == child.RETIRED:
                self._waiting.appendleft(given)
                return None
            return Outcome(unit.key, failure=Failure("crash", _ended(error.exitcode)))
        except (BrokenProcessPool, CancelledError) as error:
            self._given[future] = given
            return self._broken(error, future)
        self._proven = True
        self._failed_starts = 0
        if kind == "value":
            return Outcome(unit.key, value)
        return Outcome(unit.key, failure=Failure(kind, value))

    def _broken(self, error: BaseException, first: Future[Any] | None = None) -> Outcome | None:
        """Go on with a new pool, with the units that the old one held.

        Returns an outcome where the unit of ``first`` broke pools too often; raises where no pool starts.
        """
        begun = self._proven or any(future.running() for future in self._given)
        self._failed_starts = 0 if begun else self._failed_starts + 1
        held, self._given = self._given, {}
        self._end_pool()
        if self._failed_starts > _STARTS:
            why = " ".join(str(error).split()) or type(error).__name__
            raise ExecutorError(f"the audit's processes do not start ({why})")
        self._retries += len(held)
        failed = held.pop(first, None) if first is not None else None
        again = [replace(given, attempts=given.attempts + 1) for given in held.values()]
        if failed is not None:
            if failed.attempts >= _ATTEMPTS and begun:
                self._waiting.extendleft(reversed(again))
                return Outcome(failed.unit.key, failure=Failure("crash", "ended before it could say what it did"))
            again.append(replace(failed, attempts=failed.attempts + 1))
        # Apart from the others, so that the one that breaks pools is found.
        self._waiting.extendleft(again)
        return None

    def _look(self) -> None:
        """See whether the pool still lives, and whether it ever came to life."""
        pool = self._pool
        if pool is None or not self._given:
            return
        self._proven = self._proven or any(future.running() for future in self._given)
        if not pool.active:
            self._broken(BrokenProcessPool("the pool ended"))
        elif not self._proven and time.monotonic() - self._born > START_SECONDS:
            raise ExecutorError(f"the audit's processes take over {START_SECONDS:.0f} s to start")

    def _end_pool(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.stop()  # type: ignore[no-untyped-call]
            pool.join()


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
