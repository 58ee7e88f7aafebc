"""What the printed score is made of, asked of the script itself: a nat is added to each loss, and what arrives tells.

Sums alone don't tell where the script divides by a count of its own: a constant, or a table that is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from auditor.probe.lab import Base
from auditor.probe.passes import Pass, explaining
from auditor.probe.printed import Printed

_NEAR = 0.002  # how far, relatively, a sum may be from the score: no count makes it uncertain


def candidates(passes: Iterable[Pass]) -> list[Pass]:
    """Return the passes to ask about: the latest without gradients of known tokens, the latest without, the latest.

    What a mixture is made of comes before the mixture, whose tokens are known by their order alone; and some scripts
    score with gradients on.
    """
    whole = [each for each in passes if not each.whole]
    if not whole:
        return []
    asked = (
        max(whole, key=lambda each: (not each.placed.site.learns, each.placed.exact, each.ended)),
        max(whole, key=lambda each: (not each.placed.site.learns, each.ended)),
        max(whole, key=lambda each: each.ended),
    )
    return list({each.placed.site.name: each for each in asked}.values())


def divided(asked: Pass, passes: Iterable[Pass], printed: Printed, nudged: Printed | None) -> tuple[Pass, float] | None:
    """Return the pass that the printed score is, and the count per token that it is divided by; None if it isn't.

    ``nudged`` was printed when one was added to each value of ``asked``. The count is of bytes, or of tokens where no
    bits per byte are printed. A sum that is the score moves by its share, whatever it is divided by; one that is mixed
    with others, or chosen from, doesn't.
    """
    score = _score(printed)
    change = _score(nudged) - score if nudged is not None else 0.0
    if not score or not change > 0:
        return None
    for each in passes:
        if each.whole or not _same(each, asked):
            continue
        nat = change / (float(np.log(2.0)) if each.placed.site.kind == "log2" else 1.0)
        mean = float(each.nats.mean())
        if mean > 0 and abs(nat * mean / score - 1.0) <= _NEAR:
            return each, (1.0 if printed.bpb is None else 1.0 / float(np.log(2.0))) / nat
    return None


def _score(printed: Printed) -> float:
    return (printed.loss if printed.bpb is None else printed.bpb) or 0.0


def per_token(found: Pass, there: Base) -> float | None:
    """Return the count per token that a pass's losses are divided by in another run; None where it isn't seen there."""
    passes = explaining(there.placed, there.printed, there.sizes)[1]
    here = float(found.nats.mean())
    means = [float(each.nats.mean()) for each in passes if not each.whole and _same(each, found)]
    score = _score(there.printed) * (1.0 if there.printed.bpb is None else float(np.log(2.0)))
    if not means or not score:
        return None
    return min(means, key=lambda mean: abs(mean - here)) / score


def _same(one: Pass, other: Pass) -> bool:
    return one.placed.site.name == other.placed.site.name and one.span == other.span
