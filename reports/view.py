"""Findings as the templates of comments print them: quoted, linked, with whose word it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from auditor import catalogue
from auditor.finding import Finding, Group, Overruled, Step, Verdict
from auditor.report import Report
from auditor.rule import Authority
from auditor.verdict import weigh, worst
from reports.absent import unchecked
from reports.citation import overruled
from reports.comment import Form
from reports.detail import Detail
from reports.escape import Markdown, code, cut, fence, markdown
from reports.excerpt import excerpt, one_line, place
from reports.links import finding_address, linked, place_link, prose, reference, repository_of

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
class GroupView:
    """One of the three verdicts, and what it rests on."""

    name: str
    verdict: str
    reasons: Markdown


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
    return linked(code(place(finding.path, finding.line, finding.layer)), finding_address(report, repository, finding))


def quoted(report: Report, finding: Finding, detail: Detail) -> Markdown | None:
    """Return the finding's lines and their neighbours as a fenced block, the decisive ones marked with ``>``."""
    return excerpt_block(report, finding.path, finding.line, finding.layer, finding.end_line, detail)


def excerpt_block(
    report: Report, path: str | None, line: int | None, layer: int, end_line: int | None, detail: Detail
) -> Markdown | None:
    """Return lines of a file and their neighbours as a fenced block; None where they aren't at hand."""
    shown = excerpt(report, path, line, layer, end_line)
    digits = len(str(shown[-1].number)) if shown else 0
    lines = [
        f"{'>' if line.decisive else ' '} {line.number:>{digits}} | {cut(line.text, detail.code)}".rstrip()
        for line in shown
    ]
    return fence(lines) if lines else None


def authorities(refs: Iterable[tuple[str, Authority | None]], form: Form) -> list[Markdown]:
    """Return citations in full: whose word it is, of what weight, when and what."""
    return [_authority(ref, source, form) for ref, source in refs]


def _reasons(report: Report, group: Group) -> Markdown:
    if group == "evidence" and unchecked(report):
        return markdown(unchecked(report))
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
