"""Changes against findings, as reports tell them: which command makes them, what they are, and in which order."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from auditor.causes import causes
from auditor.finding import Finding, Verdict
from auditor.fix.change import Hunk, Tried
from auditor.report import Report
from auditor.verdict import weigh
from reports.escape import Markdown, cut, fence, visible
from reports.excerpt import place
from reports.links import place_link

_MOST = 12  # things to do
_LONGEST = 2_000  # characters of a line that is suggested
_MOST_HUNKS = 8


class ChangeView(Struct, frozen=True):
    """A change that was tried, as comments print it: each place with its block."""

    title: str
    safety: str
    effect: str
    rules: tuple[str, ...]
    places: tuple[tuple[Markdown, Markdown], ...]
    left: int


def fixable(finding: Finding) -> str:
    """Return by which command a finding's change is made, and what it is; "" where no rule offers one.

    Whether a switch takes the finding away shows when it is tried: none is named before.
    """
    change = finding.fix
    if change is None or finding.overruled is not None or finding.active is False:
        return ""
    if change.safety == "unsafe":
        return f"perhaps, with golf-audit fix --unsafe --select {finding.rule}, which keeps a change that takes it away"
    return f"with golf-audit fix --select {finding.rule}, which tries it first: {change.title}"


def to_do(report: Report) -> Iterator[str]:
    """Yield what there is to be done, what blocks a merge first: the change of each cause, or its advice.

    After that comes what blocks nothing and can be changed by a command.
    """
    listed: list[str] = []
    for cause in causes(report):
        first = next((f for f in cause if f.fix is not None), cause[0])
        where = place(first.path, first.line, first.layer)
        listed.append(f"{first.rule}{f' at {where}' if where else ''}: {_what(first)}")
    for finding in report.findings:
        if weigh(finding) is Verdict.CLEAN and fixable(finding):
            listed.append(f"{finding.rule} at {place(finding.path, finding.line, finding.layer)}: {_what(finding)}")
    yield from listed[:_MOST]
    if len(listed) > _MOST:
        yield f"{len(listed) - _MOST} more"


def _what(finding: Finding) -> str:
    if finding.fix is None or not fixable(finding):
        return finding.advice
    if finding.fix.safety == "unsafe":
        return f"{finding.advice} (golf-audit fix --unsafe --select {finding.rule} tries a change that takes it away)"
    return f"{finding.fix.title} (golf-audit fix --select {finding.rule})"


def tried_for(report: Report, finding: Finding) -> Tried | None:
    """Return the change that was tried for a finding and took it away."""
    return next((each for each in report.tried if finding.fix is not None and each.offered == finding.fix), None)


def change_views(report: Report, repository: str | None, most: int) -> list[ChangeView]:
    """Return the changes that were tried, at most so many, as suggestions that can be taken over."""
    views = []
    for tried in report.tried[:most]:
        rules = tuple(dict.fromkeys(f.rule for f in report.findings if f.fix == tried.offered))
        places = tuple((_place(report, hunk, repository), _block(hunk)) for hunk in tried.hunks[:_MOST_HUNKS])
        left = len(tried.hunks) - len(places)
        views.append(ChangeView(tried.change.title, tried.change.safety, tried.change.effect, rules, places, left))
    return views


def _place(report: Report, hunk: Hunk, repository: str | None) -> Markdown:
    last = hunk.line + max(len(hunk.removed), 1) - 1
    return place_link(report, repository, hunk.path, hunk.line, last, hunk.layer)


def _block(hunk: Hunk) -> Markdown:
    """Return lines as GitHub's suggestion, which replaces those that it stands at; else as a difference.

    A suggestion is exact or none: not where a character would have to be made visible, or a line cut.
    """
    exact = all(visible(line) == line and len(line) <= _LONGEST for line in hunk.added)
    if exact and hunk.removed and not hunk.layer:
        return fence(hunk.added, "suggestion")
    lines = [*(f"-{cut(line, _LONGEST)}" for line in hunk.removed), *(f"+{cut(line, _LONGEST)}" for line in hunk.added)]
    return fence(lines, "diff")
