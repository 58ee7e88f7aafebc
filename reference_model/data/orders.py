"""In which order rows of the training shards come: the challenge's four ways.

A step is always eight pieces, whatever the number of processes. An order maps a step and a piece to where its tokens
lie; it depends on nothing but the shards, the seed and the step, so that a run can be resumed, or spread over another
number of processes, without changing what it sees. The sequential order needs no code but a position in the stream
(:mod:`reference_model.data.loader`); #1334's is in :mod:`reference_model.data.coprime`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from reference_model.data.documents import document_starts
from reference_model.data.shards import Shard
from reference_model.data.stream import Stream
from reference_model.errors import BadInput
from reference_model.train.ranks import PIECES

Rows = list[tuple[int, int]]  # (shard, position of the row's first token)


class RowOrder(Protocol):
    """Where each row of a step's piece begins."""

    def rows(self, step: int, piece: int) -> Rows:
        """Return shard and position of each row of ``piece`` (0 to 7) of ``step``."""


@dataclass(frozen=True)
class Shape:
    """Rows of ``seq_len`` tokens, ``rows`` of them in a piece."""

    seq_len: int
    rows: int


class ShuffledOrder:
    """Rows in a random order without repetition: an epoch's permutation is drawn from (seed, epoch).

    Each epoch shifts the rows of a shard by a random phase, so that they are cut elsewhere. The clean form of #1394's
    loader, whose own order depends on the number of ranks: see :class:`RankShuffledOrder`.
    """

    def __init__(self, shards: Sequence[Shard], shape: Shape, seed: int) -> None:
        self._shape, self._seed = shape, seed
        self._tokens = [shard.tokens for shard in shards]
        # One row less than would fit, so that every phase leaves the same number of rows.
        self._counts = [max(tokens // shape.seq_len - 1, int(tokens > shape.seq_len)) for tokens in self._tokens]
        self._total = some_row(sum(self._counts), shape)
        self._epoch = -1
        self._starts: npt.NDArray[np.int64] = np.zeros((0, 2), dtype=np.int64)

    def rows(self, step: int, piece: int) -> Rows:
        """Return shard and position of each row of ``piece`` of ``step``."""
        first = (step * PIECES + piece) * self._shape.rows
        return [self._row(index) for index in range(first, first + self._shape.rows)]

    def _row(self, index: int) -> tuple[int, int]:
        epoch, place = divmod(index, self._total)
        if epoch != self._epoch:
            self._epoch, self._starts = epoch, self._permute(epoch)
        shard, start = self._starts[place]
        return int(shard), int(start)

    def _permute(self, epoch: int) -> npt.NDArray[np.int64]:
        """Return (rows, 2): shard and position of all rows of ``epoch``, shuffled."""
        random = np.random.Generator(np.random.PCG64([self._seed, epoch]))
        seq = self._shape.seq_len
        parts = []
        for shard, (tokens, count) in enumerate(zip(self._tokens, self._counts, strict=True)):
            spare = tokens - 1 - count * seq
            phase = int(random.integers(min(seq - 1, spare) + 1)) if count else 0
            starts = phase + seq * np.arange(count, dtype=np.int64)
            parts.append(np.stack([np.full(count, shard, dtype=np.int64), starts], axis=1))
        return random.permutation(np.concatenate(parts))


class RankShuffledOrder:
    """#1394's loader as published: rank r owns every eighth shard from r on and draws with its rank as the seed.

    So the run's seed has no effect, and eight shards are needed. Draws depend on all before, hence a step is reached
    by drawing again from the start.
    """

    def __init__(self, shards: Sequence[Shard], shape: Shape) -> None:
        if len(shards) < PIECES:
            raise BadInput(
                f"{shards[0].path.parent}: {len(shards)} training shards, but in mode 'published' the shuffled loader "
                f"gives each of {PIECES} ranks shards of its own; fetch more or use mode 'legal'"
            )
        self._ranks = [_RankDraw(shards, shape, rank) for rank in range(PIECES)]

    def rows(self, step: int, piece: int) -> Rows:
        """Return shard and position of each row of ``piece`` of ``step``."""
        return self._ranks[piece].rows(step)


class _RankDraw:
    """One rank's draws: a shard by what remains of it, and the next of its shuffled rows."""

    def __init__(self, shards: Sequence[Shard], shape: Shape, rank: int) -> None:
        self._rank, self._shape = rank, shape
        self._own = range(rank, len(shards), PIECES)
        self._tokens = [shards[index].tokens for index in self._own]
        some_row(sum(max(tokens - 1, 0) // shape.seq_len for tokens in self._tokens), shape)
        self._last: Rows = []
        self._restart()

    def rows(self, step: int) -> Rows:
        if step < self._next:
            if step == self._next - 1:
                return self._last
            self._restart()
        while self._next <= step:
            self._last = [self._draw() for _ in range(self._shape.rows)]
            self._next += 1
        return self._last

    def _restart(self) -> None:
        self._random = np.random.Generator(np.random.PCG64(self._rank))
        self._next = 0
        self._last = []
        self._shuffle()

    def _shuffle(self) -> None:
        seq = self._shape.seq_len
        self._left: list[list[int]] = []
        for tokens in self._tokens:
            highest = min(seq - 1, max(0, tokens - seq - 1))
            phase = int(self._random.integers(highest + 1)) if highest > 0 else 0
            order = self._random.permutation(max(tokens - 1 - phase, 0) // seq)
            self._left.append((phase + order * seq).tolist())

    def _draw(self) -> tuple[int, int]:
        if not any(self._left):
            self._shuffle()
        left = np.array([len(starts) for starts in self._left], dtype=np.float64)
        chosen = int(self._random.choice(len(left), p=left / left.sum()))
        return self._own[chosen], self._left[chosen].pop()


class PackedOrder:
    """#1855's loader: steps follow each other from a shard's first bos on; a rest too short for one is dropped."""

    def __init__(self, stream: Stream, piece_tokens: int) -> None:
        self._span = piece_tokens + 1
        self._firsts = [_first_bos(stream, index) for index in range(len(stream.shards))]
        steps = [
            max(shard.tokens - first, 0) // (PIECES * self._span)
            for shard, first in zip(stream.shards, self._firsts, strict=True)
        ]
        self._ends = np.cumsum(steps)
        if not self._ends[-1]:
            raise BadInput(
                f"{stream.shards[0].path.parent}: no training shard holds the {PIECES * self._span} tokens of one step"
            )

    def place(self, step: int, piece: int) -> tuple[int, int]:
        """Return shard and position of the tokens of ``piece`` of ``step``."""
        step %= int(self._ends[-1])
        shard = int(np.searchsorted(self._ends, step, side="right"))
        inside = step - (int(self._ends[shard - 1]) if shard else 0)
        return shard, self._firsts[shard] + (inside * PIECES + piece) * self._span


def _first_bos(stream: Stream, shard: int) -> int:
    """Return the position of the first bos of a shard; its length when it has none."""
    tokens = stream.shards[shard].tokens
    for start in range(0, tokens, 1 << 16):
        found = document_starts(stream.read(shard, start, 1 << 16))
        if len(found):
            return start + int(found[0])
    return tokens


def some_row(rows: int, shape: Shape) -> int:
    """Return the number of ``rows`` that shards hold; raises :class:`BadInput` when there is none."""
    if not rows:
        raise BadInput(f"the training shards hold no row of {shape.seq_len} tokens and its target")
    return rows
