"""Scoring tokens, inside the evaluation loop, after the model was adapted on them."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.case import Case
from auditor.finding import Finding
from auditor.rule import Authority, Rule
from auditor.timeline.leaks import Leak, findings

SLUG = "score-after-adapt"


def say(leak: Leak) -> str:
    """Return the finding's sentence."""
    return (
        "Inside the evaluation the model is adapted on tokens whose loss, computed afterwards at line "
        f"{leak.score.site.line}, is what the reported score adds up."
    )


def check(case: Case) -> Iterator[Finding]:
    """Yield a finding for each update that precedes, in the evaluation's own loop, the score that counts."""
    yield from findings(case, "within", SLUG, say)


RULE = Rule(
    slug=SLUG,
    title="Scored after adapting on the same tokens",
    group="compliance",
    condition="C3",
    summary="The evaluation loop adapts on a chunk or document and the loss that is added to the reported score is "
    "computed after that: several epochs of which the last one counts, train first and score then, or per-epoch "
    "accumulators that are set to zero again.",
    why="The first pass over a chunk is the only one in which its tokens are unseen. A later pass scores what the model "
    "has just been trained on.",
    advice="Keep the loss of the first pass over each chunk, computed before the first step on it, and report that.",
    counterpart="Several epochs on a chunk are fine when its score was banked before the first of them (#549, #1413).",
    authority=(
        Authority(
            "README",
            "OpenAI",
            "2026",
            "official",
            "test-time training only on tokens that are already graded",
        ),
        Authority(
            "#568",
            "valerio-oai",
            "2026-03",
            "official",
            "the final loss reported is the one after training on the document",
        ),
        Authority("#642", "valerio-oai", "2026-03", "official", "scores after adapting on the same tokens"),
    ),
    check=check,
)
