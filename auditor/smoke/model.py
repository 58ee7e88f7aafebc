"""What a smoke test says: a status per step, with its reason and time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Status = Literal["PASS", "FAIL", "SKIP"]
Cause = Literal[
    "package", "kernel", "data", "python", "script", "exit", "wallclock", "memory", "output", "processes", "disk",
    "crash", "mismatch", "interrupted",
]  # fmt: skip

STEPS = ("import", "hyperparameters", "model", "parameters", "forward", "loss", "code bytes", "artifact")
"""The steps in their order."""

CAUSES: Mapping[str, str] = {
    "package": "a package is missing",
    "kernel": "needs a GPU kernel that has no CPU stand-in",
    "data": "needs data that is neither in the submission nor made up here",
    "python": "needs another version of Python, or doesn't parse",
    "script": "the script raises",
    "exit": "the script ends by itself",
    "wallclock": "over the time limit",
    "memory": "over the memory limit",
    "output": "prints too much",
    "processes": "starts too many processes",
    "disk": "writes too much",
    "crash": "the process died",
    "mismatch": "not what the logs or the arithmetic say",
    "interrupted": "interrupted",
}
"""What each cause of a failure means, in words."""


@dataclass(frozen=True)
class Step:
    """One step: ``seconds`` is its time (None where not timed), ``cause`` that of a failure or of what it skips."""

    name: str
    status: Status
    reason: str = ""
    seconds: float | None = None
    cause: Cause | None = None


@dataclass(frozen=True)
class SmokeReport:
    """The smoke test of one submission.

    ``facts`` are the numbers that the harness reported (hyperparameters, ``parameters``, ``loss`` in nats per token,
    ``artifact_bytes`` of the untrained state); it ran beside the script, so they are the script's word. ``stand_ins``
    names what was replaced. ``tail`` is the end of what was printed.
    """

    submission: str
    name: str
    script: str | None
    setting: str
    steps: tuple[Step, ...]
    stand_ins: tuple[str, ...] = ()
    facts: Mapping[str, int | float] = field(default_factory=dict)
    mechanism: str = ""
    seconds: float = 0.0
    tail: str = ""

    @property
    def failed(self) -> bool:
        """Whether any step failed."""
        return any(step.status == "FAIL" for step in self.steps)

    def step(self, name: str) -> Step:
        """Return a step by its name."""
        return next(step for step in self.steps if step.name == name)
