"""A token's loss blended with a model of its bytes."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.case import Case
from auditor.finding import Finding
from auditor.rule import Authority, Rule
from auditor.timeline.mixtures import findings

SLUG = "byte-ppm-mixture"


def check(case: Case) -> Iterator[Finding]:
    """Yield a finding for each place where a token's loss is blended with a prediction of its bytes."""
    if case.timeline is not None:
        yield from findings(
            case.timeline,
            "bytes",
            SLUG,
            "The network's log-probability of the token that came is blended with a prediction of that token's bytes: "
            "spread over the bytes it is no distribution over bytes, and a product of byte probabilities is none over "
            "tokens, so the blend adds up over neither alphabet.",
            "the token's log-probability meets the prediction of its bytes",
        )


RULE = Rule(
    slug=SLUG,
    title="A token's probability spread over its bytes and mixed",
    group="compliance",
    condition="C2",
    summary="The log-probability of the realised token is spread over its bytes (or a byte model's product is taken for a "
    "token), and blended with a byte-level PPM.",
    why="The network predicts tokens. Dividing the realised token's log-probability among its bytes uses the token to "
    "say how long it is, before the first byte is read; what the other bytes would have got is never defined.",
    advice="Blend distributions over the same alphabet: marginalise the network over all tokens that begin with each byte, "
    "or score whole tokens with a token-level PPM.",
    counterpart="A token-level mixture in which both parts are distributions over the vocabulary (#1914).",
    authority=(
        Authority("#1835", "valerio-oai", "2026-04", "official", "doubts that the byte mixture is a distribution"),
        Authority("#2083", "cocohearts", "2026-05", "audit", "byte-level PPM mixture; no leaderboard row"),
        Authority("#1916", "community", "2026-04", "community", "a proof that the byte mixture is no distribution"),
    ),
    check=check,
)
