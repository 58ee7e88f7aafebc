"""The first review comment: a report as Markdown in the form that reviewers of the challenge use."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PackageLoader, StrictUndefined, TemplateError

from auditor import __version__, catalogue
from auditor.finding import Finding, Overruled, Verdict
from auditor.report import Report
from auditor.rule import Authority
from auditor.verdict import weigh
from reports.citation import citations, overruled
from reports.escape import Markdown, code, cut, fence, markdown
from reports.excerpt import excerpt, place
from reports.headline import against, facts

_REVIEW = "review.md.j2"
_CODE_WIDTH = 120  # columns of a quoted line before it is cut
_TIMELINE_WIDTH = 160
_NUMBER = re.compile(r"<span>#</span>(\d+)\b")  # how escaped prose shows #123


class TemplateFault(Exception):  # noqa: N818 (it names what is wrong with a template, not a fault of the program)
    """A template of the user's that can't be used; the text is one line."""


def render(report: Report, *, timeline: bool = False, templates: str | None = None) -> str:
    """Return the review comment as Markdown that ends with a newline; ``timeline`` appends the events.

    ``templates`` is a folder whose templates go before those of the package; raises :class:`TemplateFault` when
    one of them can't be used.
    """
    counted = [finding for finding in report.findings if weigh(finding) is not Verdict.CLEAN]
    notes = [finding for finding in report.findings if weigh(finding) is Verdict.CLEAN]
    values = {
        "report": report,
        "facts": facts(report),
        "findings": [_view(report, finding) for finding in counted],
        "notes": [_view(report, finding) for finding in notes],
        "not_followed": [(place(item.path, item.line), item.what, item.decisive) for item in report.not_followed],
        "baseline": against(report.baseline) if report.baseline is not None else None,
        "gone": _gone(report),
        "timeline": _block(list(report.timeline)) if timeline and report.timeline else None,
        "version": __version__,
    }
    try:
        return _environment(templates).get_template(_REVIEW).render(values)
    except (TemplateError, TypeError, ValueError, UnicodeDecodeError) as error:
        if templates is None:
            raise
        line = getattr(error, "lineno", None)
        where = f"{templates}/{getattr(error, 'name', None) or _REVIEW}" + (f":{line}" if line else "")
        raise TemplateFault(f"{where}: {error}") from error


@cache
def _environment(templates: str | None) -> Environment:
    # autoescape knows HTML only; finalize does the same for Markdown: whatever isn't Markdown yet is escaped.
    ours = PackageLoader("reports")
    environment = Environment(
        loader=ours if templates is None else ChoiceLoader([FileSystemLoader(templates), ours]),
        autoescape=False,
        finalize=_finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["code"] = code
    return environment


def _finalize(value: object) -> str:
    return value if isinstance(value, Markdown) else markdown(str(value))


def _block(lines: list[str]) -> Markdown:
    return fence([cut(line, _TIMELINE_WIDTH) for line in lines])


def _gone(report: Report) -> list[tuple[str, str, str]]:
    """Return (rule, where it was, message) of each finding that only the baseline has."""
    gone = report.baseline.gone if report.baseline is not None else ()
    return [(each.rule, place(each.path, each.line), each.message) for each in gone]


def _view(report: Report, finding: Finding) -> dict[str, Any]:
    """Return one finding as the template wants it."""
    rule = catalogue.find(finding.rule)
    quoted = excerpt(report, finding.path, finding.line, finding.layer)
    digits = len(str(quoted[-1].number)) if quoted else 0
    lines = [
        f"{'>' if line.decisive else ' '} {line.number:>{digits}} | {cut(line.text, _CODE_WIDTH)}".rstrip()
        for line in quoted
    ]
    return {
        "rule": finding.rule,
        "title": rule.title if rule else "",
        "word": weigh(finding).value,
        "message": finding.message,
        "place": place(finding.path, finding.line, finding.layer),
        "excerpt": fence(lines) if lines else None,
        "trace": [(place(step.path, step.line, step.layer), step.note) for step in finding.trace],
        "active": finding.active,
        "active_because": finding.active_because,
        "authority": [_authority(ref, source) for ref, source in citations(finding)],
        "counterpart": _ours(rule.counterpart) if rule else "",
        "advice": finding.advice,
        "known": finding.known,
        "overruled": _overruled(finding.overruled) if finding.overruled is not None else "",
    }


def _overruled(ruling: Overruled) -> Markdown:
    """Return who overruled a finding; its address is ours and is meant to link."""
    escaped = markdown(overruled(ruling))
    return Markdown(escaped.replace(markdown(ruling.link), f"<{ruling.link}>", 1))


def _authority(ref: str, source: Authority | None) -> Markdown:
    """Return a citation: whose word it is and what weight it has, as far as the rule says."""
    if source is None:
        return _reference(ref)
    return Markdown(
        f"{_reference(ref)} **{source.weight}** ({markdown(source.who)}, {markdown(source.when)}): {_ours(source.said)}"
    )


def _ours(text: str) -> Markdown:
    """Return prose of a rule, with its references to pull requests as links."""
    return Markdown(_NUMBER.sub(lambda match: _reference(f"#{match[1]}"), markdown(text)))


def _reference(ref: str) -> Markdown:
    # A reference comes from a rule of ours, and is meant to link.
    if ref.startswith("#") and ref[1:].isdigit():
        return Markdown(f"[{ref}](https://github.com/openai/parameter-golf/pull/{ref[1:]})")
    return markdown(ref)
