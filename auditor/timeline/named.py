"""Which of several reports a finding names as the one that its score ends in."""

from __future__ import annotations

from collections.abc import Sequence

from auditor.finding import Step
from auditor.regex import regex
from auditor.timeline.events import Report

_QUOTED = regex(r"\"((?:[^\"\\\n]|\\.)*)\"|'((?:[^'\\\n]|\\.)*)'")
_FILLED = regex(r"\{[^{}]*\}")
_LEAST = 3  # characters by which a constant part of a text is known


def report_of(reports: Sequence[Report], running: int, claimed: Sequence[Report], lines: Sequence[str]) -> Report:
    """Return the report to name, of at least one: the last of those that are likeliest to have printed the score.

    It is reached under one of the settings ``running``, is a ``claimed`` one, and its whole text can have made one
    of the log ``lines`` with the claimed score, each as far as any is.
    """
    return max(_likeliest(reports, running, claimed, lines), key=lambda report: report.order)


def reported_at(
    shown: Report, reports: Sequence[Report], running: int, claimed: Sequence[Report], lines: Sequence[str]
) -> Step:
    """Return the step that ends in the report to name, with the line that prints the score on the way not taken then.

    Which of the two did is left open where no log tells and the condition between them could not be decided.
    """
    site = shown.site
    others = [each for each in _likeliest(reports, running, claimed, lines) if each.excludes(list(shown.branches))]
    note = "the score that rests on it is reported"
    if others:
        other = max(others, key=lambda report: report.order).site
        note += f", or else at line {other.line}" if other.source is site.source else ""
    return Step(site.source.path, site.line, note, site.source.layer)


def _likeliest(
    reports: Sequence[Report], running: int, claimed: Sequence[Report], lines: Sequence[str]
) -> Sequence[Report]:
    kept = list(reports)
    kept = [report for report in kept if report.bits & running] or kept
    kept = [report for report in kept if any(report is other for other in claimed)] or kept
    return [report for report in kept if any(_makes(report, line) for line in lines)] or kept


def _makes(report: Report, line: str) -> bool:
    """Return whether the constant parts of what a report prints stand in a line, in their order."""
    site = report.site
    text = "".join(a or b for a, b in _QUOTED.findall(site.source.text[site.start : site.end]))
    at = 0
    for part in (part.strip() for part in _FILLED.split(text)):
        if len(part) < _LEAST:
            continue
        found = line.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return at > 0
