"""The leaderboard's rows as data, and which of them a submission has to beat."""

from __future__ import annotations

import json
from functools import lru_cache
from importlib import resources
from typing import Literal

from msgspec import Struct

from auditor.evidence.statistics import Sample, describe


class Row(Struct, frozen=True):
    """One row of the leaderboard: bits per byte, ``scores`` one per seed (empty where none are published).

    ``pooled`` is the sample that the maintainers used where they pooled a cited reproduction.
    """

    pr: int | None
    name: str
    author: str
    date: str
    score: float
    scores: tuple[float, ...]
    status: Literal["leaderboard", "proposed"]
    source: str
    published_p: float | None = None
    pooled: Sample | None = None
    folder: str | None = None  # the record folder's own name

    @property
    def sample(self) -> Sample | None:
        """Return the row's sample for a test; None when its scores are not published."""
        if self.pooled is not None:
            return self.pooled
        return describe(self.scores) if self.scores else None


class Bar(Struct, frozen=True):
    """What a record had to show from a date on: a one-sided p below ``p``, and maybe a gain in nats."""

    since: str
    p: float
    nats: float | None
    source: str


class SeedCount(Struct, frozen=True):
    """How many seeds a record had to show from a date on, by what was accepted."""

    since: str
    seeds: int
    source: str


class Frontier(Struct, frozen=True):
    """The rows in the order of their dates, the bars in force, and the seeds that were asked for."""

    rows: tuple[Row, ...]
    bars: tuple[Bar, ...]
    seeds: tuple[SeedCount, ...]
    source: str
    updated: str

    @property
    def current(self) -> Row:
        """Return the best row of the leaderboard."""
        return min((r for r in self.rows if r.status == "leaderboard"), key=lambda r: r.score)

    def before(self, pr: int) -> Row | None:
        """Return the best row that stood when a pull request opened, by number (numbers follow creation)."""
        older = [r for r in self.rows if r.pr is None or r.pr < pr]
        return min(older, key=lambda r: r.score, default=None)

    def row(self, pr: int) -> Row | None:
        """Return a pull request's own row."""
        return next((r for r in self.rows if r.pr == pr), None)

    def own(self, pr: int | None, folder: str) -> Row | None:
        """Return the row of a submission, by its pull request or its record folder's own name."""
        return next((r for r in self.rows if (pr is not None and r.pr == pr) or r.folder == folder), None)

    def seed_count(self, date: str) -> SeedCount:
        """Return how many seeds were asked for on a date (YYYY-MM-DD)."""
        return [c for c in self.seeds if c.since <= date][-1] if date >= self.seeds[0].since else self.seeds[0]

    def bar(self, date: str) -> Bar:
        """Return the bar in force on a date (YYYY-MM-DD)."""
        return [b for b in self.bars if b.since <= date][-1] if date >= self.bars[0].since else self.bars[0]


@lru_cache(maxsize=1)
def load() -> Frontier:
    """Return the frontier that this version of the tool carries."""
    text = resources.files("auditor.evidence").joinpath("frontier.json").read_text("utf-8")
    data = json.loads(text)
    return Frontier(
        rows=tuple(_row(r) for r in data["rows"]),
        bars=tuple(Bar(b["from"], b["p"], b["nats"], b["source"]) for b in data["bars"]),
        seeds=tuple(SeedCount(c["from"], c["seeds"], c["source"]) for c in data["seeds"]),
        source=data["source"],
        updated=data["updated"],
    )


def _row(raw: dict[str, object]) -> Row:
    fields = dict(raw)
    scores = fields.pop("scores")
    pooled = fields.pop("pooled", None)
    assert isinstance(scores, list)
    return Row(
        **fields,  # type: ignore[arg-type]
        scores=tuple(float(s) for s in scores),
        pooled=Sample(**pooled) if isinstance(pooled, dict) else None,
    )
