"""Findings of two audits put side by side, though their lines have moved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

from auditor.finding import Finding, Verdict
from auditor.reaudit.lines import Changes, Hunk, changes
from auditor.reaudit.model import Compared, Pair, ReAudit
from auditor.regex import regex
from auditor.report import Report
from auditor.verdict import weigh

_PLACE = regex(r"([^\s():;]+):(\d+)(?!\d)")  # how a switch's reason names its line
_NUMBERS = regex(r"\d+(?:\.\d+)?")
_MOST_LINES = 40  # of a finding that spans lines
_REASON = 4_000  # characters of a reason that are searched for places
_LONGEST = 1_000_000  # characters of a file that is compared line by line

_Same = Callable[[Finding, Finding], bool]


def re_audit(after: Report, before: Report, said: Report | None = None) -> ReAudit:
    """Return what changed from ``before`` to ``after``, and what ``said`` (on the code of ``before``) had wrong."""
    compared = compare(before, after)
    return ReAudit(before, after, compared, said, None if said is None else compare(said, before))


def from_what_was_said(after: Report, said: Report) -> ReAudit:
    """Return what changed since an earlier report whose code isn't at hand.

    On another head it can't be known whether a finding went with a change or was wrong; on the same head every
    difference is a correction.
    """
    same = said.sha is not None and said.sha == after.sha
    if same:
        return re_audit(after, after, said)
    return ReAudit(said, after, compare(said, after), said)


def compare(before: Report, after: Report) -> Compared:
    """Return the findings that count in one of two reports, paired by rule, file and what their lines say.

    Of one rule, the likeliest pairs are made first: equal lines, lines that moved, equal messages, the nearest.
    """
    left = [f for f in before.findings if _counts(f)]
    right = [f for f in after.findings if _counts(f)]
    remaining: list[Pair] = []
    for same in _likenesses(before, after):
        for then in list(left):
            now = next((f for f in right if same(then, f)), None)
            if now is not None:
                remaining.append(Pair(then, now))
                left.remove(then)
                right.remove(now)
    order = {id(finding): number for number, finding in enumerate(after.findings)}
    remaining.sort(key=lambda pair: order[id(pair.now)])
    quiet_before = [f for f in before.findings if not _counts(f)]
    quiet_after = [f for f in after.findings if not _counts(f)]
    return Compared(
        gone=tuple(Pair(then, _counterpart(then, quiet_after, before, after)) for then in left),
        remaining=tuple(remaining),
        new=tuple(Pair(_counterpart(now, quiet_before, after, before), now) for now in right),
    )


def wording(finding: Finding) -> str:
    """Return the message without its numbers: lines and measured values differ from head to head."""
    return _NUMBERS.sub("0", finding.message)


def cited_hunks(before: Report, after: Report, pair: Pair) -> tuple[tuple[str, Hunk], ...]:
    """Return (path, hunk) for each change of a line that one of the two findings cites, in the order of the files."""
    then, now = _lines(pair.then), _lines(pair.now)
    paths = dict.fromkeys((*then, *now))
    out: list[tuple[str, Hunk]] = []
    for path, layer in paths:
        found = file_changes(before, after, path, layer)
        if found is not None:
            earlier, later = then.get((path, layer), frozenset()), now.get((path, layer), frozenset())
            out += [(path, hunk) for hunk in found.hunks if hunk.touches(earlier, later)]
    return tuple(out)


def other_hunks(before: Report, after: Report, path: str, layer: int, cited: frozenset[Hunk]) -> tuple[Hunk, ...]:
    """Return the changed places of a file that aren't among the cited ones."""
    found = file_changes(before, after, path, layer)
    return () if found is None else tuple(hunk for hunk in found.hunks if hunk not in cited)


def file_changes(before: Report, after: Report, path: str, layer: int) -> Changes | None:
    """Return what changed in one layer of a file; None when it isn't at hand in both, or too large to compare."""
    old, new = _text(before, path, layer), _text(after, path, layer)
    if old is None or new is None or max(len(old), len(new)) > _LONGEST:
        return None
    return _changes(old, new)


_changes = lru_cache(maxsize=16)(changes)


def _counts(finding: Finding) -> bool:
    return weigh(finding) is not Verdict.CLEAN


def _likenesses(before: Report, after: Report) -> Iterator[_Same]:
    """Yield tests for pairs of one finding, the strictest first."""

    def kin(one: Finding, other: Finding) -> bool:
        return one.rule == other.rule and one.path == other.path

    def quoted(one: Finding, other: Finding) -> bool:
        text = _quoted(before, one)
        return kin(one, other) and bool(text) and text == _quoted(after, other) and _moved(before, after, one, other)

    def alike(one: Finding, other: Finding) -> bool:
        text = _quoted(before, one)
        return kin(one, other) and bool(text) and text == _quoted(after, other)

    def worded(one: Finding, other: Finding) -> bool:
        return kin(one, other) and one.line == other.line and wording(one) == wording(other)

    yield quoted
    yield alike
    yield worded
    yield lambda one, other: kin(one, other) and wording(one) == wording(other)
    yield kin
    yield lambda one, other: one.rule == other.rule


def _moved(before: Report, after: Report, one: Finding, other: Finding) -> bool:
    if one.path is None or one.line is None:
        return False
    found = file_changes(before, after, one.path, one.layer)
    return found is not None and found.now(one.line) == other.line


def _counterpart(finding: Finding, quiet: list[Finding], its: Report, others: Report) -> Finding | None:
    """Return the note that a finding has become (or has come from) in the other report."""
    kin = [f for f in quiet if f.rule == finding.rule and f.path == finding.path]
    text = _quoted(its, finding)
    same = [f for f in kin if text and _quoted(others, f) == text]
    return next(iter(same or [f for f in kin if wording(f) == wording(finding)]), None)


def _quoted(report: Report, finding: Finding) -> str:
    """Return the finding's lines without their spacing; empty where the file isn't at hand."""
    if finding.path is None or finding.line is None:
        return ""
    source = report.sources.get((finding.path, finding.layer)) or report.cited.get(finding.path)
    if source is None:
        return ""
    last = min(max(finding.line, finding.end_line or finding.line), finding.line + _MOST_LINES)
    return "\n".join(" ".join(source.line_text(line).split()) for line in range(finding.line, last + 1))


def _lines(finding: Finding | None) -> dict[tuple[str, int], frozenset[int]]:
    """Return the lines that a finding cites by (path, layer): its own, those on its path, those of its switches."""
    if finding is None:
        return {}
    cited: dict[tuple[str, int], set[int]] = {}
    if finding.path is not None and finding.line is not None:
        last = min(max(finding.line, finding.end_line or finding.line), finding.line + _MOST_LINES)
        cited.setdefault((finding.path, finding.layer), set()).update(range(finding.line, last + 1))
    for step in finding.trace:
        cited.setdefault((step.path, step.layer), set()).add(step.line)
    for path, line in _PLACE.findall(finding.active_because[:_REASON]):
        layer = finding.layer if path == finding.path else 0
        cited.setdefault((path, layer), set()).add(int(line))
    return {place: frozenset(lines) for place, lines in cited.items()}


def _text(report: Report, path: str, layer: int) -> str | None:
    # Of the program alone: between two runs every line of a log differs.
    source = report.sources.get((path, layer))
    return None if source is None else source.text
