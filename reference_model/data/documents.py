"""Where documents begin in a row of tokens: each begins with bos, none has an end mark."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

from reference_model.data.tokenizer import BOS

Positions = npt.NDArray[np.int64]


def document_starts(tokens: npt.NDArray[np.integer]) -> Positions:
    """Return the positions (D,) of bos in ``tokens`` (N,), rising."""
    return np.flatnonzero(np.asarray(tokens) == BOS).astype(np.int64)


def document_spans(starts: Positions, tokens: int) -> tuple[tuple[int, int], ...]:
    """Return (first, last) per document: the positions of its first input and, inclusive, of its last target.

    The last target of a document is the bos of the next one, so that the spans share exactly one token and every
    target of a sequence of ``tokens`` tokens belongs to one document. Text before the first bos is a document too.
    """
    edges = sorted({0, *(int(start) for start in starts), tokens - 1})
    return tuple(itertools.pairwise(edges))


def segment_ids(tokens: npt.NDArray[np.integer], longest: int = 0) -> Positions:
    """Return the document index (N,) of each position of ``tokens`` (N,), counted from 0.

    A document longer than ``longest`` (0: any length) is cut every ``longest`` tokens, as in #1855: attention stays
    within one segment.
    """
    count = len(tokens)
    starts = np.union1d(document_starts(tokens), np.zeros(1, dtype=np.int64))
    if longest > 0:
        ends = np.append(starts[1:], count)
        starts = np.concatenate(
            [np.arange(start, end, longest, dtype=np.int64) for start, end in zip(starts, ends, strict=True)]
        )
    marks = np.zeros(count, dtype=np.int64)
    marks[starts[1:]] = 1
    return np.cumsum(marks)
