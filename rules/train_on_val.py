"""Training on the validation split."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.case import Case
from auditor.finding import Finding
from auditor.rule import Authority, Rule
from auditor.timeline.leaks import Leak, findings

SLUG = "train-on-val"


def say(leak: Leak) -> str:
    """Return the finding's sentence."""
    return (
        "The training loop itself reads validation tokens: the data behind this optimizer step comes from the validation "
        f"split, which the model then scores (line {leak.score.site.line})."
    )


def check(case: Case) -> Iterator[Finding]:
    """Yield a finding for each training step on validation data."""
    yield from findings(case, "training", SLUG, say)


RULE = Rule(
    slug=SLUG,
    title="Trains on the validation split",
    group="compliance",
    condition="data",
    summary="The files that the training loop reads are, or include, the validation shards.",
    why="The score is then the training loss of text that the model has learned by heart.",
    advice="Point the training glob at fineweb_train_* only.",
    counterpart="Train shards only; validation shards are read by the evaluation alone.",
    authority=(
        Authority("README", "OpenAI", "2026", "official", "the validation set is never visible in training"),
        Authority(
            "#44",
            "0hq",
            "2026-03",
            "official",
            "thousands of steps on validation data are repeated training on it",
        ),
        Authority(
            "#64",
            "cocohearts",
            "2026-03",
            "official",
            "validation training is not allowed, it must be train-only",
        ),
    ),
    check=check,
)
