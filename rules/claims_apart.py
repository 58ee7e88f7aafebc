"""What README, title and submission.json say of one score, where they don't say the same."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from auditor.case import Case
from auditor.evidence.claims import Claim
from auditor.evidence.rounding import unit
from auditor.regex import regex
from auditor.submission.names import shown
from rules.scored_runs import score

_IN_A_TITLE = regex(r"(?<![\w.+\-−])(?P<value>[01]\.\d{3,8})(?![\w.])(?!\s?(?:x\b|%|gb|mb|m\b|b\b|nats?\b))", re.I)
_A_SETTING = regex(
    r"\b(?:ema|swa|decay|momentum|beta_?[12]?|wd|lr|eta|alpha|gamma|temp(?:erature)?|clip|dropout)\W{0,3}$", re.I
)
_PLAIN = regex(r"[*_`\s]*(?:final |mean )?(?:val[_ ])?bpb[*_`\s]*$", re.I)  # a table's column of the score itself
_NEAR = 0.02  # bits per byte around the claim: what lies beyond is another quantity


def claims_apart(case: Case) -> Iterator[tuple[Claim[float], str]]:
    """Yield the claims that differ from the claimed score, each with a sentence; one for the README, one per title.

    A README that gives the score anywhere, to the digits that it writes, agrees; so does a title. Of the README only
    a table's column that is called after the score can disagree: sentences speak of many runs.
    """
    claim = case.evidence.leading()
    if claim is None or claim.path != case.submission.metadata:
        return
    told = [c for c in case.evidence.readme.numbers if c.name == "val_bpb" and abs(c.value - claim.value) < _NEAR]
    wholes = [c for c in told if c.seed is None and _PLAIN.match(c.key)]
    if wholes and not _any_is(told, claim):
        first = wholes[0]
        yield first, f"The README gives {score(first.value)}, submission.json {score(claim.value)}."
    for said in (case.evidence.metadata.text("name"), case.evidence.readme.text("title")):
        if said is None:
            continue
        values = [
            Claim("val_bpb", float(m["value"]), said.path, said.line, said.key, None, len(m["value"]) - 2)
            for m in _IN_A_TITLE.finditer(said.value)
            if not _A_SETTING.search(said.value[: m.start()])
        ]
        near = [v for v in values if abs(v.value - claim.value) < _NEAR]
        if near and not _any_is(near, claim):
            title = shown(said.value, 60)
            yield near[0], f"The title “{title}” says {score(near[0].value)}, submission.json {score(claim.value)}."


def _any_is(told: Sequence[Claim[float]], claim: Claim[float]) -> bool:
    """Tell whether one of the claims is the same score but for rounding or cutting off."""
    return any(abs(c.value - claim.value) <= unit(min(c.decimals, max(claim.decimals, 2))) + 1e-9 for c in told)
