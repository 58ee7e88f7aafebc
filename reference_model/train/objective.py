"""The loss of a batch in a given state of the run: which blocks execute, and whether weights are seen quantised."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from reference_model.config import Config
from reference_model.data.loader import Batch
from reference_model.model import GPT, Stage

_Compute = Callable[[Tensor, Tensor, Tensor | None], Tensor]

MOST_GRAPHS = 64  # stages, with and without rounded weights, in training and in evaluation; torch gives up at 8


class Objective:
    """The training loss of ``model`` by stage, compiled once for each where ``compiled``."""

    def __init__(self, model: GPT, config: Config, device: torch.device, *, compiled: bool = False) -> None:
        self._model = model
        self._qat = config.qat
        self._device = device
        self._compiled = compiled
        self._ways: dict[Stage, _Compute] = {}
        if compiled:
            torch._dynamo.config.recompile_limit = MOST_GRAPHS

    def loss_of(self, stage: Stage, rounded: bool) -> Callable[[Batch], Tensor]:
        """Return the function from a batch to its mean loss (nats, scalar) at ``stage``.

        ``rounded``: the forward pass sees quantised weights and the gradient passes straight through (QAT).
        """
        self._model.train_quantized(self._qat if rounded else None)
        if stage not in self._ways:
            compute = self._way(stage)
            self._ways[stage] = torch.compile(compute, dynamic=False) if self._compiled else compute
        return partial(self._on_device, self._ways[stage])

    def _way(self, stage: Stage) -> _Compute:
        model = self._model

        def compute(tokens: Tensor, targets: Tensor, segments: Tensor | None) -> Tensor:
            return model.loss(tokens, targets, stage=stage, segments=segments)

        return compute

    def _on_device(self, compute: _Compute, batch: Batch) -> Tensor:
        segments = None if batch.segments is None else self._there(batch.segments)
        return compute(self._there(batch.tokens), self._there(batch.targets), segments)

    def _there(self, tensor: Tensor) -> Tensor:
        """Copy to the device without waiting for it; pages that can't move are what allows that."""
        return tensor.pin_memory().to(self._device, non_blocking=True) if self._device.type == "cuda" else tensor
