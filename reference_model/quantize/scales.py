"""How large a step each row gets, and rounding to it (spec §4).

All functions take float32 rows (rows, cols) and the number of levels Q (integers from -Q to Q), and return one
float16 scale for each row (rows,). Integers are always computed with the *rounded* float16 scale, since that is what
the artifact stores.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

_LEAST = 2.0**-24  # smallest positive float16: a scale below it would be stored as 0


def round_rows(rows: Tensor, scale: Tensor, levels: int | Tensor) -> Tensor:
    """Return ``clip(round(rows / scale), -levels, levels)`` as int8; ``levels`` may be one number for each row."""
    limit = torch.as_tensor(levels, dtype=torch.float32, device=rows.device).reshape(-1, 1)
    steps = torch.round(rows / scale.float().unsqueeze(1))
    return torch.minimum(torch.maximum(steps, -limit), limit).to(torch.int8)


def quantile_scale(rows: Tensor, quantile: float, levels: int | Tensor, floor: float) -> Tensor:
    """Clip each row at this quantile of its magnitudes (1: its maximum); int8 of the challenge's baseline."""
    magnitudes = rows.abs()
    clip = magnitudes.amax(dim=1) if quantile >= 1 else _row_quantile(magnitudes, quantile)
    return _stored(clip / torch.as_tensor(levels, dtype=torch.float32, device=rows.device), floor)


def deviation_scale(rows: Tensor, factor: float, levels: int, floor: float) -> Tensor:
    """SDClip (#1413, #1493): ``factor`` standard deviations of the row over the levels."""
    return _stored(factor * rows.std(dim=1, correction=0) / levels, floor)


def search_scale(rows: Tensor, quantiles: Sequence[float], levels: int, floor: float) -> Tensor:
    """For each row, the clip among ``quantiles`` whose rounding error (sum of squares) is least (lineage of #784)."""
    best_error = torch.full((rows.shape[0],), float("inf"), device=rows.device)
    best = torch.empty(rows.shape[0], dtype=torch.float16, device=rows.device)
    for quantile in quantiles:
        scale = quantile_scale(rows, quantile, levels, floor)
        error = (rows - round_rows(rows, scale, levels).float() * scale.float().unsqueeze(1)).square().sum(dim=1)
        better = error < best_error
        best_error = torch.where(better, error, best_error)
        best = torch.where(better, scale, best)
    return best


def _row_quantile(magnitudes: Tensor, quantile: float) -> Tensor:
    """Linear interpolation between order statistics, as ``torch.quantile`` but without its limit on the size."""
    ordered = magnitudes.sort(dim=1).values
    place = quantile * (ordered.shape[1] - 1)
    below = int(place)
    above = min(below + 1, ordered.shape[1] - 1)
    return torch.lerp(ordered[:, below], ordered[:, above], place - below)


def _stored(scale: Tensor, floor: float) -> Tensor:
    """Round to float16 and keep above the floor and above zero, so that no row divides by nothing."""
    return scale.clamp_min(max(floor, _LEAST)).to(torch.float16)
