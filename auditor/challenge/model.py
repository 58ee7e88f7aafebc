"""A challenge as data: what its organisers fixed, each with its source and the day from which it held.

Every table of ``rules/challenges/<name>.toml`` is one of these classes, every key one of its fields. A table that a
challenge doesn't have is None, and the rules that need it (:attr:`auditor.rule.Rule.needs`) aren't applied to it.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, field

Weight = Literal["official", "audit", "community"]


class Metric(Struct, frozen=True):
    """What is scored: ``name`` as logs and metadata print it, ``unit`` in words; less is better."""

    name: str
    unit: str
    source: str
    since: datetime.date


class Artifact(Struct, frozen=True):
    """The size that code and model may have together, in bytes, and what a reader of logs has to allow for.

    ``largest_meant`` is the size above which what a log totals was never meant as the artifact.
    """

    bytes: int
    largest_meant: int
    source: str
    since: datetime.date


class Time(Struct, frozen=True):
    """How long training and evaluation may take, in seconds, and how far honest clocks run over.

    ``slack``: the clock is looked at between steps. ``noise``: what a synchronisation before the printing adds.
    ``reserve``: by how much accepted rows end their calibration after training. ``other_budget``: who trains longer
    than this doesn't train under the limit at all.
    """

    train_seconds: float
    eval_seconds: float
    slack: float
    noise: float
    reserve: float
    other_budget: float
    source: str
    since: datetime.date


class Hardware(Struct, frozen=True):
    """The machine on which records are timed; ``card`` is its accelerator's name in words.

    The other three are regular expressions on the names that logs print: of the card, of its slower variants, and of
    cards that are as fast.
    """

    gpus: int
    card: str
    named: str
    slower: str
    as_fast: str
    source: str
    since: datetime.date


class Data(Struct, frozen=True):
    """The text that is scored, and the names of its shards.

    ``bytes`` is its size as text, ``tokens`` how many tokens are scored, None where the challenge fixes no such
    number. ``bytes_per_token`` and ``tokens_of`` (tokens of the whole set in accepted logs) are by tokenizer, and
    ``also_tokens`` are counts of the whole set that were accepted beside those. ``validation`` and ``training`` are
    names of a first shard, as the challenge's own download gives them.
    """

    validation: str
    training: str
    source: str
    since: datetime.date
    documents: int | None = None
    bytes: int | None = None
    tokens: int | None = None
    bytes_per_token: Mapping[str, float] = field(default_factory=dict)
    tokens_of: Mapping[str, int] = field(default_factory=dict)
    also_tokens: tuple[int, ...] = ()


class Layout(Struct, frozen=True):
    """Where submissions lie in the repository: ``<archive>/<track_prefix>…/<name>/``, and the files of one.

    ``metadata`` is the name of the file with its claims, None where there is none; ``script`` the train script's.
    ``logs_carry_source``: a log begins with the script that wrote it, so that a folder needs no script of its own.
    ``held`` are the record folders (``<track>/<name>``) that the repository itself holds: what a checkout without git
    data has beside them was submitted.
    """

    archive: str
    track_prefix: str
    script: str
    source: str
    since: datetime.date
    metadata: str | None = None
    logs_carry_source: bool = False
    held: tuple[str, ...] = ()


class Target(Struct, frozen=True):
    """The loss that a run has to reach, in nats per token, and the one-sided p of that over the logs' mean."""

    loss: float
    source: str
    since: datetime.date
    p: float | None = None


class FixedEnd(Struct, frozen=True):
    """From which day on the step at which a run ends has to be fixed beforehand, and not by its own validation loss."""

    since: datetime.date
    source: str


class Track(Struct, frozen=True):
    """One track: its folder below the archive, and whether a submission to it stands for a record.

    ``declared`` is a regular expression on what metadata call it; ``compiler_flags`` are allowed all the same.
    ``fixed_end`` is None where a run may end as it likes.
    """

    folder: str
    title: str
    kind: Literal["record", "non-record"]
    source: str
    declared: str | None = None
    compiler_flags: tuple[str, ...] = ()
    targets: tuple[Target, ...] = ()
    fixed_end: FixedEnd | None = None

    def target(self, day: str | None) -> Target | None:
        """Return the target in force on a day (YYYY-MM-DD; None: the latest), None for a track without one."""
        found = [t for t in self.targets if day is None or t.since.isoformat() <= day]
        return found[-1] if found else next(iter(self.targets), None)


class Compiler(Struct, frozen=True):
    """From which day on a record may set no extra flag of the compiler: modules of options, and arguments."""

    since: datetime.date
    options: tuple[str, ...]  # what begins the dotted names of options, such as torch._inductor.config
    call: str  # the dotted name of the function that compiles
    arguments: tuple[str, ...]  # those of its arguments that say how to tune, not what to trace
    source: str


class Cutoff(Struct, frozen=True):
    """The day at whose beginning (UTC) the challenge closed."""

    on: datetime.date
    source: str


class SeedCount(Struct, frozen=True):
    """How many seeds a record had to show from a day on."""

    since: datetime.date
    seeds: int
    source: str


class Bar(Struct, frozen=True):
    """What a record had to show from a day on: a one-sided p below ``p``, and maybe a gain in nats per token."""

    since: datetime.date
    p: float
    source: str
    nats: float | None = None


class Records(Struct, frozen=True):
    """What is asked of a record beside its score, and the rows that it has to beat.

    ``frontier`` is the file of the rows, beside the challenge's own; ``usual_seeds`` are those that people take.
    """

    usual_seeds: tuple[int, ...]
    seeds: tuple[SeedCount, ...] = ()
    bars: tuple[Bar, ...] = ()
    frontier: str | None = None


class Ruled(Struct, frozen=True):
    """Why a rule applies to a challenge: who ruled, where and when, and what they said."""

    ref: str
    who: str
    when: str
    weight: Weight
    said: str


class Applied(Struct, frozen=True):
    """Which rules apply.

    A challenge's own rules (:attr:`auditor.rule.Rule.challenge`) apply by the authority that they name themselves.
    ``ruled`` gives an authority to others; ``not_ruled`` tells of some why they don't apply.
    """

    ruled: Mapping[str, tuple[Ruled, ...]] = field(default_factory=dict)
    not_ruled: Mapping[str, str] = field(default_factory=dict)


class Challenge(Struct, frozen=True):
    """One challenge. ``read`` is the day on which its documents were read for this file."""

    name: str
    title: str
    repository: str  # OWNER/NAME on GitHub
    source: str
    read: datetime.date
    metric: Metric
    layout: Layout
    data: Data
    records: Records
    tracks: tuple[Track, ...]
    artifact: Artifact | None = None
    time: Time | None = None
    hardware: Hardware | None = None
    cutoff: Cutoff | None = None
    compiler: Compiler | None = None
    rules: Applied = Applied()

    def __hash__(self) -> int:
        """Return a hash of the name: the tables hold mappings, which have none."""
        return hash(self.name)

    @property
    def address(self) -> str:
        """Return the address of the challenge's repository."""
        return f"https://github.com/{self.repository}"

    def track(self, folder: str) -> Track | None:
        """Return the track that a folder's name (``track_…``) is."""
        return next((track for track in self.tracks if track.folder == folder), None)

    def has(self, need: str) -> bool:
        """Tell whether the challenge has what a rule needs, as ``artifact``, ``data.bytes`` or ``tracks.targets``."""
        found: object = self
        for part in need.split("."):
            if isinstance(found, tuple):
                found = tuple(value for each in found if (value := getattr(each, part)))
            else:
                found = getattr(found, part)
            if found is None or found is False or found == () or found == {}:
                return False
        return True
