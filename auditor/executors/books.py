"""What an executor keeps of its units: which wait, which were handed on, and how often each was tried."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

from auditor.executors.model import Outcome, Progress, Unit

Handle = TypeVar("Handle")  # what stands for a unit that was handed on


@dataclass(frozen=True)
class Given:
    """A unit, and the number of the try that it is in."""

    unit: Unit
    attempts: int = 1


class Books(ABC, Generic[Handle]):
    """The half of an executor that is the same wherever its units run."""

    def __init__(self) -> None:
        self._held: set[str] = set()  # keys of what waits and runs
        self._waiting: deque[Given] = deque()
        self._given: dict[Handle, Given] = {}
        self._done = 0
        self._retries = 0

    def submit(self, unit: Unit) -> None:
        """Take a unit; one that is held already is taken once."""
        if unit.key not in self._held:
            self._held.add(unit.key)
            self._waiting.append(Given(unit))

    def cancel(self, key: str) -> None:
        """Drop a unit, and end what runs of it."""
        self._held.discard(key)
        self._waiting = deque(given for given in self._waiting if given.unit.key != key)
        for handle in [handle for handle, given in self._given.items() if given.unit.key == key]:
            del self._given[handle]
            self._end(handle)

    def progress(self) -> Progress:
        """Return how far it is."""
        return Progress(len(self._waiting), len(self._given), self._done, self._retries)

    @abstractmethod
    def _end(self, handle: Handle) -> None:
        """End what runs of a unit."""

    def _finished(self, outcome: Outcome) -> Outcome:
        """Strike a unit off."""
        self._done += 1
        self._held.discard(outcome.key)
        return outcome

    def _forget(self) -> None:
        """Strike everything off."""
        self._waiting.clear()
        self._given.clear()
        self._held.clear()
