"""What is to be run, what it is held against, what came of it. Times in seconds, sizes in bytes, scores in bpb."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from auditor.challenge import default
from auditor.challenge.model import Time
from auditor.evidence.statistics import Sample

Verdict = Literal["REPRODUCED", "NOT-REPRODUCED", "OVER-BUDGET", "INCONCLUSIVE"]
Status = Literal["done", "failed", "interrupted"]


def cap_bytes() -> int:
    """Return how many bytes code and compressed model may have together: the reference model's challenge's cap."""
    artifact = default().artifact
    assert artifact is not None
    return artifact.bytes


def _time() -> Time:
    time = default().time
    assert time is not None
    return time


class CannotReproduce(Exception):  # noqa: N818 (it says what is in the way)
    """Something keeps the runs from starting: one line fit for a user."""


@dataclass(frozen=True)
class Budget:
    """The caps that runs are held against. ``given``: by the user, who then means this machine."""

    train: float = field(default_factory=lambda: _time().train_seconds)
    evaluate: float = field(default_factory=lambda: _time().eval_seconds)
    given: bool = False


@dataclass(frozen=True)
class Bar:
    """What a record has to beat: the best row that stood, by its scores, at level ``p``."""

    name: str
    sample: Sample
    p: float


@dataclass(frozen=True)
class Claim:
    """What is to be reproduced: one score per seed where they are known, else one mean.

    ``gpus`` is 0 for a claim about a CPU, which ``gpu`` then names.
    """

    source: str
    scores: tuple[float, ...] = ()
    artifact_bytes: tuple[int, ...] = ()
    train_seconds: tuple[float, ...] = ()
    eval_seconds: tuple[float, ...] = ()
    parameters: int | None = None
    val_tokens: int | None = None
    gpus: int = 8
    gpu: str = "H100"
    invalid: str = ""  # why the claimed score can't be a score at all
    bar: Bar | None = None

    @property
    def hardware(self) -> str:
        """Return the claim's machine, as in ``8xH100``."""
        return f"{self.gpus}x{self.gpu}" if self.gpus else self.gpu


@dataclass(frozen=True)
class Machine:
    """Where the runs go: GPUs by name (empty: none), processor, memory, versions of what they run on."""

    gpus: tuple[str, ...]
    cpu: str
    cores: int
    memory_bytes: int | None
    system: str
    packages: Mapping[str, str] = field(default_factory=dict)

    @property
    def hardware(self) -> str:
        """Return the machine in a few words, as in ``8xNVIDIA H100 80GB HBM3`` or ``CPU, 2 cores``."""
        if not self.gpus:
            return f"CPU, {self.cores} core{'s' if self.cores != 1 else ''}"
        kinds = dict.fromkeys(self.gpus)
        return ", ".join(f"{self.gpus.count(kind)}x{kind}" for kind in kinds)


@dataclass(frozen=True)
class Commit:
    """The revision of the tool's, or the submission's, sources; ``dirty``: files differ from it."""

    sha: str | None
    dirty: bool | None


@dataclass(frozen=True)
class PlannedRun:
    """One process (or group of them) to start: its seed, command, and the environment that was given on purpose."""

    seed: int
    folder: Path
    command: tuple[str, ...]
    given: Mapping[str, str] = field(default_factory=dict)
    resume: Path | None = None


@dataclass(frozen=True)
class Plan:
    """What will run, on what, how long, what it writes. ``conditions`` say how that differs from the claim's own run.

    ``seconds`` and ``disk_bytes`` are estimates for all runs together; None where nothing is known.
    """

    subject: str
    kind: Literal["reference", "submission"]
    runs: tuple[PlannedRun, ...]
    processes: int
    data: Path | None
    output: Path
    budget: Budget
    machine: Machine
    capped: bool = True  # training ends at the budget's cap; else with its last step
    changes: tuple[str, ...] = ()  # --set
    seconds: float | None = None
    disk_bytes: int | None = None
    held_by: str = "nothing: own code"
    stand_ins: bool = False
    notes: tuple[str, ...] = ()
    tokenizer: str = ""  # of the data that the preset reads
    found: str = ""  # what the data folder holds, once it was looked into
    wall: float | None = None  # seconds after which a run is ended; None: the caps and ten minutes


@dataclass(frozen=True)
class Measured:
    """One seed's run, as its log, its files and its exit show it; None where nothing is known.

    ``artifact_bytes`` is the file on disk and the counted code; ``printed_bytes`` what the log totals.
    """

    seed: int
    status: Status
    reason: str = ""
    val_bpb: float | None = None
    val_loss: float | None = None
    train_seconds: float | None = None
    eval_seconds: float | None = None
    wall_seconds: float | None = None
    steps: int | None = None
    parameters: int | None = None
    model_bytes: int | None = None
    code_bytes: int | None = None
    printed_bytes: int | None = None
    peak_memory: int | None = None
    val_tokens: int | None = None
    world_size: int | None = None
    invalid: tuple[str, ...] = ()
    stand_ins: tuple[str, ...] = ()
    losses: tuple[tuple[int, float], ...] = ()  # (step, nats per token)
    scores: tuple[tuple[int, float], ...] = ()  # (step, bpb) during training
    phases: tuple[tuple[str, float], ...] = ()
    parts: tuple[tuple[str, int], ...] = ()

    @property
    def artifact_bytes(self) -> int | None:
        """Return the model's file and the counted code together; what the log totals where there is no file."""
        if self.model_bytes is None or self.code_bytes is None:
            return self.printed_bytes
        return self.model_bytes + self.code_bytes


@dataclass(frozen=True)
class Check:
    """One comparison. ``open`` couldn't be decided here; ``shown`` is said and decides nothing."""

    name: str
    status: Literal["met", "missed", "open", "shown"]
    text: str


@dataclass(frozen=True)
class Judgement:
    """What the runs come to: why, what is missing for more, and what can be concluded all the same."""

    verdict: Verdict
    because: str
    checks: tuple[Check, ...]
    missing: tuple[str, ...] = ()
    concluded: tuple[str, ...] = ()
    sample: Sample | None = None
    interval: tuple[float, float] | None = None  # of the mean, 95 %
    p_equivalent: float | None = None  # larger of the two one-sided tests; below .05: equivalent
    p_bar: float | None = None  # one-sided Welch against the record's bar


@dataclass(frozen=True)
class Reproduction:
    """Everything that a report tells."""

    plan: Plan
    claim: Claim | None
    runs: tuple[Measured, ...]
    judgement: Judgement
    commit: Commit
