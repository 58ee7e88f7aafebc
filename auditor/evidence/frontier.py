"""The leaderboard's rows as data, and which of them a submission has to beat."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Literal

from msgspec import Struct

from auditor.challenge.known import default, folder
from auditor.challenge.model import Challenge
from auditor.evidence.statistics import Sample, describe


class Row(Struct, frozen=True):
    """One row of the leaderboard: ``scores`` one per seed (empty where none are published).

    Scores are in bits per byte; where the challenge has a target, the row's is its time in seconds.

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
    log: str | None = None  # the log that the table names, below that folder
    number: int | None = None  # the record's own, where the table counts

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
        """Return the row of a submission, by its pull request or its record folder's own name.

        Of several the latest that names a log of that folder.
        """
        here = [r for r in self.rows if r.folder == folder or (pr is not None and r.pr == pr)]
        return max(here, key=lambda r: (r.log is not None and r.folder == folder, r.number or 0), default=None)

    def seed_count(self, date: str) -> SeedCount:
        """Return how many seeds were asked for on a date (YYYY-MM-DD)."""
        return [c for c in self.seeds if c.since <= date][-1] if date >= self.seeds[0].since else self.seeds[0]

    def bar(self, date: str) -> Bar:
        """Return the bar in force on a date (YYYY-MM-DD)."""
        return [b for b in self.bars if b.since <= date][-1] if date >= self.bars[0].since else self.bars[0]


def load(challenge: Challenge | None = None) -> Frontier:
    """Return the frontier of a challenge (None: parameter-golf) that this version of the tool carries.

    A challenge without rows has an empty one.
    """
    asked = challenge if challenge is not None else default()
    place = data_file(asked)
    source, updated, rows = _rows(place) if asked.records.frontier is not None and place.is_file() else ("", "", ())
    return Frontier(
        rows=rows,
        bars=tuple(Bar(b.since.isoformat(), b.p, b.nats, b.source) for b in asked.records.bars),
        seeds=tuple(SeedCount(c.since.isoformat(), c.seeds, c.source) for c in asked.records.seeds),
        source=source,
        updated=updated,
    )


def data_file(challenge: Challenge) -> Path:
    """Return where the rows of a challenge's frontier lie."""
    return folder() / (challenge.records.frontier or f"{challenge.name}.frontier.json")


@cache
def _rows(path: Path) -> tuple[str, str, tuple[Row, ...]]:
    data = json.loads(path.read_text("utf-8"))
    return data["source"], data["updated"], tuple(_row(r) for r in data["rows"])


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
