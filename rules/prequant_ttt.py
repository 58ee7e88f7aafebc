"""Adapting the model on validation tokens in a phase before they are scored."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.case import Case
from auditor.finding import Finding
from auditor.rule import Authority, Rule
from auditor.timeline.leaks import Leak, findings

SLUG = "prequant-ttt"


def say(leak: Leak) -> str:
    """Return the finding's sentence."""
    return (
        "The model is trained on validation tokens before they are scored: this optimizer step uses their loss, "
        f"and the score reported at line {(leak.report.calls[-1].site if leak.report.calls else leak.report.site).line} "
        "is computed afterwards with the adapted parameters."
    )


def check(case: Case) -> Iterator[Finding]:
    """Yield a finding for each update on validation tokens that comes before their reported score."""
    yield from findings(case, "before", SLUG, say)


RULE = Rule(
    slug=SLUG,
    title="Trained on validation tokens before scoring them",
    group="compliance",
    condition="C3",
    summary="A phase before the final evaluation takes optimizer steps on validation tokens; the reported score of "
    "these tokens is computed with the parameters that the phase left behind.",
    why="The score of a token must be fixed before anything learns from it. A model that has trained on the "
    "validation set remembers it, and its bits per byte no longer say how well it predicts unseen text. That the "
    "weights are frozen afterwards, or that the causal mask holds, does not change this.",
    advice="Adapt on a slice of the training data inside the 600 s of training, or score each chunk before adapting on it.",
    counterpart="Score-first test-time training: each chunk is scored without gradient and added to the sum, then "
    "trained on, never scored again (#549, #1413).",
    authority=(
        Authority(
            "README",
            "OpenAI",
            "2026",
            "official",
            "test-time training only on tokens that are already graded",
        ),
        Authority(
            "#152",
            "0hq",
            "2026-03",
            "official",
            "training on validation tokens before evaluating them; the causal mask is irrelevant",
        ),
        Authority(
            "#462",
            "valerio-oai",
            "2026-03",
            "official",
            "ttt_adapt(val_tokens) with optimizer.step runs before the final evaluation",
        ),
        Authority(
            "#771",
            "valerio-oai",
            "2026-03",
            "official",
            "multi-epoch adaptation on eval tokens, then reporting on them",
        ),
        Authority(
            "#1972",
            "cocohearts",
            "2026-05",
            "audit",
            "pre-quantisation test-time training on validation data; no leaderboard row",
        ),
    ),
    check=check,
    known_problems="Adaptation in library code, in another process or through computed attribute names cannot be followed; "
    "the report lists such places.",
)
