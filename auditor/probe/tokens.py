"""Validation sets of an experiment: uniform tokens, which nobody can predict, and suffixes that differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Tokens = npt.NDArray[Any]

COUNT = 12 * 1024 + 12
"""Tokens of a validation set: three chunks of 4,096, and a few, for loops that stop short of the last."""
BOUNDARY = 1024 + 357
"""The first token that the sets of the future experiment don't share: within a sequence, a chunk and a document.

It lies early: a few steps of training, which is all that a toy run takes, have to go past it.
"""
DOCUMENT = 600
PIECE = 12
"""Tokens of the pieces of the past that a suffix repeats."""
BOS, LOWEST, FIRST_PIECE = 1, 4, 260
"""The start of a document, the first id that stands for text, and the first that is no single byte's."""


@dataclass(frozen=True)
class Draw:
    """How a set is drawn: ``seed`` of what the sets share, ``other`` of the rest; ``repeats`` puts the past there.

    With ``pieces``, no token of a large vocabulary is a single byte's, as hardly any of real text is.
    """

    seed: int
    other: int
    repeats: bool = False
    pieces: bool = False

    def tokens(self, size: int) -> Tokens:
        """Return the (COUNT,) ids below ``size``."""
        low = FIRST_PIECE if self.pieces and size >= 2 * FIRST_PIECE else lowest(size)
        body = np.random.default_rng((self.seed, 1)).integers(low, size, COUNT)
        rng = np.random.default_rng((self.other, 2))
        if self.repeats:
            starts = rng.integers(1, BOUNDARY - PIECE, (COUNT - BOUNDARY) // PIECE + 1)
            after = np.concatenate([body[start : start + PIECE] for start in starts])[: COUNT - BOUNDARY]
        else:
            after = rng.integers(low, size, COUNT - BOUNDARY)
        body[BOUNDARY:] = after
        body[BOUNDARY] = low + (body[BOUNDARY] - low + 1 + self.repeats) % (size - low)
        body[::DOCUMENT] = min(BOS, size - 1)
        return body


def lowest(size: int) -> int:
    """Return the lowest id that is drawn in a vocabulary of ``size``: those below stand for controls."""
    return min(LOWEST, size - 1)


def drawn(tokens: Tokens) -> npt.NDArray[np.bool_]:
    """Return which of the (tokens,) were drawn, and can't be known; the starts of documents are known."""
    free = np.ones(len(tokens), dtype=bool)
    free[::DOCUMENT] = False
    return free
