"""The cluster comment: one pattern, explained once, and the pull requests that have it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from auditor.finding import Finding, Verdict
from auditor.report import Report
from auditor.rule import Rule
from auditor.verdict import weigh
from reports.comment import Form, fit
from reports.detail import Detail
from reports.escape import Markdown, code
from reports.excerpt import excerpt
from reports.headline import facts
from reports.links import commit_link, line_address, linked, prose, pull_link, reference, repository_of
from reports.view import authorities, finding_place, quoted

_TEMPLATE = "cluster.md.j2"


@dataclass(frozen=True)
class MemberView:
    """One submission of a cluster. ``pull`` names it; ``places`` are where the pattern lies, ``left`` how many more."""

    pull: Markdown
    head: Markdown
    word: str
    places: tuple[Markdown, ...]
    left: int
    score: str
    because: str


@dataclass(frozen=True)
class GroupView:
    """Submissions whose decisive lines read alike; ``excerpt`` are those of the first."""

    members: tuple[MemberView, ...]
    left: int
    excerpt: Markdown | None


def render(rule: Rule, reports: Sequence[Report], form: Form | None = None) -> str:
    """Return the comment on one rule's pattern in several submissions, as Markdown that ends with a newline.

    They are grouped by the text of the decisive lines, the largest group first; those in which the pattern doesn't
    run, and those that don't have it, are named after them.
    """
    form = form or Form()
    return fit(_TEMPLATE, form, lambda detail: _values(rule, reports, form, detail))


def _values(rule: Rule, reports: Sequence[Report], form: Form, detail: Detail) -> Mapping[str, Any]:
    found = {id(report): [f for f in report.findings if f.rule == rule.slug] for report in reports}
    active = [r for r in reports if any(weigh(f) is not Verdict.CLEAN for f in found[id(r)])]
    quiet = [r for r in reports if found[id(r)] and r not in active]
    groups = _groups(rule, active)
    most, each = max(1, detail.findings // 4), max(2, detail.findings)
    sources = [(source.ref, source) for source in rule.authority]
    order = sorted(sources, key=lambda pair: ("official", "audit", "community").index(pair[1].weight))
    return {
        "rule": rule,
        "count": len(active),
        "summary": prose(rule.summary),
        "why": prose(rule.why),
        "counterpart": prose(rule.counterpart) if rule.counterpart else None,
        "advice": prose(rule.advice) if rule.advice else None,
        "authority": authorities(order[: detail.authorities], form),
        "also": Markdown(", ".join(reference(ref) for ref, _ in order[detail.authorities :])) or None,
        "ruled": any(source.weight != "community" for source in rule.authority),
        "groups": [_group(rule, members, form, detail, each) for members in groups[:most]],
        "groups_left": sum(len(members) for members in groups[most:]),
        "quiet": [_member(rule, report, form, detail) for report in quiet[:each]],
        "quiet_left": max(0, len(quiet) - each),
        "without": _named([r for r in reports if not found[id(r)]], form, each),
    }


def _groups(rule: Rule, reports: Sequence[Report]) -> list[list[Report]]:
    """Return the reports by what the decisive lines of the rule's weightiest finding say."""
    groups: dict[str, list[Report]] = {}
    for report in reports:
        first = _weightiest(rule, report)
        lines = excerpt(report, first.path, first.line, first.layer, first.end_line, around=0)
        text = "\n".join(" ".join(line.text.split()) for line in lines)
        groups.setdefault(text or f"{len(groups)}\0", []).append(report)
    return sorted(groups.values(), key=lambda members: -len(members))


def _weightiest(rule: Rule, report: Report) -> Finding:
    return max(
        (finding for finding in report.findings if finding.rule == rule.slug),
        key=lambda finding: weigh(finding).severity,
    )


def _group(rule: Rule, reports: Sequence[Report], form: Form, detail: Detail, most: int) -> GroupView:
    return GroupView(
        members=tuple(_member(rule, report, form, detail) for report in reports[:most]),
        left=max(0, len(reports) - most),
        excerpt=quoted(reports[0], _weightiest(rule, reports[0]), detail),
    )


def _member(rule: Rule, report: Report, form: Form, detail: Detail) -> MemberView:
    first = _weightiest(rule, report)
    same = [f for f in report.findings if f.rule == rule.slug and weigh(f) is weigh(first)]
    places = [place for f in same if (place := finding_place(report, f, form)) is not None]
    return MemberView(
        pull=_name(report, form),
        head=commit_link(report, repository_of(report, form.repository)),
        word=weigh(first).value,
        places=tuple(places[: detail.authorities]),
        left=max(0, len(places) - detail.authorities),
        score=dict(facts(report)).get("val_bpb", ""),
        because=first.active_because,
    )


def _named(reports: Sequence[Report], form: Form, most: int) -> Markdown | None:
    names = [_name(report, form) for report in reports[:most]]
    if len(reports) > most:
        names.append(Markdown(f"{len(reports) - most} more"))
    return Markdown(", ".join(names)) or None


def _name(report: Report, form: Form) -> Markdown:
    if report.pr is not None:
        return pull_link(report.pr, repository_of(report, form.repository))
    return linked(code(report.name), line_address(report, repository_of(report, form.repository), "", None))
