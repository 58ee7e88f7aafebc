"""What an evaluation results in, and how it is summed: the same to the last bit for any number of ranks.

val_loss is the mean of nats over all targets, val_bpb the bits per byte of text: ``val_loss / ln 2 * tokens / bytes``
(spec section 1). Work is cut into the same items whatever the number of ranks; each rank computes a contiguous share,
and the items' sums meet in one float64 vector, so that nothing depends on who computed what.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from reference_model.config import Config
from reference_model.data.tokenizer import BOS
from reference_model.data.valset import Val
from reference_model.errors import BadInput
from reference_model.model import GPT, Stage
from reference_model.train.ranks import PIECES, Ranks

Losses = Callable[[Tensor, Tensor, Tensor | None], Tensor]
"""From tokens, targets and segments, each (rows, seq), to nats (rows, seq) float32."""


@dataclass(frozen=True)
class Score:
    """One score of a model: mean loss in nats per token, bits per byte, over ``tokens`` targets of ``bytes`` bytes.

    ``seconds`` is the time of the slowest rank. ``invalid`` says why the number can't be compared with others, in
    words; it is empty for a valid score.
    """

    name: str
    val_loss: float
    val_bpb: float
    tokens: int
    bytes: int
    seconds: float
    invalid: str = ""


class Stopwatch:
    """Measures from its making to :meth:`score`."""

    def __init__(self, ranks: Ranks) -> None:
        self._ranks = ranks
        self._start = time.perf_counter()

    def score(self, name: str, nats: float, tokens: int, size: int, invalid: str = "") -> Score:
        """Return the score of ``nats`` over ``tokens`` targets of ``size`` bytes.

        Raises :class:`BadInput` when there is nothing to divide by.
        """
        if tokens <= 0 or size <= 0:
            raise BadInput(f"the validation text has {tokens} targets of {size} bytes: nothing to score")
        seconds = self._ranks.max(time.perf_counter() - self._start)
        return Score(name, nats / tokens, nats / math.log(2) / size, tokens, size, seconds, invalid)


def share(count: int, ranks: Ranks) -> range:
    """Return which of ``count`` items this rank computes: a contiguous range, as equal as can be."""
    return range(count * ranks.rank // ranks.world, count * (ranks.rank + 1) // ranks.world)


def sum_items(count: int, nats_of: Callable[[int], Tensor], ranks: Ranks) -> float:
    """Return the sum of ``nats_of`` (a float64 scalar) over ``count`` items, each computed by one rank."""
    sums = torch.zeros(count, dtype=torch.float64, device=ranks.device)
    for item in share(count, ranks):
        sums[item] = nats_of(item)
    return float(ranks.sum_(sums).sum())


def losses_of(model: GPT, device: torch.device, stage: Stage | None = None) -> Losses:
    """Return the losses of ``model`` at ``stage`` (None: the final one) without gradients, compiled on a GPU."""

    def compute(tokens: Tensor, targets: Tensor, segments: Tensor | None) -> Tensor:
        return model.loss(tokens, targets, stage=stage, segments=segments, reduction="none")

    return torch.no_grad()(torch.compile(compute, dynamic=False) if device.type == "cuda" else compute)


def tensor_of(val: Val, device: torch.device) -> Tensor:
    """Return the validation tokens (N,) as int64 on ``device``."""
    return torch.from_numpy(val.tokens.astype("int64")).to(device)


def document_index(config: Config, tokens: Tensor) -> Tensor | None:
    """Return (rows, seq) documents of ``tokens`` for a model trained on documents apart (#1855), else None."""
    return (tokens == BOS).cumsum(1) if config.data.loader == "packed" else None


def batch_rows(config: Config, length: int) -> int:
    """Return how many rows of ``length`` tokens go through the model at a time, on every rank."""
    return max(1, config.data.eval_batch_tokens // PIECES // length)
