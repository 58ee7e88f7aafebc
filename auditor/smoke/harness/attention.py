"""Flash attention in PyTorch's own words: (batch, time, heads, width), queries aligned to the end of the keys."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor


def _mask(rows: Tensor, columns: Tensor, causal: bool, window: tuple[int, int]) -> Tensor:
    """Return which key each query sees, from positions of both; -1 in ``window`` is no bound."""
    away = rows[:, None] - columns[None, :]
    seen = torch.ones_like(away, dtype=torch.bool)
    if causal:
        seen &= away >= 0
    if window[0] >= 0:
        seen &= away <= window[0]
    if window[1] >= 0:
        seen &= away >= -window[1]
    return seen


def _attend(q: Tensor, k: Tensor, v: Tensor, seen: Tensor, scale: float | None, softcap: float) -> Tensor:
    """Return attention of (batch, time, heads, width); keys' heads are repeated over the queries' groups."""
    groups = q.shape[2] // k.shape[2]
    q32, k32, v32 = (x.float().transpose(1, 2) for x in (q, k, v))
    k32, v32 = k32.repeat_interleave(groups, 1), v32.repeat_interleave(groups, 1)
    scores = q32 @ k32.transpose(-1, -2) * (q.shape[-1] ** -0.5 if scale is None else scale)
    if softcap:
        scores = softcap * torch.tanh(scores / softcap)
    weights = scores.masked_fill(~seen, float("-inf")).softmax(-1).nan_to_num()
    return (weights @ v32).transpose(1, 2).to(q.dtype)


def _plain(q: Tensor, k: Tensor, v: Tensor, causal: bool, scale: float | None) -> Tensor:
    """Return attention of (batch, time, heads, width) without a window, by torch's own: several times faster."""
    q32, k32, v32 = (x.float().transpose(1, 2) for x in (q, k, v))
    attend = torch.nn.functional.scaled_dot_product_attention
    out = attend(q32, k32, v32, is_causal=causal, scale=scale, enable_gqa=q.shape[2] != k.shape[2])
    return out.transpose(1, 2).to(q.dtype)


def _scale(kwargs: dict[str, Any]) -> tuple[float | None, float, tuple[int, int]]:
    left, right = kwargs.get("window_size") or (-1, -1)
    bounds = (-1 if left is None else int(left), -1 if right is None else int(right))
    return kwargs.get("softmax_scale"), float(kwargs.get("softcap") or 0.0), bounds


def flash_attn_func(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    dropout_p: float = 0.0,
    softmax_scale: Any = None,
    causal: bool = False,
    **more: Any,
) -> Any:
    """Return what flash attention's function of that name does (both generations)."""
    del dropout_p
    scale, softcap, window = _scale({**more, "softmax_scale": softmax_scale})
    offset = k.shape[1] - q.shape[1]
    if not softcap and window == (-1, -1) and not offset:
        return _plain(q, k, v, causal, scale)
    seen = _mask(torch.arange(q.shape[1]) + offset, torch.arange(k.shape[1]), causal, window)
    return _attend(q, k, v, seen, scale, softcap)


def flash_attn_varlen_func(
    q: Tensor, k: Tensor, v: Tensor, cu_seqlens_q: Tensor, cu_seqlens_k: Tensor, *_lengths: Any, **kwargs: Any
) -> Any:
    """Return attention of (tokens, heads, width) within the segments that the cumulated lengths bound."""
    scale, softcap, window = _scale(kwargs)
    bounds = _bounds(cu_seqlens_q, len(q))
    if bounds == _bounds(cu_seqlens_k, len(k)):
        return _by_segment(q, k, v, bounds, **kwargs)
    rows, columns = torch.arange(q.shape[0]), torch.arange(k.shape[0])
    of_q = torch.searchsorted(cu_seqlens_q.long().contiguous(), rows, right=True)
    of_k = torch.searchsorted(cu_seqlens_k.long().contiguous(), columns, right=True)
    seen = _mask(rows, columns, bool(kwargs.get("causal")), window) & (of_q[:, None] == of_k[None, :])
    return _attend(q[None], k[None], v[None], seen, scale, softcap)[0]


def _bounds(cumulated: Tensor, count: int) -> list[int]:
    """Return where segments of ``count`` tokens begin, and where the last one ends."""
    return sorted({0, count, *(at for at in cumulated.tolist() if 0 < at < count)})


def _by_segment(q: Tensor, k: Tensor, v: Tensor, bounds: list[int], **kwargs: Any) -> Tensor:
    """Return attention within each segment, those of one length at once: a segment's tokens see no others."""
    starts: dict[int, list[int]] = {}
    for start, stop in pairwise(bounds):
        starts.setdefault(stop - start, []).append(start)
    options = {key: kwargs[key] for key in ("softmax_scale", "causal", "window_size", "softcap") if key in kwargs}
    parts: dict[int, Tensor] = {}
    for length, places in starts.items():
        given = [torch.stack([each[at : at + length] for at in places]) for each in (q, k, v)]
        parts.update(zip(places, flash_attn_func(given[0], given[1], given[2], **options), strict=True))
    return torch.cat([parts[at] for at in bounds[:-1]])


def flash_attn_qkvpacked_func(qkv: Tensor, *args: Any, **kwargs: Any) -> Any:
    """Return attention of (batch, time, 3, heads, width)."""
    q, k, v = qkv.unbind(2)
    return flash_attn_func(q, k, v, *args, **kwargs)


FUNCTIONS = {f.__name__: f for f in (flash_attn_func, flash_attn_varlen_func, flash_attn_qkvpacked_func)}
"""By the names under which every generation of the package has them."""
