"""One comment on all submissions of one pull request: its verdict first, then their reviews, within GitHub's limit."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from auditor.causes import causes
from auditor.finding import Recommendation, Verdict
from auditor.report import Report
from auditor.verdict import weigh
from reports.brief import words_shown
from reports.comment import Form, TemplateFault
from reports.detail import GITHUB_LIMIT
from reports.escape import code, cut, markdown
from reports.markdown import SmokeStep, render

_NAME = 100  # characters of a submission's name in a list
_NAMED = 5  # submissions that the list names outside of its details
_LISTED = 40  # and in all
_OTHERWISE = {Verdict.UNREADABLE: ": code that can't be read", Verdict.HOLD: ": what could not be followed"}
_LEFT_OUT = "\n{} more reviews don't fit into a comment; `golf-audit check` prints them.\n"
_SHARE = 9_000  # characters in which a review can tell something
_TAIL = 60  # characters kept for saying how many more there are

Writer = Callable[[Report, int], str | None]
"""Writes a review in at most so many characters; None where it can't be told in as few."""


def comment_on(
    reports: Sequence[Report],
    form: Form,
    *,
    timeline: bool = False,
    smoke: Mapping[str, Sequence[SmokeStep]] | None = None,
    alike: Callable[[Report], Mapping[int, Sequence[int]]] = lambda report: {},
    room: int = 0,
) -> str:
    """Return the comment on the reports of one pull request, of at most ``form.limit`` characters less ``room``.

    ``smoke`` holds steps of smoke tests by a submission's name; the others are as in :func:`reports.markdown.render`.
    Raises :class:`~reports.comment.TemplateFault` when a template of the user's can't be used.
    """
    ordered = sorted(reports, key=_rank)
    taken = words_shown(_head(ordered, form.limit) + _frame(1, ordered[0])[0]) if len(ordered) > 1 else 0

    def write(report: Report, limit: int) -> str | None:
        try:
            return render(
                report,
                timeline=timeline,
                form=dataclasses.replace(form, limit=limit),
                smoke=(smoke or {}).get(report.name, ()),
                alike=alike(report),
                taken=taken if report is ordered[0] else 0,
            )
        except TemplateFault:
            if len(reports) > 1 and form.templates is None:
                return None  # its share of the room is too small
            raise

    return compose(reports, write, form.limit - room)


def compose(reports: Sequence[Report], write: Writer, limit: int = GITHUB_LIMIT) -> str:
    """Return the comment on the reports of one pull request, of at most ``limit`` characters.

    Several submissions have one verdict first, the worst of theirs, and a line each; the review of the worst stands
    open, those of the others are folded. The room is shared: what a short review leaves goes to the others, which tell
    less detail. One that can't be told in its share is left out with a note.
    """
    if len(reports) == 1:
        return write(reports[0], limit) or _line(reports[0])
    ordered = sorted(reports, key=_rank)
    head = _head(ordered, limit)
    frames = [_frame(number, report) for number, report in enumerate(ordered, 1)]
    room = limit - len(head) - len(_LEFT_OUT) - sum(len(before) + len(after) for before, after in frames)
    # The first has half of the room for itself; without it, nobody knows what the verdict rests on.
    first = write(ordered[0], room // 2)
    if first is None:
        return head
    body = head + frames[0][0] + first
    room -= len(first)
    left = 0
    for number, report in enumerate(ordered[1:], 1):
        before, after = frames[number]
        # What a short review leaves goes to the next ones; a share too small for any review goes to the worse ones.
        told = write(report, min(room, max(room // (len(ordered) - number), _SHARE)))
        body += before + told + after if told is not None else ""
        room -= len(told or "")
        left += told is None
    return body + (_LEFT_OUT.format(left) if left else "")


def _rank(report: Report) -> tuple[int, bool]:
    return -report.verdict.severity, report.recommendation is not Recommendation.CLOSE


def _frame(number: int, report: Report) -> tuple[str, str]:
    """Return what stands before and after one review: the first is open, the others are folded."""
    name = f"\n**Submission {number}**, {code(report.name, _NAME)}\n\n"
    if number == 1:
        return name, ""
    return f"\n<details><summary>Submission {number}, {report.verdict.value}</summary>\n{name}", "\n</details>\n"


def _head(reports: Sequence[Report], limit: int) -> str:
    """Return the pull request's verdict, and a line for each submission; ``reports`` begin with the worst."""
    body = f"**{reports[0].verdict.value}**: the worst of {len(reports)} submissions.\n\n"
    folded = ""
    for number, line in enumerate(map(_line, reports)):
        added = line
        if number == _NAMED:
            added = f"\n<details><summary>{_others(len(reports) - _NAMED)}</summary>\n\n{line}"
        if number >= _LISTED or len(body) + len(added) > limit - _TAIL:
            return f"{body}\nand {len(reports) - number} more.\n{folded}"
        body += added
        folded = "\n</details>\n" if number >= _NAMED else ""
    return body + folded


def _others(count: int) -> str:
    return "1 more submission" if count == 1 else f"{count} more submissions"


def _line(report: Report) -> str:
    """Return one submission's verdict, recommendation and weightiest cause."""
    found = causes(report)
    if found and weigh(found[0][0]) is report.verdict:
        cause = f": {markdown(cut(found[0][0].rule, _NAME))}"
    else:  # what it found is not what its verdict hangs on
        cause = _OTHERWISE.get(report.verdict, "")
    advice = "" if report.recommendation.value == report.verdict.value else f", {report.recommendation.value}"
    return f"- {code(report.name, _NAME)}: **{report.verdict.value}**{advice}{cause}\n"
