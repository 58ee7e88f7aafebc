"""SGD on text that has been scored, together on all ranks."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from reference_model.config import ScoreFirst
from reference_model.evaluate.score import share
from reference_model.model import GPT
from reference_model.train.ranks import Ranks


class Learner:
    """Takes steps of SGD on all parameters of ``model``, the same on every rank.

    The rows of a step are shared out; each rank's gradient counts by its rows, and a rank without rows joins with
    zeros. The gradient is clipped after it is summed. Momentum lasts from call to call.
    """

    def __init__(self, model: GPT, scheme: ScoreFirst, ranks: Ranks) -> None:
        self._model, self._scheme, self._ranks = model, scheme, ranks
        self._parameters = list(model.parameters())
        self._optimizer = torch.optim.SGD(self._parameters, lr=0.0, momentum=scheme.momentum)

    def learn(self, tokens: Tensor, targets: Tensor, segments: Tensor | None, lr: float) -> None:
        """Learn all rows of ``tokens`` and ``targets``, both (rows, seq), ``epochs`` times at rate ``lr``."""
        for group in self._optimizer.param_groups:
            group["lr"] = lr
        for parameter in self._parameters:
            parameter.requires_grad_(True)
        for _ in range(self._scheme.epochs):
            for first in range(0, len(tokens), self._scheme.batch_rows):
                rows = slice(first, first + self._scheme.batch_rows)
                self._step(tokens[rows], targets[rows], None if segments is None else segments[rows])

    def _step(self, tokens: Tensor, targets: Tensor, segments: Tensor | None) -> None:
        self._optimizer.zero_grad(set_to_none=True)
        mine = share(len(tokens), self._ranks)
        if mine:
            own = slice(mine.start, mine.stop)
            found = self._model.loss(
                tokens[own], targets[own], segments=None if segments is None else segments[own], reduction="none"
            )
            (found.sum() / targets.numel()).backward()  # type: ignore[no-untyped-call]
        self._combine()
        self._optimizer.step()

    def _combine(self) -> None:
        """Sum gradients over ranks and clip their global norm."""
        parts = [p.grad if p.grad is not None else torch.zeros_like(p) for p in self._parameters]
        flat = self._ranks.sum_(torch.cat([part.detach().float().flatten() for part in parts]))
        if self._scheme.clip > 0:
            flat *= (self._scheme.clip / (flat.norm() + 1e-6)).clamp(max=1.0)
        for parameter, piece in zip(self._parameters, torch.split(flat, [part.numel() for part in parts]), strict=True):
            parameter.grad = piece.view_as(parameter).to(parameter.dtype)


def cosine(peak: float, index: int, count: int) -> float:
    """Return the learning rate of chunk ``index`` of ``count``: from ``peak`` down to 0 at the last."""
    return peak * 0.5 * (1.0 + math.cos(math.pi * index / max(count - 1, 1)))
