"""Batches of training rows: tokens and, one further on, their targets.

A step is always the same eight pieces, and a piece a pure function of (seed, step, piece): equal for any number of
ranks, and a run resumes from its step alone. The four orders are those of the published trainers (see
:mod:`reference_model.data.orders`).
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
import torch
from msgspec.structs import replace
from torch import Tensor

from reference_model.config import Config
from reference_model.data.coprime import CoprimeOrder, path_seed
from reference_model.data.documents import segment_ids
from reference_model.data.folder import Place, locate
from reference_model.data.orders import (
    PackedOrder,
    RankShuffledOrder,
    RowOrder,
    Shape,
    ShuffledOrder,
)
from reference_model.data.stream import Stream, Tokens, open_stream
from reference_model.data.tokenizer import load_tokenizer
from reference_model.data.variants import official
from reference_model.errors import BadInput, RunFailed
from reference_model.train.ranks import PIECES


@dataclass(frozen=True)
class Batch:
    """One piece of a step: ``tokens`` and ``targets``, both (rows, seq) int64.

    ``segments`` (rows, seq) int64 is the document index of each position where attention must not cross documents,
    else None.
    """

    tokens: Tensor
    targets: Tensor
    segments: Tensor | None = None


class Loader:
    """The training rows of a run; it has no state but the shards, so that any step can be asked for at any time."""

    def __init__(self, config: Config, stream: Stream, seed: int) -> None:
        data = config.data
        self._config, self._seed = config, seed
        self._stream = stream
        self._vocab = config.model.vocab_size
        self._seq = data.seq_len
        self._piece_tokens = data.batch_tokens // PIECES
        self._packed: PackedOrder | None = None
        self._rows: RowOrder | None = None
        if data.loader == "packed":
            self._packed = PackedOrder(stream, self._piece_tokens)
        elif data.loader != "sequential":
            self._rows = _row_order(config, stream, seed)

    def batch(self, step: int, piece: int) -> Batch:
        """Return piece ``piece`` (0 to 7) of step ``step``, on the host.

        Raises :class:`RunFailed` when a shard holds an id beyond the model's vocabulary.
        """
        if self._packed is not None:
            shard, start = self._packed.place(step, piece)
            span = self._stream.read(shard, start, self._piece_tokens + 1)
            segments = segment_ids(span[:-1], longest=self._seq)
            return self._batch(span[None], torch.from_numpy(segments)[None])
        if self._rows is not None:
            spans = [self._stream.read(shard, start, self._seq + 1) for shard, start in self._rows.rows(step, piece)]
            return self._batch(np.stack(spans))
        span = self._stream.take((step * PIECES + piece) * (self._piece_tokens + 1), self._piece_tokens + 1)
        tokens = torch.from_numpy(self._checked(span))
        return Batch(tokens[:-1].view(-1, self._seq), tokens[1:].view(-1, self._seq))

    def calibration(self, step: int) -> tuple[Loader, int]:
        """Return the rows to calibrate quantisation on and the step they begin at, where training ended at ``step``.

        They go on where training stopped, or begin anew (``calibration_restarts``), as #1334 and its heirs do: in the
        order and size of batch that the scheme has for it.
        """
        scheme, data = self._config.quantize, self._config.data
        tokens = scheme.calibration_batch_tokens or data.batch_tokens
        changed = replace(data, loader=scheme.calibration_loader or data.loader, batch_tokens=tokens)
        first = 0 if scheme.calibration_restarts else -(-step * data.batch_tokens // tokens)
        return Loader(replace(self._config, data=changed), self._stream, self._seed), first

    def _batch(self, spans: Tokens, segments: Tensor | None = None) -> Batch:
        tokens = torch.from_numpy(self._checked(spans))
        return Batch(tokens[:, :-1], tokens[:, 1:], segments)

    def _checked(self, spans: Tokens) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        highest = int(spans.max())
        if highest >= self._vocab:
            raise RunFailed(f"a training shard holds token id {highest}, beyond model.vocab_size {self._vocab}")
        return spans.astype(np.int64)


def open_loader(config: Config, folder: str | os.PathLike[str], seed: int) -> Loader:
    """Return the training rows of ``config`` from the shards in ``folder``, ordered by ``seed``.

    Raises :class:`BadInput` when shards or tokenizer are missing, broken, don't fit each other or the model, or hold
    too little for one row.
    """
    place = locate(folder, config.data.tokenizer)
    check_tokenizer(config, place)
    stream = open_stream(place.shards, "train")
    stream.check_vocabulary(config.model.vocab_size)
    return Loader(config, stream, seed)


def check_tokenizer(config: Config, place: Place) -> None:
    """Raise :class:`BadInput` when the tokenizer beside the shards has another vocabulary than the model."""
    vocab_size = load_tokenizer(place.tokenizer).vocab_size
    if vocab_size != config.model.vocab_size:
        raise BadInput(
            f"{place.tokenizer}: a vocabulary of {vocab_size}, but model.vocab_size is {config.model.vocab_size}"
        )


def _row_order(config: Config, stream: Stream, seed: int) -> RowOrder:
    shape = Shape(config.data.seq_len, config.data.batch_tokens // PIECES // config.data.seq_len)
    published = config.mode == "published"
    if config.data.loader == "shuffled":
        return RankShuffledOrder(stream.shards, shape) if published else ShuffledOrder(stream.shards, shape, seed)
    variant = official(config.data.tokenizer)
    if published and variant is not None:
        # Wherever the shards lie now: as the published run named them.
        names = [f"data/datasets/{variant.dataset}/{shard.path.name}" for shard in stream.shards]
        seed = path_seed(names)
    return CoprimeOrder(stream.shards, shape, seed)
