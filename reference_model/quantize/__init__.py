"""From trained weights to integers with scales, and back (spec §4).

Which tensor gets how many levels is the configuration's (:class:`reference_model.config.Quantize`); the functions
here are pure: tensors in, tensors out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from reference_model.config import Config, Group, Quantize
from reference_model.quantize.gptq import NotPositiveDefinite, gptq
from reference_model.quantize.lqer import with_corrections
from reference_model.quantize.prune import zero_smallest
from reference_model.quantize.qtensor import LowRank, QTensor, restore, rows_of
from reference_model.quantize.scales import deviation_scale, quantile_scale, round_rows, search_scale, stored

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
    note: Callable[[str], object] = lambda _: None,
) -> dict[str, QTensor]:
    """Return every tensor of ``state`` as the artifact stores it, in the order of the names.

    ``hessians`` are those of :func:`reference_model.quantize.gptq.collect_hessians`; a group that asks for GPTQ rounds
    plainly where a tensor has none (an embedding that no linear layer reads), or has one that is not positive
    definite, which ``note`` is told of in one line. ``controls`` (scales, gates, mixes) become integers only where
    their group is ``always``. What does not is float16, or float32 where the scheme names it. ``row_gradients``
    (rows,) are norms from *training* data, for ``row_bits``.
    """
    scheme = config.quantize
    out: dict[str, QTensor] = {}
    for name in sorted(state):
        weight = state[name].detach().cpu()
        if weight.ndim == 2 and weight.numel() > scheme.zero_least_numel:
            weight = zero_smallest(weight, scheme.zero_smallest)
        group = group_of(name, scheme)
        if group is None or not _becomes_integers(weight, group, scheme, control=name in controls):
            kept = torch.float32 if any(part in name for part in scheme.keep_float32) else torch.float16
            out[name] = QTensor(values=weight.to(kept))
            continue
        norms = (row_gradients or {}).get(name) if scheme.row_bits else None
        moments = (hessians or {}).get(name) if group.gptq else None
        exact = any(part in name for part in scheme.exact_codes)
        try:
            out[name] = _integers(weight, group, scheme, moments, norms, exact=exact)
        except NotPositiveDefinite as problem:
            note(f"gptq:{name}: {problem}; rounded without it")
            out[name] = _integers(weight, group, scheme, None, norms, exact=exact, whole=True)
    if scheme.lqer_tensors:
        # A group that is always quantised holds small tensors: nothing that a correction would pay for (#1855).
        weights = {
            name: tensor.detach().cpu()
            for name, tensor in state.items()
            if (group := group_of(name, scheme)) is not None and not group.always
        }
        out = with_corrections(out, weights, scheme.lqer_tensors, scheme.lqer_rank)
    return out


def _becomes_integers(weight: Tensor, group: Group, scheme: Quantize, *, control: bool) -> bool:
    return bool(group.levels) and (group.always or (not control and weight.numel() > scheme.keep_numel))


def dequantize(tensors: Mapping[str, QTensor]) -> dict[str, Tensor]:
    """Return the float32 state that ``tensors`` stand for."""
    return {name: restore(tensor) for name, tensor in tensors.items()}


def group_of(name: str, scheme: Quantize) -> Group | None:
    """Return the first group of the scheme that ``name`` belongs to, None when there is none."""
    return next((group for group in scheme.groups if any(part in name for part in group.match)), None)


def _integers(
    weight: Tensor,
    group: Group,
    scheme: Quantize,
    hessian: Tensor | None,
    norms: Tensor | None,
    *,
    exact: bool,
    whole: bool = False,
) -> QTensor:
    """Return integers and their stored scale.

    ``exact``: the integers are those of the scale before it is stored. ``whole``: a search takes one quantile for all
    rows, as with GPTQ.
    """
    rows = rows_of(weight)
    if norms is not None:
        levels = _row_levels(norms, group.levels)
        scale = quantile_scale(rows, group.quantile or 1.0, levels, scheme.scale_floor)
        integers = round_rows(rows, stored(scale), levels)
    elif hessian is not None or whole:
        scale, integers = _best_of_whole(rows, None if hessian is None else hessian.cpu(), group, scheme, exact)
    else:
        scale = _scale(rows, group, scheme, exact)
        integers = round_rows(rows, scale if exact else stored(scale), group.levels)
    kept = stored(scale)
    return QTensor(integers=integers.reshape(weight.shape), scale=kept if weight.ndim == 2 else kept.squeeze(0))


def _scale(rows: Tensor, group: Group, scheme: Quantize, exact: bool) -> Tensor:
    floor = _floor(group, scheme)
    if group.clip_sd:
        return deviation_scale(rows, group.clip_sd, group.levels, floor)
    if group.quantile:
        return quantile_scale(rows, group.quantile, group.levels, floor)
    return search_scale(rows, scheme.quantiles, group.levels, floor, exact=exact)


def _best_of_whole(
    rows: Tensor, hessian: Tensor | None, group: Group, scheme: Quantize, exact: bool
) -> tuple[Tensor, Tensor]:
    """Round with GPTQ (plainly without a Hessian); with no fixed clip, at the one quantile whose result is nearest.

    Nearest over the whole matrix, as in #1334: a search by row would need GPTQ once more for each.
    """
    floor = _floor(group, scheme)
    if group.clip_sd or group.quantile:
        scales = [_scale(rows, group, scheme, exact)]
    else:
        scales = [quantile_scale(rows, quantile, group.levels, floor) for quantile in scheme.quantiles]
    found = []
    for scale in scales:
        used = scale if exact else stored(scale)
        if hessian is None:
            integers = round_rows(rows, used, group.levels)
        else:
            integers = gptq(rows, hessian, used, group.levels, scheme.damping)
        found.append((_error(rows, integers, used), scale, integers))
    _, scale, integers = min(found, key=lambda entry: entry[0])
    return scale, integers


def _error(rows: Tensor, integers: Tensor, scale: Tensor) -> float:
    return float((rows - integers.float() * scale.float().unsqueeze(1)).square().sum())


def _floor(group: Group, scheme: Quantize) -> float:
    return 1.0 / group.levels if scheme.scale_floor_levels else scheme.scale_floor


def _row_levels(norms: Tensor, levels: int) -> Tensor:
    high, low = norms.float().quantile(HIGH_ROW), norms.float().quantile(LOW_ROW)
    out = torch.full_like(norms, levels, dtype=torch.float32)
    out[norms > high] = 127
    out[norms < low] = 7
    return out
