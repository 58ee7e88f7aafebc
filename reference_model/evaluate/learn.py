"""SGD on text that has been scored, together on all ranks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from reference_model.config import ScoreFirst
from reference_model.evaluate.score import share
from reference_model.model import GPT
from reference_model.train.ranks import Ranks


@dataclass(frozen=True)
class Piece:
    """Rows to learn from: ``tokens``, ``targets`` and, where attention stays within documents, ``segments``.

    All are (rows, seq).
    """

    tokens: Tensor
    targets: Tensor
    segments: Tensor | None

    def share(self, ranks: Ranks) -> list[Piece]:
        """Return the rows of this rank, as one piece or none."""
        mine = share(len(self.tokens), ranks)
        own = slice(mine.start, mine.stop)
        segments = None if self.segments is None else self.segments[own]
        return [Piece(self.tokens[own], self.targets[own], segments)] if mine else []


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
        self._prepare(lr)
        for _ in range(self._scheme.epochs):
            for first in range(0, len(tokens), self._scheme.batch_rows):
                rows = slice(first, first + self._scheme.batch_rows)
                self._step([Piece(tokens[rows], targets[rows], None if segments is None else segments[rows])])

    def learn_pieces(self, steps: Sequence[Sequence[Piece]], lr: float) -> None:
        """Take one step on all pieces of each of ``steps``, ``epochs`` times at rate ``lr``; ranks share them out."""
        self._prepare(lr)
        for _ in range(self._scheme.epochs):
            for pieces in steps:
                self._step(pieces)

    def _prepare(self, lr: float) -> None:
        for group in self._optimizer.param_groups:
            group["lr"] = lr
        for parameter in self._parameters:
            parameter.requires_grad_(True)

    def _step(self, pieces: Sequence[Piece]) -> None:
        """Step on the mean loss of all rows: of a single piece its rows are shared out, of several the pieces."""
        self._optimizer.zero_grad(set_to_none=True)
        count = sum(piece.targets.numel() for piece in pieces)
        mine = share(len(pieces), self._ranks)
        for piece in pieces[0].share(self._ranks) if len(pieces) == 1 else pieces[mine.start : mine.stop]:
            found = self._model.loss(piece.tokens, piece.targets, segments=piece.segments, reduction="none")
            (found.sum() / count).backward()  # type: ignore[no-untyped-call]
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
