"""Gates: learned factors that let a token, a head or a skip connection through in part."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 (its usual name)
from torch import Tensor, nn


class StaticSmear(nn.Module):
    """Mix of each position with the one before, by one learned share per dimension (#167, #1499).

    ``(1 - s) x_t + s x_{t-1}`` with ``s = sigmoid(gate)``; it comes after the norm of the embedding.
    """

    def __init__(self, dim: int, start: float) -> None:
        super().__init__()
        self.gate = nn.Parameter(torch.full((dim,), start))

    def forward(self, x: Tensor, same_document: Tensor) -> Tensor:
        """Return (batch, seq, dim); ``same_document`` (batch, seq) is 0 where the previous token is not of it."""
        share = torch.sigmoid(self.gate.to(x.dtype))
        return (1 - share) * x + share * _previous(x, same_document)


class GatedSmear(nn.Module):
    """Each position takes some of the one before, as much as its own first dimensions ask for (#1855).

    ``x_t + lam * sigmoid(w . x_t[:width]) * x_{t-1}``; it comes before the norm and starts as the identity.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, width))
        self.scale = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor, same_document: Tensor) -> Tensor:
        """Return (batch, seq, dim); ``same_document`` (batch, seq) is 0 where the previous token is not of it."""
        asked = torch.sigmoid(F.linear(x[..., : self.weight.shape[1]], self.weight.to(x.dtype)))
        return x + self.scale.to(x.dtype) * asked * _previous(x, same_document)


class HeadGate(nn.Module):
    """A factor for each head, read from the first dimensions of the attention's input (#1855); starts at one half."""

    def __init__(self, heads: int, width: int, scale: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(heads, width))
        self.scale = scale

    def forward(self, y: Tensor, x: Tensor) -> Tensor:
        """Return ``y`` (batch, seq, heads, head_dim), gated by ``x`` (batch, seq, dim)."""
        asked = F.linear(x[..., : self.weight.shape[1]], self.weight.to(x.dtype))
        return y * torch.sigmoid(self.scale * asked).unsqueeze(-1)


def _previous(x: Tensor, same_document: Tensor) -> Tensor:
    """Return x_{t-1}, zero at position 0 and wherever ``same_document`` is 0."""
    previous = F.pad(x[:, :-1], (0, 0, 1, 0))
    return previous * same_document.to(x.dtype).unsqueeze(-1)
