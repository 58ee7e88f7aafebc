"""Which positions of a window a fitted delta learns from, held against those that it then scores."""

from __future__ import annotations

from auditor.timeline.events import Adapt, Forward
from auditor.timeline.values.bounds import meets, under


def split(adapt: Adapt, score: Forward, bits: int) -> tuple[int, int, int]:
    """Return ``bits`` by what the fitted delta then scores.

    First the settings under which positions of its own objective, then those under which only others, then those
    under which it could not be told.
    """
    scored = causal = open_ = 0
    for index in range(bits.bit_length()):
        bit = bits & 1 << index
        if not bit:
            continue
        answer = meets(under(adapt.objective, bit), under(score.scored, bit))
        if answer:
            scored |= bit
        elif answer is None:
            open_ |= bit
        else:
            causal |= bit
    return scored, causal, open_


def overlapping_rows(adapt: Adapt, score: Forward) -> bool:
    """Return whether one delta serves all rows of a batch of windows, each with positions of its own.

    A fit in the loop that goes through the rows is each window's.
    """
    parts = (*adapt.objective, *score.scored)
    rows = any(part.rows and part.loop not in adapt.loop_nodes for part in parts if not part.tokens)
    return adapt.delta == "shared" and rows
