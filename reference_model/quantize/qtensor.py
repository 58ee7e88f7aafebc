"""A weight as the artifact stores it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class LowRank:
    """A correction ``a @ b`` added to a quantised matrix (LQER, #1855).

    ``a`` (rows, rank) holds integers -2 to 1 with one float16 scale; ``b`` (rank, cols) holds integers -8 to 7 with a
    float16 scale for every 64 values of its flattened form.
    """

    a: Tensor
    a_scale: Tensor
    b: Tensor
    b_scale: Tensor


@dataclass(frozen=True)
class QTensor:
    """One tensor of the state: either integers with scales, or ``values`` kept as float16 or float32.

    ``integers`` is int8 of the tensor's shape, ``scale`` float16, one for each row (rows,) or a single one ().
    """

    values: Tensor | None = None
    integers: Tensor | None = None
    scale: Tensor | None = None
    low_rank: LowRank | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the tensor that it stands for."""
        tensor = self.values if self.values is not None else self.integers
        assert tensor is not None
        return tuple(tensor.shape)


def restore(tensor: QTensor) -> Tensor:
    """Return the float32 tensor that ``tensor`` stands for: integers times their row's scale, plus the correction."""
    if tensor.values is not None:
        return tensor.values.float()
    assert tensor.integers is not None
    assert tensor.scale is not None
    scale = tensor.scale.float()
    if scale.ndim == 1:
        scale = scale.reshape(-1, *[1] * (tensor.integers.ndim - 1))
    out = tensor.integers.float() * scale
    if tensor.low_rank is not None:
        out = out + product(tensor.low_rank)
    return out


def product(low_rank: LowRank) -> Tensor:
    """Return ``a @ b`` (rows, cols) in float32."""
    a = low_rank.a.float() * low_rank.a_scale.float()
    flat = low_rank.b.reshape(-1).float()
    per_value = low_rank.b_scale.float().repeat_interleave(_group(flat.numel(), low_rank.b_scale.numel()))
    return a @ (flat * per_value[: flat.numel()]).reshape(low_rank.b.shape)


def _group(values: int, scales: int) -> int:
    """How many values share a scale: the last group may be shorter."""
    return -(-values // scales) if scales else values


def rows_of(weight: Tensor) -> Tensor:
    """Return ``weight`` as float32 rows: a matrix as it is, anything else as a single row (rows, cols)."""
    weight = weight.detach().to(torch.float32)
    return weight if weight.ndim == 2 else weight.reshape(1, -1)
