"""The order of #1334's loader: many shards at once, each walked by a stride coprime to its number of rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reference_model.data.orders import Rows, Shape, some_row
from reference_model.data.shards import Shard
from reference_model.train.ranks import PIECES


class CoprimeOrder:
    """#1334's loader: a step takes rows of several shards: of 8 at first, of 64 from step 1,800 on.

    Within a shard it walks by a stride coprime to the number of rows, so that each comes once. The generator's seed is
    the run's; as published it is a hash of the shards' paths, which ``path_seed`` gives.
    """

    _GROWTH = 1800  # steps over which the number of shards in a step grows

    def __init__(self, shards: Sequence[Shard], shape: Shape, seed: int) -> None:
        self._shape, self._seed = shape, seed
        self._tokens = [shard.tokens for shard in shards]
        counts = np.array([max(tokens - 1, 0) // shape.seq_len for tokens in self._tokens], dtype=np.int64)
        some_row(int(counts.sum()), shape)
        self._eligible = np.flatnonzero(counts)
        self._counts = counts[self._eligible]
        self._last: Rows = []
        self._restart()

    def rows(self, step: int, piece: int) -> Rows:
        """Return shard and position of each row of ``piece`` of ``step``."""
        if step < self._next - 1:
            self._restart()
        while self._next <= step:
            self._last = self._sample(self._next)
            self._next += 1
        return self._last[piece::PIECES]

    def _restart(self) -> None:
        self._random = np.random.Generator(np.random.PCG64(self._seed))
        self._walks: dict[int, _Walk] = {}
        self._next = 0
        self._last = []

    def _sample(self, step: int) -> Rows:
        """Return the rows of all pieces of ``step``, those of the shards interleaved."""
        wanted = self._shape.rows * PIECES
        progress = min(step / self._GROWTH, 1.0)
        weights = np.array([self._remaining(index) for index in range(len(self._eligible))]) ** (0.90 - 0.40 * progress)
        chances = weights / weights.sum()
        limit = min(len(self._eligible), wanted)
        fewest, most = min(8, limit), min(8 * PIECES, limit)
        mix = max(1, min(round(fewest + progress * (most - fewest)), limit))
        chosen = self._random.choice(len(self._eligible), size=mix, replace=False, p=chances)
        shares = np.ones(mix, dtype=np.int64)
        if wanted > mix:
            shares += self._random.multinomial(wanted - mix, chances[chosen] / chances[chosen].sum())
        order = self._random.permutation(mix)
        piles = [self._pile(int(self._eligible[chosen[i]]), int(shares[i])) for i in order]
        return self._interleave(piles)

    def _remaining(self, index: int) -> float:
        walk = self._walks.get(int(self._eligible[index]))
        return float(self._counts[index]) if walk is None else float(max(walk.left, 1))

    def _pile(self, shard: int, count: int) -> Rows:
        rows: Rows = []
        while len(rows) < count:
            walk = self._walks.get(shard)
            if walk is None or not walk.left:
                walk = self._walks[shard] = self._begin(shard)
            rows += [(shard, start) for start in walk.take(count - len(rows))]
        if len(rows) > 1:
            rows = [rows[i] for i in self._random.permutation(len(rows))]
        return rows

    def _begin(self, shard: int) -> _Walk:
        tokens, seq = self._tokens[shard], self._shape.seq_len
        highest = min(seq - 1, max(0, tokens - seq - 1))
        phase = int(self._random.integers(highest + 1)) if highest > 0 else 0
        count = (tokens - 1 - phase) // seq
        first = int(self._random.integers(count)) if count > 1 else 0
        stride = 1
        while count > 1:
            stride = int(self._random.integers(1, count))
            if math.gcd(stride, count) == 1:
                break
        return _Walk(phase, seq, count, first, stride)

    def _interleave(self, piles: list[Rows]) -> Rows:
        """Return one row of each pile after the other, round by round, until all are used.

        A round's order is a permutation of the round before, not of the piles as they came: which rank gets which row
        of a step hangs on it.
        """
        rows: Rows = []
        while piles:
            piles = [piles[i] for i in self._random.permutation(len(piles))]
            rows += [pile.pop() for pile in piles]
            piles = [pile for pile in piles if pile]
        return rows


@dataclass
class _Walk:
    """A walk over the rows of one shard by a stride coprime to their number."""

    phase: int
    seq_len: int
    count: int
    first: int
    stride: int
    done: int = 0

    @property
    def left(self) -> int:
        return self.count - self.done

    def take(self, count: int) -> list[int]:
        steps = range(self.done, self.done + min(count, self.left))
        self.done += len(steps)
        return [self.phase + (self.first + step * self.stride) % self.count * self.seq_len for step in steps]


def path_seed(paths: Sequence[str]) -> int:
    """Return #1334's seed: an FNV-like hash of the shards' paths, as they were written in the published run."""
    seed = 0
    for byte in "".join(paths).encode():
        seed = ((seed ^ byte) * 1099511628211) & 0xFFFFFFFFFFFFFFFF
    return seed
