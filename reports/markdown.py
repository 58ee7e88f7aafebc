"""The first review comment: a report as Markdown in the form that reviewers of the challenge use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from auditor.report import Report
from reports.comment import Form, TemplateFault, fit
from reports.detail import Detail
from reports.escape import Markdown, code, cut, fence
from reports.excerpt import place
from reports.headline import against, facts
from reports.links import commit_link, place_link, pull_link, repository_of
from reports.view import notes, sections, verdicts

__all__ = ["Form", "SmokeStep", "TemplateFault", "head_values", "render"]

_REVIEW = "review.md.j2"
OPEN = 6  # more notes, steps or things not followed than this are collapsed


class SmokeStep(Protocol):
    """One step of a smoke test: what it tried, PASS, FAIL or SKIP, and why."""

    @property
    def name(self) -> str:
        """What was tried."""

    @property
    def status(self) -> str:
        """PASS, FAIL or SKIP."""

    @property
    def reason(self) -> str:
        """Why it failed or was skipped."""


def render(
    report: Report,
    *,
    timeline: bool = False,
    templates: str | None = None,
    form: Form | None = None,
    smoke: Sequence[SmokeStep] = (),
) -> str:
    """Return the review comment as Markdown that ends with a newline, of at most ``form.limit`` characters.

    ``timeline`` appends the events, ``smoke`` is told if the test was run. ``templates`` stands for a ``form`` that
    has nothing else. Raises :class:`TemplateFault` when a template of the user's can't be used.
    """
    form = form or Form(templates)
    return fit(_REVIEW, form, lambda detail: _values(report, form, detail, timeline, smoke))


def head_values(report: Report, form: Form) -> dict[str, Any]:
    """Return what the head of every comment on one submission prints."""
    repository = repository_of(report, form.repository)
    shown = [(label, value) for label, value in facts(report) if label != "script"]
    script = place_link(report, repository, report.script, None) if report.script else None
    return {
        "report": report,
        "pull": pull_link(report.pr, repository) if report.pr is not None else None,
        "title": code(report.title) if report.title and report.title != report.name else None,
        "facts": shown,
        "script": script,
        "head": commit_link(report, repository),
        "verdicts": verdicts(report),
        "means": form.wording.of_verdict(report.verdict),
        "recommendation": form.wording.of_recommendation(report.recommendation),
    }


def _values(
    report: Report, form: Form, detail: Detail, timeline: bool, smoke: Sequence[SmokeStep]
) -> Mapping[str, Any]:
    listed, left = sections(report, form, detail)
    noted, notes_left = notes(report, form, detail)
    repository = repository_of(report, form.repository)
    return {
        **head_values(report, form),
        "sections": listed,
        "left": left,
        "legal": [view for view in noted if view.legal],
        "notes": [view for view in noted if not view.legal],
        "notes_left": notes_left,
        "not_followed": [
            (place_link(report, repository, item.path, item.line), item.what, item.decisive)
            for item in sorted(report.not_followed, key=lambda item: not item.decisive)[: detail.not_followed]
        ],
        "not_followed_left": max(0, len(report.not_followed) - detail.not_followed),
        "baseline": against(report.baseline) if report.baseline is not None else None,
        "gone": _gone(report)[: detail.notes],
        "layered": any(finding.layer for finding in report.findings),
        "smoke": smoke,
        "timeline": _timeline(report, detail) if timeline else None,
        "events_left": max(0, len(report.timeline) - detail.events) if timeline else 0,
        "open": OPEN,
    }


def _timeline(report: Report, detail: Detail) -> Markdown | None:
    events = [cut(event, detail.code * 2) for event in report.timeline[: detail.events]]
    return fence(events) if events else None


def _gone(report: Report) -> list[tuple[str, str, str]]:
    """Return (rule, where it was, message) of each finding that only the baseline has."""
    gone = report.baseline.gone if report.baseline is not None else ()
    return [(each.rule, place(each.path, each.line), each.message) for each in gone]
