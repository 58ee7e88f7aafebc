"""From trained weights to integers with scales, and back (spec §4).

Which tensor gets how many levels is the configuration's (:class:`reference_model.config.Quantize`); the functions
here are pure: tensors in, tensors out.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from reference_model.config import Config, Group, Quantize
from reference_model.quantize.gptq import gptq
from reference_model.quantize.lqer import with_corrections
from reference_model.quantize.prune import zero_smallest
from reference_model.quantize.qtensor import LowRank, QTensor, restore, rows_of
from reference_model.quantize.scales import deviation_scale, quantile_scale, round_rows, search_scale

__all__ = ["LowRank", "QTensor", "dequantize", "group_of", "quantize", "restore"]

HIGH_ROW, LOW_ROW = 0.9, 0.1
"""Quantiles of a row's gradient norm above and below which it gets 8 and 4 bits (#167)."""


def quantize(
    config: Config,
    state: Mapping[str, Tensor],
    hessians: Mapping[str, Tensor] | None = None,
    *,
    controls: frozenset[str] = frozenset(),
    row_gradients: Mapping[str, Tensor] | None = None,
) -> dict[str, QTensor]:
    """Return every tensor of ``state`` as the artifact stores it, in the order of the names.

    ``hessians`` are those of :func:`reference_model.quantize.gptq.collect_hessians`; a group that asks for GPTQ rounds
    plainly where a tensor has none (an embedding that no linear layer reads). ``controls`` (scales, gates, mixes) stay
    float32. ``row_gradients`` (rows,) are norms from *training* data, for ``row_bits``.
    """
    scheme = config.quantize
    out: dict[str, QTensor] = {}
    for name in sorted(state):
        weight = state[name].detach().cpu()
        group = group_of(name, scheme)
        if name in controls:
            out[name] = QTensor(values=weight.to(torch.float32))
        elif weight.numel() <= scheme.keep_numel or group is None or not group.levels:
            out[name] = QTensor(values=weight.to(torch.float16))
        else:
            norms = (row_gradients or {}).get(name) if scheme.row_bits else None
            out[name] = _integers(weight, group, scheme, (hessians or {}).get(name) if group.gptq else None, norms)
    if scheme.lqer_tensors:
        weights = {name: tensor.detach().cpu() for name, tensor in state.items()}
        out = with_corrections(out, weights, scheme.lqer_tensors, scheme.lqer_rank)
    return out


def dequantize(tensors: Mapping[str, QTensor]) -> dict[str, Tensor]:
    """Return the float32 state that ``tensors`` stand for."""
    return {name: restore(tensor) for name, tensor in tensors.items()}


def group_of(name: str, scheme: Quantize) -> Group | None:
    """Return the first group of the scheme that ``name`` belongs to, None when there is none."""
    return next((group for group in scheme.groups if any(part in name for part in group.match)), None)


def _integers(weight: Tensor, group: Group, scheme: Quantize, hessian: Tensor | None, norms: Tensor | None) -> QTensor:
    rows = rows_of(zero_smallest(weight, scheme.zero_smallest))
    if norms is not None:
        levels = _row_levels(norms, group.levels)
        scale = quantile_scale(rows, group.quantile or 1.0, levels, scheme.scale_floor)
        integers = round_rows(rows, scale, levels)
    elif hessian is not None:
        scale, integers = _best_gptq(rows, hessian.cpu(), group, scheme)
    else:
        scale = _scale(rows, group, scheme)
        integers = round_rows(rows, scale, group.levels)
    return QTensor(integers=integers.reshape(weight.shape), scale=scale if weight.ndim == 2 else scale.squeeze(0))


def _scale(rows: Tensor, group: Group, scheme: Quantize) -> Tensor:
    floor = _floor(group, scheme)
    if group.clip_sd:
        return deviation_scale(rows, group.clip_sd, group.levels, floor)
    if group.quantile:
        return quantile_scale(rows, group.quantile, group.levels, floor)
    return search_scale(rows, scheme.quantiles, group.levels, floor)


def _best_gptq(rows: Tensor, hessian: Tensor, group: Group, scheme: Quantize) -> tuple[Tensor, Tensor]:
    """Round with GPTQ; without a fixed clip, at the quantile whose result is nearest to the weights (#1334)."""
    floor = _floor(group, scheme)
    if group.clip_sd or group.quantile:
        scales = [_scale(rows, group, scheme)]
    else:
        scales = [quantile_scale(rows, quantile, group.levels, floor) for quantile in scheme.quantiles]
    found = [(scale, gptq(rows, hessian, scale, group.levels, scheme.damping)) for scale in scales]
    return min(found, key=lambda pair: float((rows - pair[1].float() * pair[0].float().unsqueeze(1)).square().sum()))


def _floor(group: Group, scheme: Quantize) -> float:
    return 1.0 / group.levels if scheme.scale_floor_levels else scheme.scale_floor


def _row_levels(norms: Tensor, levels: int) -> Tensor:
    high, low = norms.float().quantile(HIGH_ROW), norms.float().quantile(LOW_ROW)
    out = torch.full_like(norms, levels, dtype=torch.float32)
    out[norms > high] = 127
    out[norms < low] = 7
    return out
