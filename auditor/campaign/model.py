"""A campaign: what is to be verified, what it costs, where each submission stands. Scores in bpb, times in seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from auditor.evidence.statistics import Sample
from auditor.executors.model import Resources
from auditor.reproduce.afar import Afar
from auditor.reproduce.model import Budget, Reproduction
from auditor.reproduce.place import DataPlace
from auditor.reproduce.remote import Node


@dataclass(frozen=True)
class Entry:
    """One submission to verify: a path, a pull request, or a preset of the reference model; exactly one of them."""

    path: str | None = None
    pr: int | None = None
    preset: str | None = None
    name: str | None = None
    seeds: int | None = None  # None: the campaign's
    changes: tuple[str, ...] = ()

    @property
    def given(self) -> str:
        """Return how the user named it."""
        return self.name or self.path or (f"#{self.pr}" if self.pr is not None else f"preset {self.preset}")


@dataclass(frozen=True)
class Campaign:
    """What was asked for."""

    name: str
    entries: tuple[Entry, ...]
    output: Path
    seeds: int = 3
    repo: str | None = None
    data: DataPlace | None = None
    budget: Budget = field(default_factory=Budget)
    wall: float | None = None
    resources: Resources = field(default_factory=Resources)
    sandbox: bool = True


@dataclass(frozen=True)
class Planned:
    """An entry that can be run, and what is expected of one of its runs."""

    entry: Entry
    afar: Afar
    pr: int | None
    seconds: float


@dataclass(frozen=True)
class Refused:
    """An entry that can't be run at all, and why: it stays on the page."""

    entry: Entry
    why: str


@dataclass(frozen=True)
class Cost:
    """What the runs that are left take, in node-hours: as expected, and at most; ``share`` of a node for each."""

    runs: int
    expected: float
    most: float
    share: float


@dataclass(frozen=True)
class CampaignPlan:
    """Everything that is known before anything runs."""

    campaign: Campaign
    node: Node
    planned: tuple[Planned, ...]
    refused: tuple[Refused, ...]
    cost: Cost


@dataclass(frozen=True)
class Seed:
    """Where one seed ran, and how often it was tried."""

    seed: int
    node: str
    attempts: int


@dataclass(frozen=True)
class Standing:
    """One submission after the campaign. Ranks count from 1, best first; None: it has no score to be ranked by."""

    name: str
    pr: int | None
    found: Reproduction | None  # None: it could not be run
    why: str  # in one line
    claimed: Sample | None
    claimed_interval: tuple[float, float] | None
    seeds: tuple[Seed, ...] = ()
    rank_claimed: int | None = None
    rank_reproduced: int | None = None

    @property
    def verdict(self) -> str:
        """Return the verdict of its reproduction."""
        return self.found.judgement.verdict if self.found is not None else "NOT-RUN"


@dataclass(frozen=True)
class Report:
    """What the page tells. ``node_hours`` were spent on the runs that there are."""

    plan: CampaignPlan
    standings: Sequence[Standing]
    node_hours: float
    notes: tuple[str, ...] = ()
