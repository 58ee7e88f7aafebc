"""A linear layer whose weight stays in float32 while activations may be bfloat16."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 (its usual name)
from torch import Tensor, nn


class Linear(nn.Linear):
    """Linear layer without bias; the weight is cast to the dtype of the input when it is used.

    ``fake_levels`` above 0 switches on quantisation-aware training: in training mode the forward pass sees the weight
    as it would come back from ``2 * fake_levels + 1`` integer levels, and the gradient passes straight through.
    Evaluation never sees it.
    """

    def __init__(self, inputs: int, outputs: int, *, zero: bool = False) -> None:
        super().__init__(inputs, outputs, bias=False)
        self.zero = zero
        self.fake_levels = 0

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x W^T``: (..., inputs) to (..., outputs), in the dtype of ``x``."""
        weight = self.weight.to(x.dtype)
        if self.fake_levels and self.training:
            weight = fake_quantize(weight, self.fake_levels)
        return F.linear(x, weight)


def fake_quantize(weight: Tensor, levels: int) -> Tensor:
    """Return ``weight`` (rows, columns) rounded to ``levels`` steps of its row's largest magnitude, and back.

    The gradient is that of the identity (straight-through estimator, spec section 4).
    """
    full = weight.float()
    scale = (full.abs().amax(dim=-1, keepdim=True) / levels).clamp_min(1e-12)
    rounded = (full / scale).round().clamp(-levels, levels) * scale
    return weight + (rounded.to(weight.dtype) - weight).detach()


def initialise(linear: Linear, *, orthogonal: bool) -> None:
    """Give ``linear`` its first weights: zero for outputs of a block, else orthogonal, else torch's own.

    Orthogonal only where both sides are at least 64, as the published systems do.
    """
    with torch.no_grad():
        if linear.zero:
            linear.weight.zero_()
        elif orthogonal and min(linear.weight.shape) >= 64:
            nn.init.orthogonal_(linear.weight)
