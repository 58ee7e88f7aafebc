"""The first review comment: a report as Markdown in the form that reviewers of the challenge use."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from auditor.causes import causes
from auditor.finding import Finding, NotFollowed, RestsOn, Verdict
from auditor.report import Report
from auditor.verdict import weigh
from reports.absent import absent
from reports.brief import sentence, words_shown
from reports.comment import Form, TemplateFault, fit
from reports.detail import Detail
from reports.entries import Entry, entry
from reports.escape import Markdown, code, cut, fence, quoting
from reports.excerpt import place
from reports.fixes import change_views
from reports.headline import against, facts, partial
from reports.links import commit_link, place_link, pull_link, repository_of
from reports.view import excerpt_block, notes, verdicts

__all__ = ["Form", "Shown", "SmokeStep", "TemplateFault", "head_values", "most_words", "render"]

_REVIEW = "review.md.j2"
_MOST_ENTRIES = 3  # causes outside of the details
_MOST_ALIKE = 6
_RESTS = 8  # of what a score rests on
_WORDS, _WORDS_CLEAN = 250, 150  # outside of the details
_SMOKE_STEPS = ("import", "model", "parameters", "loss", "code bytes")
_SMOKE_REASON = 40  # characters


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


@dataclass(frozen=True)
class Brief:
    """What of a comment stands outside of its details.

    ``text`` are the characters of the first entry's message; ``told`` tells whether the others have one here, ``whole``
    whether it may be more than a sentence.
    """

    counterpart: bool = True
    fixes: bool = True  # of the entries after the first
    excerpt: bool = True
    whole: bool = True
    text: int = 1500
    told: bool = True
    phrases: int = 8  # of what was looked for and not found

    def cut(self, each: Entry, *, leads: bool = False) -> Entry:
        """Return an entry with its message in the room that there is: one sentence where another one leads."""
        message = each.first.message if leads or self.whole else sentence(each.first.message)
        told = leads or self.told
        first = dataclasses.replace(each.first, message=cut(message, self.text) if told else Markdown(""))
        return dataclasses.replace(each, first=first, elsewhere=each.elsewhere if self.whole or leads else ())


_BRIEF = (
    Brief(),
    Brief(fixes=False, whole=False, phrases=7),
    Brief(counterpart=False, fixes=False, whole=False, phrases=6),
    Brief(counterpart=False, fixes=False, whole=False, told=False, text=400, phrases=5),
    Brief(counterpart=False, fixes=False, whole=False, told=False, text=240, phrases=3),
    Brief(counterpart=False, fixes=False, whole=False, told=False, excerpt=False, text=240, phrases=2),
)
"""From the first screen as it should be to one that has room for no more."""


@dataclass(frozen=True)
class Lost:
    """What a score rests on, or could not be followed; ``excerpt`` is its line, where the verdict hangs on it."""

    place: Markdown
    what: Markdown
    decisive: bool
    excerpt: Markdown | None


@dataclass(frozen=True)
class Shown:
    """What a comment tells beside the report.

    ``smoke`` are the steps of a smoke test, if one was run; ``alike`` maps the index of a finding to other pull
    requests in which the same rule finds the same lines.
    """

    timeline: bool = False
    smoke: Sequence[SmokeStep] = ()
    alike: Mapping[int, Sequence[int]] = field(default_factory=dict)


def render(
    report: Report,
    *,
    timeline: bool = False,
    templates: str | None = None,
    form: Form | None = None,
    smoke: Sequence[SmokeStep] = (),
    alike: Mapping[int, Sequence[int]] | None = None,
    taken: int = 0,
) -> str:
    """Return the review comment as Markdown that ends with a newline, of at most ``form.limit`` characters.

    At most 250 words stand outside of its details (150 when CLEAN), as far as our template goes; ``taken`` of them
    stand elsewhere in the same comment. ``timeline``,
    ``smoke`` and ``alike`` are as in :class:`Shown`. ``templates`` stands for a ``form`` that has nothing else. Raises
    :class:`TemplateFault` when a template of the user's can't be used.
    """
    form = form or Form(templates)
    shown = Shown(timeline, smoke, alike or {})
    text = ""
    for brief in _BRIEF:
        text = fit(_REVIEW, form, lambda detail, brief=brief: _values(report, form, detail, brief, shown))  # type: ignore[misc]
        if words_shown(text) + taken <= most_words(report):
            break
    return text


def most_words(report: Report) -> int:
    """Return how many words of a comment on a report may stand outside of its details."""
    return _WORDS_CLEAN if report.verdict is Verdict.CLEAN else _WORDS


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


def _values(report: Report, form: Form, detail: Detail, brief: Brief, shown: Shown) -> Mapping[str, Any]:
    found = causes(report)
    entries = [
        entry(report, each, form, detail, _alike(report, each[0], form, shown)) for each in found[: detail.findings]
    ]
    leads = bool(found) and weigh(found[0][0]) is report.verdict
    noted, notes_left = notes(report, form, detail)
    outside = entries[: _MOST_ENTRIES - (not leads)]
    return {
        **head_values(report, form),
        "brief": brief,
        "main": brief.cut(outside[0], leads=True) if leads else None,
        "stop": None if leads else _stop(report, form, detail),
        "clean": report.verdict is Verdict.CLEAN,
        "absent": absent(report)[: brief.phrases],
        "gist": report.gist,
        "packed": any(layer for path, layer in report.sources if path == report.script),
        "more": [brief.cut(each) for each in outside[leads:]],
        "further": len(found) - len(outside),
        "entries": entries,
        "left": len(found) - len(entries),
        "partial": partial(report),
        "rests_on": [_rest(report, item, form) for item in report.rests_on if item.followed][:_RESTS],
        "legal": [view for view in noted if view.legal],
        "notes": [view for view in noted if not view.legal],
        "notes_left": notes_left,
        "not_followed": [
            _lost(report, item, form, detail)
            for item in sorted(report.not_followed, key=lambda item: not item.decisive)[: detail.not_followed]
        ],
        "not_followed_left": max(0, len(report.not_followed) - detail.not_followed),
        "baseline": against(report.baseline) if report.baseline is not None else None,
        "gone": _gone(report)[: detail.notes],
        "changes": change_views(report, repository_of(report, form.repository), detail.findings),
        "layered": any(finding.layer for finding in report.findings),
        "smoke": shown.smoke,
        "smoke_line": _smoke_line(shown.smoke),
        "timeline": _timeline(report, detail) if shown.timeline else None,
        "events_left": max(0, len(report.timeline) - detail.events) if shown.timeline else 0,
    }


def _alike(report: Report, finding: Finding, form: Form, shown: Shown) -> Markdown | None:
    """Return the pull requests in which the same rule finds the same lines, as links."""
    numbers = shown.alike.get(report.findings.index(finding), ())
    if not numbers:
        return None
    links = [pull_link(number, repository_of(report, form.repository)) for number in numbers[:_MOST_ALIKE]]
    left = len(numbers) - len(links)
    return Markdown(", ".join(links) + (f" and {left} more" if left > 0 else ""))


def _lost(report: Report, item: NotFollowed, form: Form, detail: Detail) -> Lost:
    at = place_link(report, repository_of(report, form.repository), item.path, item.line, layer=item.layer)
    quoted = excerpt_block(report, item.path, item.line, item.layer, None, detail) if item.decisive else None
    return Lost(at, quoting(item.what), item.decisive, quoted)


def _rest(report: Report, item: RestsOn, form: Form) -> Lost:
    """Return one thing that the score rests on; what was not followed stands under what could not be."""
    at = place_link(report, repository_of(report, form.repository), item.path, item.line, layer=item.layer)
    return Lost(at, quoting(f"{item.what}, {item.note}" if item.note else item.what), False, None)


def _stop(report: Report, form: Form, detail: Detail) -> Lost | None:
    """Return what could not be followed and makes the verdict, where no finding does."""
    if report.verdict is not Verdict.HOLD:
        return None
    item = next((item for item in report.not_followed if item.decisive), None)
    return _lost(report, item, form, detail) if item is not None else None


def _smoke_line(smoke: Sequence[SmokeStep]) -> list[str]:
    steps = [step for step in smoke if step.name in _SMOKE_STEPS]
    told = []
    for step in steps or smoke:
        reason = cut(step.reason, _SMOKE_REASON)
        told.append(f"{step.name} {step.status}" + (f" ({reason})" if reason else ""))
    return told


def _timeline(report: Report, detail: Detail) -> Markdown | None:
    events = [cut(event, detail.code * 2) for event in report.timeline[: detail.events]]
    return fence(events) if events else None


def _gone(report: Report) -> list[tuple[str, str, str]]:
    """Return (rule, where it was, message) of each finding that only the baseline has."""
    gone = report.baseline.gone if report.baseline is not None else ()
    return [(each.rule, place(each.path, each.line), each.message) for each in gone]
