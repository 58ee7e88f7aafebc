"""The model's predictions over all windows, in order, the same on every rank.

Mixtures that learn from counts need every target in the order of the text. The forward passes are the costly part:
ranks compute a batch each and exchange the few numbers per target that a mixture reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from reference_model.evaluate.lora import cross_entropy
from reference_model.evaluate.sliding import Batch, Windows
from reference_model.model import GPT
from reference_model.train.ranks import Ranks


@dataclass(frozen=True)
class Prediction:
    """What the model says of a batch of windows: ``nats`` of each target, and the ``entropy`` of each prediction.

    Both (rows, length) float32. The entropy, in nats, depends on the context alone.
    """

    batch: Batch
    nats: Tensor
    entropy: Tensor


@torch.no_grad()
def predictions(model: GPT, tokens: Tensor, plan: Windows, ranks: Ranks) -> Iterator[Prediction]:
    """Yield the predictions of ``model`` for all windows of ``plan`` over ``tokens`` (N,), batch by batch."""
    groups = [plan.all[start : start + plan.rows] for start in range(0, len(plan.all), plan.rows)]
    for first in range(0, len(groups), ranks.world):
        turn = groups[first : first + ranks.world]
        found = torch.zeros(len(turn), 2, plan.rows, plan.length, device=ranks.device)
        if ranks.rank < len(turn):
            batch = plan.batch(tokens, turn[ranks.rank])
            found[ranks.rank, :, : len(batch.tokens)] = torch.stack(_numbers(model, batch))
        ranks.sum_(found)
        for (nats, entropy), group in zip(found, turn, strict=True):
            yield Prediction(plan.batch(tokens, group), nats[: len(group)], entropy[: len(group)])


def _numbers(model: GPT, batch: Batch) -> tuple[Tensor, Tensor]:
    logits = model(batch.tokens, segments=batch.segments).float()
    logs = logits.log_softmax(-1)
    return cross_entropy(logits, batch.targets), -(logs.exp() * logs).sum(-1)
