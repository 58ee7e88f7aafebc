"""Keeping the better of several losses of the same token."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.case import Case
from auditor.finding import Finding
from auditor.rule import Authority, Rule
from auditor.timeline.mixtures import findings

SLUG = "oracle-selection"


def check(case: Case) -> Iterator[Finding]:
    """Yield a finding for each place where the better of two losses of the same tokens is kept."""
    if case.timeline is not None:
        yield from findings(
            case.timeline,
            "oracle",
            SLUG,
            "The better of two losses of the same tokens is kept and summed into the score: which prediction counts is "
            "decided after the token is known.",
            "the losses are compared and the better one is kept",
        )


RULE = Rule(
    slug=SLUG,
    title="The best of several losses is kept",
    group="compliance",
    condition="C4",
    summary="Per token, document or epoch, the smaller of several losses is summed into the reported score.",
    why="The minimum over several predictions, taken with the answer in hand, is better than each of them and belongs "
    "to none: no decoder could make that choice.",
    advice="Commit to one prediction, or to weights computed from the prefix, before the token is read.",
    counterpart="Early stopping between checkpoints on training or held-out data, minima of quantisation errors, and gates on the "
    "model's own entropy (#659).",
    authority=(
        Authority("#573", "valerio-oai", "2026-03", "official", "the per-token minimum over passes is an oracle"),
        Authority("#611", "valerio-oai", "2026-03", "official", "best epoch per document"),
        Authority("#659", "valerio-oai", "2026-03", "official", "minimum of cache and model; gate on entropy instead"),
        Authority("#685", "valerio-oai", "2026-03", "official", "minimum of the losses of several passes"),
    ),
    check=check,
)
