"""The seam between what is to be done and where: units, their outcomes, and what an executor answers to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

FailureKind = Literal["crash", "timeout", "memory", "internal", "lost", "node"]
Say = Callable[[str], None]

START_SECONDS = 120.0
"""How long a process may take to start and import."""


class ExecutorError(Exception):
    """Nothing can be run at all, or not any longer; the text is one line fit for a user."""


class Task(Protocol):
    """What is done with every unit; it must be picklable, since it travels to the processes."""

    def prepare(self) -> None:
        """Do, once per process, what would otherwise delay the first unit."""
        ...

    def __call__(self, payload: Any, /) -> Any:
        """Return plain data (what JSON can hold, and bytes) for the payload of one unit.

        It may be called again for a unit whose process or node was lost: it must come to the same then.
        """
        ...


@dataclass(frozen=True)
class Late:
    """A payload that is made when its unit is handed over: while it waits it costs nothing."""

    make: Callable[[], Any]


@dataclass(frozen=True)
class Unit:
    """One piece of work. ``key`` says by content which one it is: equal keys are equal work."""

    key: str
    payload: Any

    def handed(self) -> Any:
        """Return the payload as the task gets it."""
        return self.payload.make() if isinstance(self.payload, Late) else self.payload


@dataclass(frozen=True)
class Failure:
    """Why there is no value.

    ``crash``: its process ended; ``timeout``; ``memory``; ``internal``: the task raised; ``lost``: the process or node
    was lost as often as it was tried; ``node``: the node can't do it (another version, other data).
    """

    kind: FailureKind
    text: str


@dataclass(frozen=True)
class Outcome:
    """What came of a unit: its value, or why there is none. ``node`` is where ("": this machine)."""

    key: str
    value: Any = None
    failure: Failure | None = None
    node: str = ""
    attempts: int = 1


@dataclass(frozen=True)
class Progress:
    """How many units wait, are under way and are done; ``retries``: lost and tried again."""

    waiting: int
    running: int
    done: int
    retries: int = 0


@dataclass(frozen=True)
class Limits:
    """What one unit may take: ``timeout`` in seconds, from its own start; ``memory`` bytes of address space."""

    timeout: float
    memory: int | None = None


@dataclass(frozen=True)
class Resources:
    """What a unit occupies of a node: cores, GPUs, bytes of memory, and what a cluster calls by names of its own."""

    cpus: float = 1.0
    gpus: float = 0.0
    memory: int | None = None
    custom: Mapping[str, float] = field(default_factory=dict)

    def wanted(self) -> dict[str, float]:
        """Return the amounts under the names that a Ray node lists them by."""
        named = {"CPU": self.cpus, "GPU": self.gpus, "memory": float(self.memory or 0), **self.custom}
        return {name: amount for name, amount in named.items() if amount}


class Executor(Protocol):
    """Takes units and gives their outcomes. Every unit has exactly one, unless it is cancelled."""

    def submit(self, unit: Unit) -> None:
        """Take a unit; one whose key waits or runs already isn't taken twice."""
        ...

    def results(self) -> Iterator[Outcome]:
        """Yield outcomes as they come, until no unit waits or runs; more may be submitted meanwhile.

        Raises :class:`ExecutorError` when no unit can be run any more.
        """
        ...

    def cancel(self, key: str) -> None:
        """Drop a unit, wherever it is: no outcome of it comes."""
        ...

    def progress(self) -> Progress:
        """Return how far it is."""
        ...

    def close(self) -> None:
        """End everything that runs, at once."""
        ...


def silent(text: str) -> None:
    """Say nothing."""


class Lost(Exception):  # noqa: N818 (what happened)
    """A unit's node refused it: one line. Raised by tasks for what another node could do."""
