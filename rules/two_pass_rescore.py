"""Scoring the validation set again after everything in it has been learned from."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.case import Case
from auditor.finding import Finding
from auditor.rule import Authority, Rule
from auditor.timeline.leaks import Leak, findings

SLUG = "two-pass-rescore"


def say(leak: Leak) -> str:
    """Return the finding's sentence."""
    return (
        "These updates use tokens that were scored first, but the same model then scores them a second time "
        f"(line {leak.score.site.line}), and that score is reported."
    )


def check(case: Case) -> Iterator[Finding]:
    """Yield a finding for each second scoring by a model that learned from the first."""
    yield from findings(case, "rescore", SLUG, say)


RULE = Rule(
    slug=SLUG,
    title="Scored a second time after learning from the first pass",
    group="compliance",
    condition="C4",
    summary="A first, score-first pass adapts the model (or fills a cache) over the validation set; a second scoring of the "
    "same tokens with what it left behind is reported.",
    why="There is one left-to-right pass. In a second one every token is scored by a state that has seen it, and the "
    "tokens after it.",
    advice="Report the first pass, or load the saved model again before any other evaluation.",
    counterpart="Two evaluations in the alternative, or a freshly deserialised model for each (#1413).",
    authority=(
        Authority("#846", "valerio-oai", "2026-03", "official", "rescoring after the cache has seen the whole set"),
        Authority("#991", "valerio-oai", "2026-03", "official", "two passes over the evaluation tokens"),
    ),
    check=check,
)
