"""Shards as one run of tokens: memory-mapped, so that only what is read is loaded."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from reference_model.data.shards import HEADER_BYTES, BadShard, Shard, open_shard, split_shards
from reference_model.errors import BadInput

Tokens = npt.NDArray[np.uint16]
_PROBE = 1 << 18  # tokens per shard that are checked against the vocabulary before a run starts


class Stream:
    """The shards of one split, in the order of their names, joined end to end.

    ``tokens`` is their number; documents may straddle two shards, and rows do too.
    """

    def __init__(self, shards: Sequence[Shard]) -> None:
        self.shards = tuple(shards)
        self._ends = np.cumsum([shard.tokens for shard in self.shards])
        self._views = [_view(shard) for shard in self.shards]
        self.tokens = int(self._ends[-1])
        if not self.tokens:
            raise BadShard(f"{self.shards[0].path.parent}: the shards hold no token")

    def read(self, shard: int, start: int, count: int) -> Tokens:
        """Return ``count`` tokens (count,) of shard number ``shard`` from ``start`` on."""
        return self._views[shard][start : start + count]

    def take(self, start: int, count: int) -> Tokens:
        """Return ``count`` tokens (count,) from position ``start`` of the stream, which wraps around at its end."""
        parts: list[Tokens] = []
        place = start % self.tokens
        while count > 0:
            shard = int(np.searchsorted(self._ends, place, side="right"))
            inside = place - (int(self._ends[shard]) - self.shards[shard].tokens)
            part = self.read(shard, inside, count)
            parts.append(part)
            count -= len(part)
            place = (place + len(part)) % self.tokens
        return parts[0] if len(parts) == 1 else np.concatenate([*parts, np.zeros(0, dtype=np.uint16)])

    def check_vocabulary(self, vocab_size: int) -> None:
        """Raise :class:`BadInput` when the beginning of a shard holds an id that the model has no embedding for."""
        for shard, view in zip(self.shards, self._views, strict=True):
            highest = int(view[:_PROBE].max(initial=0))
            if highest >= vocab_size:
                raise BadInput(
                    f"{shard.path}: token id {highest} is beyond model.vocab_size {vocab_size}; "
                    "these shards belong to another tokenizer"
                )


def open_stream(folder: str | os.PathLike[str], split: str) -> Stream:
    """Return the shards of ``split`` (``train`` or ``val``) in ``folder``; raises :class:`BadShard`."""
    return Stream(split_shards(folder, split))


def read_sidecar(folder: Path) -> Tokens:
    """Return the bytes per token (N,) of the validation split, from its sidecar shards.

    Raises :class:`BadShard` when there is none.
    """
    paths = sorted(folder.glob("fineweb_val_bytes_*.bin"))
    if not paths:
        raise BadShard(f"{folder}: no fineweb_val_bytes_*.bin, which say how many bytes each token stands for")
    return np.concatenate([_view(open_shard(path)) for path in paths])


def _view(shard: Shard) -> Tokens:
    if not shard.tokens:
        return np.zeros(0, dtype=np.uint16)
    mapped = np.memmap(shard.path, dtype="<u2", mode="r", offset=HEADER_BYTES, shape=(shard.tokens,))
    return mapped.view(np.ndarray)
