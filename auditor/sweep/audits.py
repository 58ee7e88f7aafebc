"""Every pull request through an executor: what has no rows of its own gets one that says why."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Protocol

from auditor.executors.model import Executor, Failure, Unit
from auditor.sweep.work import Row, error_row


class Job(Protocol):
    """The task of a sweep: the payload of a unit is the number of a pull request."""

    def prepare(self) -> None:
        """Do, once per process, what would otherwise delay the first pull request."""
        ...

    def __call__(self, pr: int) -> list[Row]:
        """Return the rows of one pull request."""
        ...

    def key(self, pr: int) -> str:
        """Return by content which audit a pull request needs."""
        ...


def audit_all(prs: Iterable[int], job: Job, executor: Executor) -> Generator[tuple[int, list[Row]], None, None]:
    """Yield every pull request with its rows, in the order in which they are done.

    What crashes, hangs or runs out of memory yields one row with an error. Closing the iterator ends all of it.
    """
    numbers = {job.key(pr): pr for pr in prs}
    try:
        for key, pr in numbers.items():
            executor.submit(Unit(key, pr))
        for outcome in executor.results():
            pr = numbers[outcome.key]
            if outcome.failure is not None:
                yield pr, [error_row(pr, _told(outcome.failure), outcome.failure.kind)]
            else:
                yield pr, outcome.value
    finally:
        executor.close()


def _told(failure: Failure) -> str:
    return f"the process that audited it {failure.text}" if failure.kind == "crash" else failure.text
