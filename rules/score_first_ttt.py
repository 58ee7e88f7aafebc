"""Recognises legal test-time training: scored first, then learned from."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.case import Case
from auditor.finding import Finding, Step
from auditor.rule import Authority, Rule
from auditor.timeline.activity import activity
from auditor.timeline.leaks import clean_scores, leaks

SLUG = "score-first-ttt"


def check(case: Case) -> Iterator[Finding]:
    """Yield a note for each loop that scores before it adapts."""
    timeline = case.timeline
    if timeline is None:
        return
    bad = {(leak.adapt.site.source.path, leak.adapt.site.start) for leak in leaks(timeline)}
    for score, adapt in clean_scores(timeline):
        if (adapt.site.source.path, adapt.site.start) in bad:
            continue
        judged = activity(timeline, score.bits & adapt.bits, [score, adapt])
        yield Finding(
            rule=SLUG,
            group="compliance",
            status="note",
            message="Test-time training in the legal order: the tokens are scored here and added to the report, and only "
            f"then trained on (line {adapt.site.line}).",
            path=score.site.source.path,
            line=score.site.line,
            end_line=score.site.end_line,
            layer=score.site.source.layer,
            active=judged.active,
            active_because=judged.because,
            trace=(
                Step(score.site.source.path, score.site.line, "the tokens are scored", score.site.source.layer),
                Step(
                    adapt.site.source.path,
                    adapt.site.line,
                    "then the model is adapted on them",
                    adapt.site.source.layer,
                ),
            ),
        )


RULE = Rule(
    slug=SLUG,
    title="Score-first test-time training",
    group="compliance",
    condition="C3",
    summary="Each chunk or document is scored, its loss added to the report, and only then trained on; it is not scored again.",
    why="The prediction of every token is fixed before the model learns from it, so the score is that of a causal compressor.",
    advice="Nothing to change.",
    counterpart="This is the legal pattern itself.",
    authority=(
        Authority(
            "#549",
            "valerio-oai",
            "2026-03",
            "official",
            "merged: chunks scored first, then three epochs on them",
        ),
    ),
    check=check,
    legal_reference=True,
)
