"""The plain score: rows of the training length side by side, nothing seen before a row's first token."""

from __future__ import annotations

import torch
from torch import Tensor

from reference_model.config import Config
from reference_model.data.documents import segment_ids
from reference_model.data.valset import Val
from reference_model.evaluate.score import Score, Stopwatch, batch_rows, losses_of, sum_items, tensor_of
from reference_model.model import GPT, Stage
from reference_model.train.ranks import Ranks


def roundtrip(model: GPT, val: Val, config: Config, ranks: Ranks, stage: Stage | None = None) -> Score:
    """Return the score of ``model`` over all of ``val`` in rows of ``config.data.seq_len``; no row is left out.

    After a reload of the artifact from disk this is the challenge's roundtrip score; before, the pre-quantisation
    one. A model trained on packed documents (#1855) gets its rows joined, with attention inside documents only.
    ``stage`` is for validation during training, of a network that hasn't its full depth yet.
    """
    watch = Stopwatch(ranks)
    losses = losses_of(model, ranks.device, stage)
    tokens = tensor_of(val, ranks.device)
    seq = config.data.seq_len
    step = batch_rows(config, seq) * seq
    packed = config.data.loader == "packed"

    def nats_of(item: int) -> Tensor:
        span = tokens[item * step : (item + 1) * step + 1]
        rows = (1, -1) if packed else (-1, seq)
        segments = _segments(span[:-1], seq) if packed else None
        return losses(span[:-1].view(rows), span[1:].view(rows), segments).double().sum()

    nats = sum_items(-(-val.targets // step), nats_of, ranks)
    return watch.score("roundtrip", nats, val.targets, val.bytes_between(0, val.targets))


def _segments(tokens: Tensor, longest: int) -> Tensor:
    return torch.from_numpy(segment_ids(tokens.cpu().numpy(), longest)).to(tokens.device)[None]
