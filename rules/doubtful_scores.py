"""Scores of a log that its run may not have printed: a summary's own, figures that look typed in, estimates."""

from __future__ import annotations

import re
from collections.abc import Iterator

from auditor.case import Case
from auditor.evidence.claims import Claim
from auditor.evidence.model import Log
from auditor.evidence.printed import Metric
from auditor.finding import Finding, Step
from auditor.fix.claims import document
from auditor.regex import regex
from auditor.submission.names import shown
from rules.scored_runs import score

_SLUG = "bogus-log"
_LONG = regex(r"(?<![\d.])\d{1,3}\.(?P<decimals>\d{7,18})(?!\d)")
_MEASURED = 4  # decimals beyond which a measurement is not all zeros, in loss and score at once
_LEAST = 3  # decimals of a score by which a line of the README is known to speak of it
_MOST_LINES = 2_000
_WORD = r"(?:estimated|projected|extrapolated)"
_SCORE = r"(?:[*_`\s:]{0,6}(?:final|mean|val[_ ]?|bp[bp]|score)){0,4}[^\w\n]{0,10}"
_IS_ONE = r"[^\w\n]{0,6}(?:is|was)[^\w\n]{1,4}(?:only )?an?[^\w\n]{1,4}(?:estimate|extrapolation|projection)\b"


def doubtful(log: Log) -> Iterator[Finding]:
    """Yield a hold when a run's score stands in a summary alone, or has the digits of a typed figure."""
    for run in log.runs:
        foreign, own = next((m for m in run.metrics if m.role == "retold"), None), run.score
        if foreign is not None and own is not None:
            message = (
                f"The summary at the log's end gives {score(foreign.val_bpb)}, which the run above it doesn't print: "
                f"its last score is {score(own.val_bpb)} (line {own.line}). In the other logs that line repeats one of "
                "the run's."
            )
            steps = (Step(own.path, own.line, f"{score(own.val_bpb)} ({shown(own.label, 60)})"),)
            yield Finding(_SLUG, "evidence", "hold", message, log.path, foreign.line, foreign.line, trace=steps)
        measured = next((m for m in run.metrics if _long(m) and not _typed(m)), None)
        typed = next((m for m in run.scores if _typed(m)), None)
        if typed is not None and measured is not None:
            message = (
                f"The score {score(typed.val_bpb)} and its loss are printed with {typed.decimals} decimals, and all "
                f"beyond the fourth are zeros, in both; line {measured.line} prints measured digits. Such figures are "
                "rounded, or typed in, not measured."
            )
            steps = (Step(measured.path, measured.line, f"{score(measured.val_bpb)} ({shown(measured.label, 60)})"),)
            yield Finding(_SLUG, "evidence", "hold", message, log.path, typed.line, typed.line, trace=steps)


def _long(metric: Metric) -> bool:
    """Tell whether a line prints score and loss with all their decimals."""
    return metric.val_loss is not None and len(_LONG.findall(metric.text)) > 1


def _typed(metric: Metric) -> bool:
    """Tell whether a line prints score and loss with many decimals that are zeros: by chance one in 10^8 does."""
    printed = [m["decimals"] for m in _LONG.finditer(metric.text)]
    return _long(metric) and all(not digits[_MEASURED:].strip("0") for digits in printed)


def estimated(case: Case, claim: Claim[float]) -> tuple[str, int, str] | None:
    """Return the line of the README that calls the claimed score an estimate: its file, its number, its text."""
    source = document(case, case.submission.readme) if case.submission.readme is not None else None
    if source is None or claim.decimals < _LEAST:
        return None
    value = rf"(?<![\d.]){re.escape(f'{claim.value:.{claim.decimals}f}')}(?!\d)"
    said = re.compile(
        rf"\b{_WORD}\b{_SCORE}{value}|{value}{_IS_ONE}|{value}[^\w\n]{{0,4}}\({_WORD}\b"
        rf"|\({_WORD}\)[^\w\n]{{0,8}}{value}",
        re.IGNORECASE,
    )
    for number, line in enumerate(source.text.split("\n")[:_MOST_LINES], start=1):
        if said.search(line[:1_000]):
            return source.path, number, line.strip()
    return None
