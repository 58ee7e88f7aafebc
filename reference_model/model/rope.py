"""Rotary position embedding: pairs of dimensions turn by an angle that grows with the position."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Rope(nn.Module):
    """Tables of cosines and sines for the first ``dims`` dimensions of a head.

    Position t turns pair i by ``t * base ** (-2 i / dims)``. Tables up to the training length are kept; a longer
    sequence gets its own, with a larger base when ``rescale`` is set (spec section 2): every wavelength then grows,
    so that the longer sequence covers the phases that training has seen.
    """

    def __init__(self, dims: int, base: float, train_len: int, *, rescale: bool) -> None:
        super().__init__()
        self.dims, self.base, self.train_len, self.rescale = dims, base, train_len, rescale
        angles = self._angles(train_len, torch.device("cpu"))
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)
        self.cos: Tensor
        self.sin: Tensor

    def forward(self, length: int, dtype: torch.dtype, shift: float = 0.0) -> tuple[Tensor, Tensor]:
        """Return cosines and sines (1, length, 1, dims / 2), every angle larger by ``shift`` radians."""
        if shift == 0.0 and length <= self.train_len:
            cos, sin = self.cos[:length], self.sin[:length]
        else:
            angles = self._angles(length, self.cos.device) + shift
            cos, sin = angles.cos(), angles.sin()
        return cos.to(dtype)[None, :, None, :], sin.to(dtype)[None, :, None, :]

    def _angles(self, length: int, device: torch.device) -> Tensor:
        base = self.base
        if self.rescale and length > self.train_len:
            base *= (length / self.train_len) ** (self.dims / (self.dims - 2))
        exponents = torch.arange(0, self.dims, 2, dtype=torch.float32, device=device) / self.dims
        positions = torch.arange(length, dtype=torch.float32, device=device)
        return torch.outer(positions, 1.0 / (base**exponents))


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Return ``x`` (batch, seq, heads, head_dim) with its first dimensions turned; the rest passes through.

    Pairs are half-split: dimension i goes with dimension i + r/2, where r is twice the width of the tables.
    """
    half = cos.shape[-1]
    first, second = x[..., :half], x[..., half : 2 * half]
    turned = (first * cos + second * sin, second * cos - first * sin)
    rest = x[..., 2 * half :]
    return torch.cat(turned if rest.shape[-1] == 0 else (*turned, rest), dim=-1)
