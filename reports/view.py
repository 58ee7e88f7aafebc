"""Findings as the templates of comments print them: grouped by rule, quoted, linked, with whose word it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from auditor import catalogue
from auditor.finding import Finding, Group, Overruled, Step, Verdict
from auditor.report import Report
from auditor.rule import Authority
from auditor.verdict import weigh, worst
from reports.citation import citations, overruled
from reports.comment import Form
from reports.detail import Detail
from reports.escape import Markdown, code, cut, fence, markdown
from reports.excerpt import excerpt, one_line
from reports.links import place_link, prose, reference, repository_of

_GROUPS: tuple[Group, ...] = ("compliance", "evidence", "package")


@dataclass(frozen=True)
class StepView:
    """One step on the path of the data: where, what happens, and the line itself."""

    place: Markdown
    note: str
    code: Markdown | None


@dataclass(frozen=True)
class FindingView:
    """One finding. ``place`` is None where no line applies; ``steps_left`` counts steps that aren't shown."""

    word: str
    message: str
    place: Markdown | None
    excerpt: Markdown | None
    steps: tuple[StepView, ...]
    steps_left: int
    active: bool | None
    because: str
    known: bool
    overruled: Markdown | None
    rule: str
    legal: bool


@dataclass(frozen=True)
class Section:
    """The findings of one rule, and what the rule says of them all.

    ``authority`` holds citations in full, ``also`` the rest as references; ``ruled`` tells whether a maintainer has
    spoken.
    """

    rule: str
    title: str
    condition: str
    group: Group
    word: str
    findings: tuple[FindingView, ...]
    left: int
    authority: tuple[Markdown, ...]
    also: Markdown | None
    ruled: bool
    counterpart: Markdown | None
    advice: str


@dataclass(frozen=True)
class GroupView:
    """One of the three verdicts, and what it rests on."""

    name: str
    verdict: str
    reasons: Markdown


def sections(report: Report, form: Form, detail: Detail) -> tuple[tuple[Section, ...], int]:
    """Return the findings that count by rule, the weightiest first in each group, and how many are left out."""
    counted = [f for f in report.findings if weigh(f) is not Verdict.CLEAN]
    by_rule: dict[str, list[Finding]] = {}
    for finding in counted:
        by_rule.setdefault(finding.rule, []).append(finding)
    ordered = sorted(by_rule.values(), key=_rank)
    room = detail.findings
    out: list[Section] = []
    for number, findings in enumerate(ordered):
        # Every rule gets its turn before one of them gets all the room.
        share = max(1, room - (len(ordered) - number - 1)) if room > 0 else 0
        if share:
            out.append(_section(report, findings, share, form, detail))
            room -= len(out[-1].findings)
    return tuple(out), len(counted) - sum(len(section.findings) + section.left for section in out)


def notes(report: Report, form: Form, detail: Detail) -> tuple[tuple[FindingView, ...], int]:
    """Return the findings that change no verdict, and how many are left out; legal patterns go first."""
    found = [f for f in report.findings if weigh(f) is Verdict.CLEAN]
    views = sorted((view_of(report, f, form, detail) for f in found[: detail.notes * 4]), key=lambda v: not v.legal)
    return tuple(views[: detail.notes]), len(found) - min(len(views), detail.notes)


def verdicts(report: Report) -> tuple[GroupView, ...]:
    """Return the three verdicts, each with the rules that it rests on."""
    named = {"compliance": report.compliance, "evidence": report.evidence, "package": report.package}
    return tuple(GroupView(g, named[g].value, _reasons(report, g)) for g in _GROUPS)


def view_of(report: Report, finding: Finding, form: Form, detail: Detail) -> FindingView:
    """Return one finding as templates print it."""
    rule = catalogue.find(finding.rule)
    return FindingView(
        word=weigh(finding).value,
        message=finding.message,
        place=finding_place(report, finding, form),
        excerpt=quoted(report, finding, detail),
        steps=tuple(_step(report, step, form, detail) for step in finding.trace[: detail.steps]),
        steps_left=max(0, len(finding.trace) - detail.steps),
        active=finding.active,
        because=finding.active_because,
        known=bool(finding.known),
        overruled=_overruled(finding.overruled) if finding.overruled is not None else None,
        rule=finding.rule,
        legal=rule is not None and rule.legal_reference and finding.active is not False,
    )


def finding_place(report: Report, finding: Finding, form: Form) -> Markdown | None:
    """Return where a finding lies, linked to the line where that can be; None where it lies nowhere."""
    if finding.path is None:
        return None
    repository = repository_of(report, form.repository)
    return place_link(report, repository, finding.path, finding.line, finding.end_line, finding.layer)


def quoted(report: Report, finding: Finding, detail: Detail) -> Markdown | None:
    """Return the finding's lines and their neighbours as a fenced block, the decisive ones marked with ``>``."""
    shown = excerpt(report, finding.path, finding.line, finding.layer, finding.end_line)
    digits = len(str(shown[-1].number)) if shown else 0
    lines = [
        f"{'>' if line.decisive else ' '} {line.number:>{digits}} | {cut(line.text, detail.code)}".rstrip()
        for line in shown
    ]
    return fence(lines) if lines else None


def authorities(refs: Iterable[tuple[str, Authority | None]], form: Form) -> list[Markdown]:
    """Return citations in full: whose word it is, of what weight, when and what."""
    return [_authority(ref, source, form) for ref, source in refs]


def _section(report: Report, findings: list[Finding], share: int, form: Form, detail: Detail) -> Section:
    first = findings[0]
    rule = catalogue.find(first.rule)
    refs = tuple(dict.fromkeys(pair for finding in findings for pair in citations(finding)))
    order = ("official", "audit", "community")
    refs = tuple(sorted(refs, key=lambda pair: order.index(pair[1].weight) if pair[1] else len(order)))
    also = [_brief(ref, source, form) for ref, source in refs[detail.authorities :]]
    return Section(
        rule=first.rule,
        title=rule.title if rule else "",
        condition=rule.condition if rule else "",
        group=first.group,
        word=worst(weigh(finding) for finding in findings).value,
        findings=tuple(view_of(report, finding, form, detail) for finding in findings[:share]),
        left=max(0, len(findings) - share),
        authority=tuple(authorities(refs[: detail.authorities], form)),
        also=Markdown(", ".join(also)) if also else None,
        ruled=not refs or any(source is None or source.weight != "community" for _, source in refs),
        counterpart=prose(rule.counterpart) if rule and rule.counterpart else None,
        advice=first.advice,
    )


def _rank(findings: list[Finding]) -> tuple[int, int]:
    return _GROUPS.index(findings[0].group), -max(weigh(finding).severity for finding in findings)


def _reasons(report: Report, group: Group) -> Markdown:
    counted = [f for f in report.findings if f.group == group and weigh(f) is not Verdict.CLEAN]
    by_rule: dict[str, Verdict] = {}
    for finding in counted:
        by_rule[finding.rule] = worst((by_rule.get(finding.rule, Verdict.CLEAN), weigh(finding)))
    listed = sorted(by_rule.items(), key=lambda pair: -pair[1].severity)
    words = [f"{markdown(rule)} ({verdict.value})" for rule, verdict in listed]
    return Markdown(", ".join(words))


def _step(report: Report, step: Step, form: Form, detail: Detail) -> StepView:
    where = place_link(report, repository_of(report, form.repository), step.path, step.line, layer=step.layer)
    text = one_line(report, step.path, step.line, step.layer) if detail.quoted_steps else ""
    return StepView(where, step.note, code(text, detail.code) if text else None)


def _overruled(ruling: Overruled) -> Markdown:
    """Return who overruled a finding; its address is ours and is meant to link."""
    escaped = markdown(overruled(ruling))
    return Markdown(escaped.replace(markdown(ruling.link), f"<{ruling.link}>", 1))


def _authority(ref: str, source: Authority | None, form: Form) -> Markdown:
    if source is None:
        return reference(ref)
    weight = form.wording.of_weight(source.weight)
    who = f"{markdown(source.who)}, {markdown(source.when)}"
    return Markdown(f"{reference(ref)} **{weight}** ({who}): {prose(source.said)}")


def _brief(ref: str, source: Authority | None, form: Form) -> Markdown:
    if source is None:
        return reference(ref)
    return Markdown(f"{reference(ref)} ({form.wording.of_weight(source.weight)}, {markdown(source.who)})")
