"""Weights and choices of experts that look at the token being scored."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.case import Case
from auditor.finding import Finding
from auditor.rule import Authority, Rule
from auditor.timeline.mixtures import findings

SLUG = "target-conditioned-gate"


def check(case: Case) -> Iterator[Finding]:
    """Yield a finding for each weight or hint that depends on the token being scored."""
    if case.timeline is None:
        return
    yield from findings(
        case.timeline,
        "gate",
        SLUG,
        "The weight between the experts depends on the loss of the token being scored: it is larger where the first "
        "expert happens to be wrong, which nobody can know before the token is read.",
        "the weight that depends on the loss of the true token is applied",
    )
    yield from findings(
        case.timeline,
        "hint",
        SLUG,
        "A hint is given only where the token being scored is of a certain kind (the start of a word, say), and its "
        "boost is not zero: that a hint is there at all tells of the token before it is read.",
        "the boost of a hint that was chosen by looking at the token is weighed",
    )


RULE = Rule(
    slug=SLUG,
    title="The weight of an expert looks at the token being scored",
    group="compliance",
    condition="C1",
    summary="What chooses or weighs an expert reads the token that is about to be scored: its loss, or whether it starts a "
    "word.",
    why="The prediction must be fixed before the token is known. A weight that grows with the loss of the true token "
    "moves mass to the other expert just where the first one failed.",
    advice="Compute weights from the prefix: the entropy of the model's own distribution, counts of the context, earlier losses.",
    counterpart="A gate on the entropy of the prediction, or on how often the context was seen (#659, #1514).",
    authority=(
        Authority("#2041", "cocohearts", "2026-05", "audit", "within-word and word gates read the target token"),
        Authority("#2118", "cocohearts", "2026-05", "audit", "the same gates; no leaderboard row"),
    ),
    check=check,
)
