"""Blends whose probabilities do not add up to one over the vocabulary."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.case import Case
from auditor.finding import Finding
from auditor.rule import Authority, Rule
from auditor.timeline.mixtures import findings

SLUG = "unnormalized-mixture"


def check(case: Case) -> Iterator[Finding]:
    """Yield a finding for each place where an expert that gives every token the same mass is blended in."""
    if case.timeline is not None:
        yield from findings(
            case.timeline,
            "pseudo",
            SLUG,
            "One of the experts blended here does not depend on which token came (the entropy of the model's own "
            "prediction): it hands the same mass to whatever occurs, so the mixture adds up to more than one over the "
            "vocabulary.",
            "the experts are blended",
        )


RULE = Rule(
    slug=SLUG,
    title="A mixture that is no probability distribution",
    group="compliance",
    condition="C2",
    summary="The blend is computed for the token that really came only, with a part that is not a distribution over the "
    "vocabulary: a pseudo-expert with the same mass for every token, or a count divided by something that is not the "
    "sum over all candidates.",
    why="A compressor needs one code length for every token before it reads the next one. Where the masses of all tokens "
    "add up to more than one, the score of the token that came is better than any such code could be.",
    advice="Compute every expert for the whole vocabulary, check that it adds up to one, and blend these distributions.",
    counterpart="A log-sum-exp over experts that are each distributions, with weights fixed before the token is read (#606), or "
    "a division by the sum over all candidates (#978, #1011).",
    authority=(
        Authority(
            "#1185", "valerio-oai", "2026-04", "official", "the blended probabilities do not add up to one; not valid"
        ),
        Authority("#1026", "valerio-oai", "2026-03", "official", "the blend is computed for the gold token only"),
    ),
    check=check,
)
