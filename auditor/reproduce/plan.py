"""What will run: seeds, processes, time. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from auditor.challenge import default
from auditor.regex import regex
from auditor.reproduce.model import Budget, CannotReproduce, Machine

_PIECES = 8  # of a step's batch, one for each of the challenge's GPUs: process counts divide it
_DURATION = regex(r"(\d+(?:\.\d+)?)\s?(s|min|m|h)?", re.IGNORECASE)
_SCALES = {"s": 1.0, "": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Wanted:
    """What the user asked for; None where it is left to us."""

    seeds: int = 3
    path: str | None = None
    preset: str | None = None
    data: Path | None = None
    processes: int | None = None
    budget: Budget = field(default_factory=Budget)
    output: Path | None = None
    sandbox: bool = True
    changes: tuple[str, ...] = ()
    wall: float | None = None  # seconds after which a run is ended; None: the caps and ten minutes


def choose_seeds(wanted: int, claimed: Iterable[int] = ()) -> tuple[int, ...]:
    """Return ``wanted`` different seeds: those of the claim first, then the usual ones, then 1, 2, 3."""
    chosen: dict[int, None] = {}
    for pool in (claimed, default().records.usual_seeds, count(1)):
        for seed in pool:
            if len(chosen) == wanted:
                return tuple(chosen)
            chosen.setdefault(seed)
    raise AssertionError("counting has no end")


def choose_processes(wanted: int | None, machine: Machine) -> int:
    """Return how many processes train: as asked for, else one for each GPU as far as it divides eight, else one."""
    if wanted is not None:
        if _PIECES % wanted:
            raise CannotReproduce(f"--nproc {wanted}: a step is eight pieces, so 1, 2, 4 or 8 processes can share it")
        if machine.gpus and wanted > len(machine.gpus):
            raise CannotReproduce(f"--nproc {wanted}: this machine has {machine.hardware}")
        return wanted
    return max(number for number in (1, 2, 4, 8) if number <= max(1, len(machine.gpus)))


def launcher(python: str, processes: int) -> tuple[str, ...]:
    """Return how ``processes`` are started: the interpreter alone for one, torch's own launcher for more."""
    if processes == 1:
        return (python,)
    return (python, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes))


def threads(machine: Machine, processes: int, most: int | None = None) -> Mapping[str, str]:
    """Return the environment that shares a CPU's cores among ``processes``, ``most`` for each; empty on GPUs.

    Threads that wait sleep: where others use the machine too, spinning costs more than it gains.
    """
    if machine.gpus:
        return {}
    share = machine.cores // processes
    each = str(max(1, share if most is None else min(share, most)))
    return {"OMP_NUM_THREADS": each, "MKL_NUM_THREADS": each, "OMP_WAIT_POLICY": "PASSIVE"}


def parse_budget(text: str) -> Budget:
    """Return the caps written as ``train=600s,eval=10min``; either may be left out. Raises ValueError."""
    caps: dict[str, float] = {}
    for part in text.split(","):
        name, equals, duration = (piece.strip() for piece in part.partition("="))
        match = _DURATION.fullmatch(duration)
        if not equals or name not in ("train", "eval") or match is None or name in caps:
            raise ValueError(f"{text!r} is no budget; it is written as in train=600s,eval=10min")
        caps[name] = float(match[1]) * _SCALES[(match[2] or "").lower()]
        if caps[name] <= 0:
            raise ValueError(f"{text!r}: a cap is longer than nothing")
    usual = Budget()
    return Budget(caps.get("train", usual.train), caps.get("eval", usual.evaluate), given=True)


def parse_changes(changes: Sequence[str]) -> dict[str, str]:
    """Return ``NAME=VALUE`` as a mapping; raises :class:`CannotReproduce`."""
    out = {}
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise CannotReproduce(f"--set {change}: an environment variable is written as in ITERATIONS=20")
        out[name] = value
    return out
