"""The comment under a pull request: the reviews of its submissions, marked as ours, within GitHub's limit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from auditor.report import Report
from reports.detail import GITHUB_LIMIT
from reports.escape import code

_MARKER = "<!-- golf-audit: review -->\n"
_BREAK = "\n---\n\n"
_NAME = 100  # characters of a submission's name in a list
_TAIL = 40  # characters kept for saying how many more there are

Writer = Callable[[Report, int], str | None]
"""Writes a review in at most so many characters; None where it can't be told in as few."""


def compose(reports: Sequence[Report], write: Writer, limit: int = GITHUB_LIMIT) -> str:
    """Return the body of the comment on one pull request's reports, at most ``limit`` characters.

    The room is shared: what a short review leaves goes to the others, which tell less detail. One that can't be
    told in its share is a line with its verdict, and where even these are too many, the rest is counted.
    """
    room = limit - len(_MARKER) - len(_BREAK) * len(reports)
    whole = [write(report, room) for report in reports]
    share = _share([room if text is None else len(text) for text in whole], room)
    parts = [
        text if text is not None and len(text) <= share else (write(report, share) or _line(report))
        for report, text in zip(reports, whole, strict=True)
    ]
    body = _MARKER + _BREAK.join(parts)
    return body if len(body) <= limit else _names(reports, limit)


def is_ours(body: str) -> bool:
    """Tell whether a comment's body is marked as one of ours; whose it is, its author tells."""
    return body.startswith(_MARKER.strip())


def _share(lengths: Sequence[int], room: int) -> int:
    """Return the most characters of one text so that all fit when the longer ones are cut to it."""
    ordered = sorted(lengths)
    for number, length in enumerate(ordered):
        others = len(ordered) - number
        if length * others > room:
            return max(room, 0) // others
        room -= length
    return ordered[-1] if ordered else 0


def _line(report: Report) -> str:
    return f"- {code(report.name, _NAME)}: **{report.verdict.value}**, {report.recommendation.value}\n"


def _names(reports: Sequence[Report], limit: int) -> str:
    """Return the verdicts alone, of as many submissions as fit."""
    body = f"{_MARKER}## golf-audit: {len(reports)} submissions\n\nTheir reviews don't fit into a comment.\n\n"
    for number, line in enumerate(map(_line, reports)):
        if len(body) + len(line) > limit - _TAIL:
            return f"{body}\nand {len(reports) - number} more.\n"
        body += line
    return body
