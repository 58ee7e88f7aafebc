"""The comment under a pull request: the reviews of its submissions, marked as ours, within GitHub's limit."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence

from auditor.finding import Verdict
from auditor.report import Report
from auditor.verdict import weigh
from reports.escape import code

LIMIT = 65_536  # GitHub's, in characters; kept in bytes, which are never fewer
_MARKER = "<!-- golf-audit: review -->"
_UNFOLLOWED = 3  # of what could not be followed: some stay, for the review says whether there is any

_Cut = Callable[[Report], Report]


def compose(reports: Sequence[Report], write: Callable[[Report], str], limit: int = LIMIT) -> str:
    """Return the body of the comment on one pull request's reports, at most ``limit`` bytes.

    ``write`` renders one report as Markdown. Where all of it doesn't fit, detail is left out in steps, the least
    telling first, and a line at the end says what; text is never cut in the middle.
    """
    for cuts, said in _steps(max((len(report.findings) for report in reports), default=0)):
        note = f"\n_Left out to fit GitHub's limit: {', '.join(said)}. `golf-audit check` shows all of it._\n"
        shortened = [_apply(report, cuts) for report in reports]
        body = f"{_MARKER}\n" + "\n\n---\n\n".join(write(report).strip("\n") for report in shortened) + "\n"
        body += note if said else ""
        if len(body.encode()) <= limit:
            return body
    return _names(reports, limit)


def is_ours(body: str) -> bool:
    """Tell whether a comment's body is marked as one of ours; whose it is, its author tells."""
    return body.startswith(_MARKER)


def _steps(most: int) -> Iterator[tuple[list[_Cut], list[str]]]:
    """Yield what is left out, more and more, each with its words; nothing at first."""
    cuts: list[_Cut] = []
    said: list[str] = []
    yield cuts, said
    for cut, words in (
        (_without_notes, "notes"),
        (_with_few_unfollowed, f"all but {_UNFOLLOWED} of what could not be followed"),
        (_without_code, "quoted code"),
        (_without_paths, "paths of the data"),
    ):
        cuts, said = [*cuts, cut], [*said, words]
        yield cuts, said
    while most > 1:
        most //= 2
        yield [*cuts, _with_worst(most)], [*said, f"all but {most} of the findings"]


def _apply(report: Report, cuts: Iterable[_Cut]) -> Report:
    for cut in cuts:
        report = cut(report)
    return report


def _without_notes(report: Report) -> Report:
    return dataclasses.replace(report, findings=tuple(f for f in report.findings if weigh(f) is not Verdict.CLEAN))


def _with_few_unfollowed(report: Report) -> Report:
    decisive_first = sorted(report.not_followed, key=lambda item: not item.decisive)
    return dataclasses.replace(report, not_followed=tuple(decisive_first[:_UNFOLLOWED]))


def _without_code(report: Report) -> Report:
    return dataclasses.replace(report, sources={}, cited={})


def _without_paths(report: Report) -> Report:
    return dataclasses.replace(report, findings=tuple(dataclasses.replace(f, trace=()) for f in report.findings))


def _with_worst(count: int) -> _Cut:
    def cut(report: Report) -> Report:
        worst = sorted(report.findings, key=lambda finding: -weigh(finding).severity)
        return dataclasses.replace(report, findings=tuple(worst[:count]))

    return cut


def _names(reports: Sequence[Report], limit: int) -> str:
    """Return the verdicts alone, of as many submissions as fit."""
    body = f"{_MARKER}\n## golf-audit: {len(reports)} submissions\n\nTheir reviews don't fit into a comment.\n\n"
    lines = [f"- {code(report.name)}: **{report.verdict.value}**\n" for report in reports]
    room = limit - len(body.encode()) - 100
    for number, line in enumerate(lines):
        room -= len(line.encode())
        if room < 0:
            return body + "".join(lines[:number]) + f"\nand {len(lines) - number} more.\n"
    return body + "".join(lines)
