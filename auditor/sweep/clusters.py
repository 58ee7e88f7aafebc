"""Pull requests that belong together: the same flagged lines, or mostly the same code."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from auditor.report import Report
from auditor.sweep.code import marks
from auditor.sweep.work import Row

ALIKE = 0.5  # of the lines that two submissions have together, this share in both: one lineage
_COMMON = 0.25  # lines in more than this share of all submissions are the challenge's, not an author's
_ENOUGH = 20  # submissions, before any line can be called common
_FEWEST = 8  # lines of a sketch that can tell anything


@dataclass(frozen=True)
class Pattern:
    """One rule's finding on the same code in several pull requests, the earliest first.

    ``rows`` are indexes into the sweep's rows.
    """

    rule: str
    message: str
    rows: tuple[int, ...]


@dataclass(frozen=True)
class Lineage:
    """Submissions whose code is mostly that of the first of them; ``rows`` are indexes into the sweep's rows."""

    rows: tuple[int, ...]


def patterns(rows: Sequence[Row]) -> tuple[Pattern, ...]:
    """Return the flagged patterns that at least two pull requests share, the most frequent first.

    Two findings are one pattern when the rule is the same and so are their decisive lines, spacing and numbers aside.
    """
    groups: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
    messages: dict[tuple[str, int], str] = {}
    for index, row in enumerate(rows):
        findings = row.get("report", {}).get("findings", ())
        for finding, mark in zip(findings, row.get("code", {}).get("lines", ()), strict=False):
            key = (finding["rule"], mark)
            if mark is not None and finding["group"] == "compliance" and index not in groups[key][-1:]:
                groups[key].append(index)
                messages.setdefault(key, finding["message"])
    found: dict[tuple[str, tuple[int, ...]], Pattern] = {}
    for key, group in groups.items():
        if _prs(rows, group) > 1:
            # Several findings of one rule that the same submissions share are one pattern.
            found.setdefault((key[0], tuple(group)), Pattern(key[0], messages[key], tuple(group)))
    return tuple(sorted(found.values(), key=lambda pattern: (-_prs(rows, pattern.rows), pattern.rule, pattern.rows)))


def alike(rows: Iterable[Row], report: Report) -> dict[int, tuple[int, ...]]:
    """Return, for findings of a report that count (by their index), the other pull requests with the same pattern."""
    own = {
        (f.rule, mark): index
        for index, (f, mark) in enumerate(zip(report.findings, marks(report)["lines"], strict=True))
        if mark is not None
    }
    found: defaultdict[int, set[int]] = defaultdict(set)
    for row in rows:
        if row["pr"] != report.pr:
            for key in marked(row):
                if key in own:
                    found[own[key]].add(row["pr"])
    return {index: tuple(sorted(prs)) for index, prs in found.items()}


def marked(row: Row) -> Iterator[tuple[str, int]]:
    """Yield (rule, hash of its decisive lines) of each finding of a row that counts and has lines in code."""
    findings = row.get("report", {}).get("findings", ())
    for finding, mark in zip(findings, row.get("code", {}).get("lines", ()), strict=False):
        if mark is not None:
            yield finding["rule"], mark


def lineages(rows: Sequence[Row]) -> tuple[Lineage, ...]:
    """Return the groups of at least two pull requests with mostly the same code, the largest first.

    In the order of the rows, each joins the group whose first member it is most alike (Jaccard index of the sketches,
    without the lines that are common to all, at least a half), else it opens its own.
    """
    sketches = _telling(rows)
    members: dict[int, list[int]] = {}
    holding: defaultdict[int, list[int]] = defaultdict(list)  # line → first members that have it
    for index, sketch in sketches.items():
        shared: Counter[int] = Counter()
        for mark in sketch:
            shared.update(holding[mark])
        first = _nearest(sketch, shared, sketches)
        if first is not None:
            members[first].append(index)
            continue
        members[index] = [index]
        for mark in sketch:
            holding[mark].append(index)
    found = [Lineage(tuple(group)) for group in members.values() if _prs(rows, group) > 1]
    return tuple(sorted(found, key=lambda lineage: (-_prs(rows, lineage.rows), lineage.rows)))


def _nearest(sketch: frozenset[int], shared: Mapping[int, int], sketches: Mapping[int, frozenset[int]]) -> int | None:
    best: tuple[float, int] | None = None
    for first, count in shared.items():
        alike = count / (len(sketch) + len(sketches[first]) - count)
        if alike >= ALIKE and (best is None or (alike, -first) > best):
            best = (alike, -first)
    return -best[1] if best is not None else None


def _telling(rows: Sequence[Row]) -> dict[int, frozenset[int]]:
    """Return each row's sketch without the lines that are common to all; rows with too little left are left out."""
    sketches = {n: frozenset(row["code"]["sketch"]) for n, row in enumerate(rows) if "code" in row}
    counts = Counter(mark for sketch in sketches.values() for mark in sketch)
    most = len(sketches) * _COMMON if len(sketches) >= _ENOUGH else len(sketches)
    telling = {n: frozenset(mark for mark in sketch if counts[mark] <= most) for n, sketch in sketches.items()}
    return {n: sketch for n, sketch in telling.items() if len(sketch) >= _FEWEST}


def _prs(rows: Sequence[Row], group: Sequence[int]) -> int:
    return len({rows[index]["pr"] for index in group})
