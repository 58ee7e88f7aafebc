"""Units in this process, one after the other: what needs the whole machine, and shows what it does as it does it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from auditor.executors.model import Failure, Lost, Outcome, Progress, Task, Unit
from auditor.failure import described


class HereExecutor:
    """Runs units in the caller's own process. Ctrl-C reaches the unit that runs, and goes through to the caller."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._waiting: deque[Unit] = deque()
        self._done = 0

    def submit(self, unit: Unit) -> None:
        """Take a unit."""
        if all(unit.key != other.key for other in self._waiting):
            self._waiting.append(unit)

    def results(self) -> Iterator[Outcome]:
        """Run each unit and yield its outcome."""
        while self._waiting:
            unit = self._waiting.popleft()
            try:
                outcome = Outcome(unit.key, self._task(unit.handed()))
            except Lost as error:
                outcome = Outcome(unit.key, failure=Failure("node", str(error)))
            except Exception as error:
                outcome = Outcome(unit.key, failure=Failure("internal", described(error)))
            self._done += 1
            yield outcome

    def cancel(self, key: str) -> None:
        """Drop a unit that waits."""
        self._waiting = deque(unit for unit in self._waiting if unit.key != key)

    def progress(self) -> Progress:
        """Return how many wait and are done."""
        return Progress(len(self._waiting), 0, self._done)

    def close(self) -> None:
        """Forget what waits."""
        self._waiting.clear()
