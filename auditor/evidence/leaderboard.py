"""The leaderboard of the challenge's README, and what it changes in the rows that are known."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

from msgspec import Struct
from msgspec.structs import replace

from auditor.evidence.frontier import Frontier, Row
from auditor.evidence.model import Evidence
from auditor.regex import regex

_COLUMNS = ("run", "score", "author", "summary", "date", "info")
_PULL = regex(r"/pull/(\d{1,6})\b")
_FOLDER = regex(r"\brecords/[^/\s)]+/([^/\s)]+)")
_ON = regex(r"^On PR #(\d{1,6})\b")
_PUBLISHED = regex(r"\(p\s?=\s?(0?\.\d{1,6})\b")
_DATE = regex(r"\d{4}-\d\d-\d\d")
_SAME_MEAN = 1e-4  # bits per byte: the README's fourth decimal


class NoLeaderboard(ValueError):  # noqa: N818 (says what is missing)
    """A README without a leaderboard that can be read; the message is one line."""


class Entry(Struct, frozen=True):
    """One line of the README's table; ``score`` in bits per byte.

    ``named`` is the pull request that its summary begins with: its own, or the one that it builds on.
    """

    name: str
    score: float
    author: str
    date: str
    pr: int | None
    folder: str | None
    published_p: float | None
    named: int | None = None

    @property
    def likely(self) -> int | None:
        """Return the pull request that the row is of, as far as the README tells."""
        return self.pr or self.named


class Changes(Struct, frozen=True):
    """What an update changed, by the rows' names."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


Scores = Callable[[Entry], tuple[tuple[float, ...], str, str | None]]


def parse(readme: str) -> tuple[Entry, ...]:
    """Return the entries of the README's first leaderboard, that of records; raises :class:`NoLeaderboard`."""
    header: list[str] = []
    cells: list[list[str]] = []
    for line in readme.splitlines():
        text = line.strip()
        if not text.startswith("|"):
            if header:
                break
            continue
        row = [cell.strip() for cell in text.strip("|").split("|")]
        if not header:
            header = [cell.lower() for cell in row]
            if tuple(header) != _COLUMNS:
                header = []
        elif len(row) == len(_COLUMNS) and not set(row[0]) <= set(":- "):
            cells.append(row)
    entries = tuple(_entry(row) for row in cells)
    if not entries:
        raise NoLeaderboard("the README holds no leaderboard with the columns Run, Score, Author, Summary, Date, Info")
    named = [entry.named for entry in entries]
    # Two rows that name the same one don't tell which is it.
    return tuple(replace(e, named=None) if named.count(e.named) > 1 else e for e in entries)


def numbered(entries: Sequence[Entry], merged: Mapping[str, int]) -> tuple[Entry, ...]:
    """Return entries with the pull requests that brought their folders to the main branch, where ``merged`` tells."""
    return tuple(replace(e, pr=merged.get(e.folder, e.pr)) if e.folder is not None else e for e in entries)


def merge(known: Frontier, entries: Sequence[Entry], scores: Scores) -> tuple[tuple[Row, ...], Changes]:
    """Return the rows after an update, best last, and what changed.

    What is known of a row (its seeds' scores and where they are from) is kept while its score stays; ``scores``
    finds it for other rows: the scores, their source, and the record folder's name.
    """
    rows: list[Row] = []
    added: list[str] = []
    changed: list[str] = []
    for entry in entries:
        old = _known(known, entry)
        if old is not None and old.score == entry.score and old.status == "leaderboard":
            own = entry.pr or old.pr or entry.named
            row = replace(old, name=entry.name, author=entry.author, date=entry.date, pr=own)
            if row.folder is None:
                row = replace(row, folder=entry.folder or scores(entry)[2])
            if row != old:
                changed.append(entry.name)
        else:
            found, source, folder = scores(entry)
            row = Row(
                pr=entry.likely,
                name=entry.name,
                author=entry.author,
                date=entry.date,
                score=entry.score,
                scores=found,
                status="leaderboard",
                source=f"README; scores: {source}" if found else "README",
                published_p=entry.published_p,
                folder=entry.folder or folder,
            )
            (added if old is None else changed).append(entry.name)
        rows.append(row)
    listed = {row.pr for row in rows if row.pr is not None}
    kept = [row for row in known.rows if row.status == "proposed" and row.pr not in listed]
    names = {row.name for row in rows}
    removed = [r.name for r in known.rows if r.status == "leaderboard" and r.name not in names and r.pr not in listed]
    ordered = sorted([*rows, *kept], key=lambda r: -r.score)
    return tuple(ordered), Changes(tuple(added), tuple(changed), tuple(removed))


def compared(old: Sequence[Row], new: Sequence[Row]) -> Changes:
    """Return what differs between two lists of rows, by their names."""
    before, after = {row.name: row for row in old}, {row.name: row for row in new}
    return Changes(
        added=tuple(name for name in after if name not in before),
        changed=tuple(name for name, row in after.items() if name in before and before[name] != row),
        removed=tuple(name for name in before if name not in after),
    )


def scores_in(evidence: Evidence, score: float) -> tuple[tuple[float, ...], str]:
    """Return the scores by seed whose mean is a row's score, and where they stand; none where no such are found."""
    per_seed = {c.seed: c.value for c in reversed(evidence.metadata.all("val_bpb", per_seed=True))}
    logged = {(run.seed.value if run.seed else run.path): m.val_bpb for run in evidence.runs if (m := run.score)}
    for values, source in ((tuple(logged.values()), "logs"), (tuple(per_seed.values()), "submission.json")):
        if values and abs(fmean(values) - score) <= _SAME_MEAN:
            return values, source
    return (), ""


def to_json(rows: Sequence[Row], source: str, updated: str) -> str:
    """Return the frontier as the data file holds it: a row to a line, so that its history can be read."""
    head = {"source": source, "updated": updated}
    lines = [f'  "{key}": {json.dumps(value, ensure_ascii=False)},' for key, value in head.items()]
    each = ",\n    ".join(json.dumps(_plain(row), ensure_ascii=False) for row in rows)
    return "\n".join(["{", *lines, f'  "rows": [\n    {each}\n  ]', "}"]) + "\n"


def _entry(cells: Sequence[str]) -> Entry:
    name, score, author, summary, date, info = cells
    try:
        value = float(score)
    except ValueError:
        raise NoLeaderboard(
            f"the leaderboard's row {name[:60]!r} has no score that can be read: {score[:20]!r}"
        ) from None
    if not _DATE.fullmatch(date):
        raise NoLeaderboard(f"the leaderboard's row {name[:60]!r} has no date that can be read: {date[:20]!r}")
    pull, named = _PULL.search(info), _ON.search(summary)
    folder = _FOLDER.search(info)
    published = _PUBLISHED.search(summary)
    return Entry(
        name=name,
        score=value,
        author=author,
        date=date,
        pr=int(pull[1]) if pull else None,
        folder=folder[1] if folder else None,
        published_p=float(published[1]) if published else None,
        named=int(named[1]) if named else None,
    )


def _known(known: Frontier, entry: Entry) -> Row | None:
    for row in known.rows:
        if row.name == entry.name or (entry.likely is not None and row.pr == entry.likely):
            return row
    return None


def _plain(row: Row) -> dict[str, object]:
    """Return a row as the data file holds it; what is not known is left out."""
    out: dict[str, object] = {
        "pr": row.pr,
        "name": row.name,
        "author": row.author,
        "date": row.date,
        "score": row.score,
        "scores": list(row.scores),
        "status": row.status,
        "source": row.source,
    }
    for key, value in (("log", row.log), ("number", row.number)):
        if value is not None:
            out[key] = value
    if row.published_p is not None:
        out["published_p"] = row.published_p
    if row.pooled is not None:
        out["pooled"] = {"mean": row.pooled.mean, "sd": row.pooled.sd, "n": row.pooled.n}
    if row.folder is not None:
        out["folder"] = row.folder
    return out
