"""Which lines of a file changed between two of its states."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

_DEEPEST = 60  # regions within regions; a stranger's file can be made to need one per line


@dataclass(frozen=True)
class Hunk:
    """Lines that were taken away, and lines that stand in their place; either may be none.

    ``before`` and ``after`` are the 1-based numbers of the first of them; of none, of the line that follows.
    """

    before: int
    removed: tuple[str, ...]
    after: int
    added: tuple[str, ...]

    def touches(self, before: frozenset[int], after: frozenset[int]) -> bool:
        """Tell whether one of some lines of the earlier state, or of the later one, is among the changed ones."""
        earlier = range(self.before, self.before + len(self.removed))
        later = range(self.after, self.after + len(self.added))
        return not before.isdisjoint(earlier) or not after.isdisjoint(later)


@dataclass(frozen=True)
class Changes:
    """How one file came to be another: its hunks in order, and the pairs of lines that stayed (counted from 0)."""

    hunks: tuple[Hunk, ...]
    pairs: tuple[tuple[int, int], ...]

    @cached_property
    def _now(self) -> dict[int, int]:
        return {before + 1: after + 1 for before, after in self.pairs}

    def now(self, line: int) -> int | None:
        """Return where a line of the earlier state stands in the later one; None when it changed."""
        return self._now.get(line)


def changes(before: str, after: str) -> Changes:
    r"""Return what changed between two texts, whose lines end at ``\n``.

    This is the patience difference: lines that occur once on both sides hold the rest in place (B. Cohen, 2005).
    It takes O(n log n) per level of nesting; what lies deeper than 60 levels is told as replaced.
    """
    old, new = before.split("\n"), after.split("\n")
    pairs = tuple(sorted(_pairs(old, new)))
    hunks: list[Hunk] = []
    a = b = 0
    for i, j in (*pairs, (len(old), len(new))):
        if i > a or j > b:
            hunks.append(Hunk(a + 1, tuple(old[a:i]), b + 1, tuple(new[b:j])))
        a, b = i + 1, j + 1
    return Changes(tuple(hunks), pairs)


def _pairs(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[int, int]]:
    pending = [(0, len(old), 0, len(new), 0)]
    while pending:
        a, a_end, b, b_end, depth = pending.pop()
        while a < a_end and b < b_end and old[a] == new[b]:
            yield a, b
            a, b = a + 1, b + 1
        while a < a_end and b < b_end and old[a_end - 1] == new[b_end - 1]:
            a_end, b_end = a_end - 1, b_end - 1
            yield a_end, b_end
        anchors = _anchors(old, new, range(a, a_end), range(b, b_end)) if depth < _DEEPEST else []
        if not anchors:
            continue
        yield from anchors
        for i, j in (*anchors, (a_end, b_end)):
            if a < i and b < j:
                pending.append((a, i, b, j, depth + 1))
            a, b = i + 1, j + 1


def _anchors(old: Sequence[str], new: Sequence[str], a: range, b: range) -> list[tuple[int, int]]:
    """Return the longest run, rising on both sides, of lines that occur once in each region."""
    counts_old, counts_new = Counter(old[i] for i in a), Counter(new[j] for j in b)
    where = {new[j]: j for j in b if counts_new[new[j]] == 1}
    unique = [(i, where[old[i]]) for i in a if counts_old[old[i]] == 1 and old[i] in where]
    # Patience sorting: piles by their top, each card with the one that it lies behind.
    tops: list[int] = []
    cards: list[int] = []
    behind: list[int | None] = []
    for number, (_, j) in enumerate(unique):
        pile = bisect_left(tops, j)
        behind.append(cards[pile - 1] if pile else None)
        tops[pile : pile + 1] = [j]
        cards[pile : pile + 1] = [number]
    out: list[tuple[int, int]] = []
    at: int | None = cards[-1] if cards else None
    while at is not None:
        out.append(unique[at])
        at = behind[at]
    return out[::-1]
