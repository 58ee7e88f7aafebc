"""Giving up the cheapest values so that an artifact fits (#1334, #1421; spec §4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from reference_model.quantize.qtensor import QTensor

ENTRIES_PER_BYTE = 8
"""How many entries the published trainers zero for each byte above the cap."""


def zero_smallest(weight: Tensor, fraction: float) -> Tensor:
    """Return ``weight`` with the values below this quantile of its magnitudes set to 0 (#1499).

    The quantile is interpolated, so that of n values the smallest ``ceil(fraction * (n - 1))`` go.
    """
    if fraction <= 0:
        return weight
    magnitudes = weight.abs().flatten().float()
    place = fraction * (magnitudes.numel() - 1)
    below = int(place)
    low = magnitudes.kthvalue(below + 1).values
    high = magnitudes.kthvalue(min(below + 2, magnitudes.numel())).values
    return weight.masked_fill(weight.abs().float() < torch.lerp(low, high, place - below), 0.0)


def prune_ones(
    tensors: Mapping[str, QTensor], entries: int, may: Callable[[str], bool] = lambda _: True
) -> dict[str, QTensor]:
    """Return ``tensors`` with ``entries`` of their integers +1 and -1 set to 0, those of the smallest scale first.

    Only tensors whose name ``may``. One threshold over all of them; of the entries exactly at it, the first ones by
    name and place go, so that the count is exact and the result deterministic. Fewer are zeroed when there are fewer.
    """
    costs = {
        name: _cost_of_ones(tensor)
        for name, tensor in sorted(tensors.items())
        if tensor.integers is not None and may(name)
    }
    found = torch.cat([cost[cost.isfinite()] for cost in costs.values()]) if costs else torch.empty(0)
    entries = min(entries, found.numel())
    if entries <= 0:
        return dict(tensors)
    threshold = found.kthvalue(entries).values
    at_threshold = entries - int((found < threshold).sum())
    out = dict(tensors)
    for name, cost in costs.items():
        equal = cost == threshold
        first = equal & (equal.flatten().cumsum(0).reshape(equal.shape) <= at_threshold)
        at_threshold -= int(first.sum())
        integers = tensors[name].integers
        assert integers is not None
        out[name] = replace(tensors[name], integers=integers.masked_fill((cost < threshold) | first, 0))
    return out


def _cost_of_ones(tensor: QTensor) -> Tensor:
    """Return the squared error of zeroing each entry of magnitude 1; infinite for all others."""
    assert tensor.integers is not None
    assert tensor.scale is not None
    scale = tensor.scale.float().square()
    if scale.ndim == 1:
        scale = scale.reshape(-1, *[1] * (tensor.integers.ndim - 1))
    cost = scale.expand(tensor.integers.shape)
    return torch.where(tensor.integers.abs() == 1, cost, torch.inf)
