"""LQER (#1855): a low-rank correction for the matrices that rounding hurt most (spec §4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from reference_model.quantize.qtensor import LowRank, QTensor, restore

GROUP = 64
"""Values of ``b`` that share a scale."""


def with_corrections(
    tensors: Mapping[str, QTensor], weights: Mapping[str, Tensor], count: int, rank: int
) -> dict[str, QTensor]:
    """Return ``tensors`` with a correction on the ``count`` matrices of ``weights`` with the largest ``|W - W'|``.

    The norm is Frobenius's; names that ``weights`` lacks get none.
    """
    errors = {
        name: weights[name].detach().float() - restore(tensor)
        for name, tensor in tensors.items()
        if name in weights and tensor.integers is not None and len(tensor.shape) == 2
    }
    # Ties go by name, so that the artifact does not depend on the order of a mapping.
    worst = sorted(errors, key=lambda name: (-float(errors[name].norm()), name))[:count]
    out = dict(tensors)
    for name in worst:
        out[name] = replace(tensors[name], low_rank=correction(errors[name], rank))
    return out


def correction(error: Tensor, rank: int) -> LowRank:
    """Return the rank-``rank`` part of ``error`` (rows, cols): A = U S in 2 bits, B = V^T in 4 bits."""
    u, s, vh = torch.linalg.svd(error.float(), full_matrices=False)
    rank = min(rank, s.numel())
    a, b = u[:, :rank] * s[:rank], vh[:rank]
    a_scale = _scale(a.abs().max(), 1.5)
    flat = b.reshape(-1)
    padded = torch.nn.functional.pad(flat, (0, -flat.numel() % GROUP)).reshape(-1, GROUP)
    b_scale = _scale(padded.abs().amax(dim=1), 7.5)
    quantised = torch.clamp(torch.round(padded / b_scale.float().unsqueeze(1)), -8, 7).to(torch.int8)
    return LowRank(
        a=torch.clamp(torch.round(a / a_scale.float()), -2, 1).to(torch.int8),
        a_scale=a_scale,
        b=quantised.reshape(-1)[: flat.numel()].reshape(b.shape),
        b_scale=b_scale,
    )


def _scale(largest: Tensor, steps: float) -> Tensor:
    return (largest / steps).clamp_min(2.0**-24).to(torch.float16)
