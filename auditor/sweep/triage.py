"""A queue of pull requests: one row and one verdict each, its reason in words, and those that share a cause."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from auditor import catalogue
from auditor.finding import Recommendation, Verdict
from auditor.sweep.clusters import patterns
from auditor.sweep.overview import Entry, entry_of
from auditor.sweep.work import Row

_ORDER = {verdict.value: -verdict.severity for verdict in Verdict}
_ERROR = 1  # what could not be audited goes last: there is nothing to act on


@dataclass(frozen=True)
class Item:
    """One pull request: the entry of its worst submission, how many it has, and the number of its group from 1.

    ``group`` is None where no other pull request has its cause.
    """

    entry: Entry
    submissions: int
    group: int | None = None


@dataclass(frozen=True)
class Group:
    """Pull requests whose weightiest cause is one rule on the same lines: what ``golf-audit cluster`` explains."""

    number: int
    rule: str
    title: str
    prs: tuple[int, ...]


@dataclass(frozen=True)
class Triage:
    """The queue, the worst first, and its groups, the largest first."""

    items: tuple[Item, ...]
    groups: tuple[Group, ...]


def triage(rows: Iterable[Row]) -> Triage:
    """Return the queue that a sweep's rows make; the rows of one pull request stand together."""
    worst = worst_rows(rows)
    entries = [(entry_of(row), count) for row, count in worst]
    groups = _groups([row for row, _ in worst], [entry for entry, _ in entries])
    of = {pr: group.number for group in groups for pr in group.prs}
    items = [Item(entry, count, of.get(entry.pr)) for entry, count in entries]
    return Triage(tuple(sorted(items, key=_rank)), groups)


def worst_rows(rows: Iterable[Row]) -> list[tuple[Row, int]]:
    """Return of each pull request the row of its worst submission, and how many submissions it has."""
    out: list[tuple[Row, int]] = []
    for _, group in groupby(rows, key=lambda row: row["pr"]):
        own = list(group)
        out.append((min(own, key=_row_rank), len(own)))
    return out


def _row_rank(row: Row) -> tuple[int, bool]:
    if "error" in row:
        return -len(_ORDER), False  # of one pull request it is the worst: nobody knows what it would say
    return _ORDER[row["report"]["verdict"]], row["report"]["recommendation"] != Recommendation.CLOSE


def _rank(item: Item) -> tuple[int, bool, int]:
    verdict = item.entry.verdict
    return _ORDER.get(verdict, _ERROR), item.entry.recommendation != Recommendation.CLOSE, -item.entry.pr


def _groups(rows: Sequence[Row], entries: Sequence[Entry]) -> tuple[Group, ...]:
    """Return the groups so that every pull request is in the largest one of its weightiest cause, and in no other."""
    taken: set[int] = set()
    found: list[tuple[str, tuple[int, ...]]] = []
    for pattern in patterns(rows):
        own = (entries[index] for index in pattern.rows)
        prs = tuple(e.pr for e in own if e.pr not in taken and e.rules[:1] == (pattern.rule,))
        if len(prs) > 1:
            taken.update(prs)
            found.append((pattern.rule, prs))
    found.sort(key=lambda group: (-len(group[1]), group[0], group[1]))
    return tuple(Group(number, rule, _title(rule), prs) for number, (rule, prs) in enumerate(found, 1))


def _title(slug: str) -> str:
    rule = catalogue.find(slug)
    return rule.title if rule is not None else ""
