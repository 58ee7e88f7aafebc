"""How large a step each row gets, and rounding to it (spec §4).

All functions take float32 rows (rows, cols) and the number of levels Q (integers from -Q to Q), and return one
float32 scale for each row (rows,), which the artifact keeps as :func:`stored` gives it. Integers are computed with the
stored scale, since that is what they will be multiplied by; some published trainers compute them with the exact one
(``Group.exact_codes``).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

_LEAST = 2.0**-24  # smallest positive float16: a scale below it would be stored as 0


def stored(scale: Tensor) -> Tensor:
    """Return ``scale`` as the artifact keeps it: float16."""
    return scale.to(torch.float16)


def round_rows(rows: Tensor, scale: Tensor, levels: int | Tensor) -> Tensor:
    """Return ``clip(round(rows / scale), -levels, levels)`` as int8; ``levels`` may be one number for each row."""
    limit = torch.as_tensor(levels, dtype=torch.float32, device=rows.device).reshape(-1, 1)
    steps = torch.round(rows / scale.float().unsqueeze(1))
    return torch.minimum(torch.maximum(steps, -limit), limit).to(torch.int8)


def quantile_scale(rows: Tensor, quantile: float, levels: int | Tensor, floor: float) -> Tensor:
    """Clip each row at this quantile of its magnitudes (1: its maximum); int8 of the challenge's baseline."""
    magnitudes = rows.abs()
    clip = magnitudes.amax(dim=1) if quantile >= 1 else _row_quantile(magnitudes, quantile)
    return _floored(clip / torch.as_tensor(levels, dtype=torch.float32, device=rows.device), floor)


def deviation_scale(rows: Tensor, factor: float, levels: int, floor: float) -> Tensor:
    """SDClip (#1413, #1493): ``factor`` standard deviations of the row, as of a sample (n - 1), over the levels."""
    return _floored(factor * rows.std(dim=1, correction=min(1, rows.shape[1] - 1)) / levels, floor)


def search_scale(rows: Tensor, quantiles: Sequence[float], levels: int, floor: float, *, exact: bool = False) -> Tensor:
    """For each row, the clip among ``quantiles`` whose rounding error (sum of squares) is least (lineage of #784).

    Errors are those of the stored scale, or of the ``exact`` one.
    """
    best_error = torch.full((rows.shape[0],), float("inf"), device=rows.device)
    best = torch.empty(rows.shape[0], dtype=torch.float32, device=rows.device)
    for quantile in quantiles:
        scale = quantile_scale(rows, quantile, levels, floor)
        used = scale if exact else stored(scale)
        error = (rows - round_rows(rows, used, levels).float() * used.float().unsqueeze(1)).square().sum(dim=1)
        better = error < best_error
        best_error = torch.where(better, error, best_error)
        best = torch.where(better, scale, best)
    return best


def _row_quantile(magnitudes: Tensor, quantile: float) -> Tensor:
    """Linear interpolation between order statistics, as ``torch.quantile`` but without its limit on the size.

    The place is computed in float32, as torch does: at .9999984 of 512 values that moves the clip in the fourth digit.
    """
    ordered = magnitudes.sort(dim=1).values
    place = float(torch.tensor(quantile, dtype=torch.float32) * (ordered.shape[1] - 1))
    below = int(place)
    above = min(below + 1, ordered.shape[1] - 1)
    return torch.lerp(ordered[:, below], ordered[:, above], place - below)


def _floored(scale: Tensor, floor: float) -> Tensor:
    """Keep above the floor, and above what float16 would make zero of, so that no row divides by nothing."""
    return scale.clamp_min(max(floor, _LEAST))
