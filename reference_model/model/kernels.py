"""Causal attention by the fastest kernel that can do it: FlashAttention 3, flex attention, or torch's own."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F  # noqa: N812 (its usual name)
from torch import Tensor

from reference_model.model.context import Context

if TYPE_CHECKING:
    from torch.nn.attention.flex_attention import BlockMask


def _flash3() -> Callable[..., Any] | None:
    """Return FlashAttention 3's function where its package is installed (Hopper GPUs)."""
    if importlib.util.find_spec("flash_attn_interface") is None:
        return None
    function: Callable[..., Any] = importlib.import_module("flash_attn_interface").flash_attn_func
    return function


_FLASH3 = _flash3()


def attend(q: Tensor, k: Tensor, v: Tensor, context: Context) -> Tensor:
    """Return softmax(q k / sqrt(head_dim)) v, causal, within the documents of ``context``.

    ``q`` and the result are (batch, seq, heads, head_dim); ``k`` and ``v`` (batch, seq, kv_heads, head_dim), each
    serving heads / kv_heads heads.
    """
    if context.mask is None and context.block_mask is None and _FLASH3 is not None and _half_on_cuda(q):
        found = _FLASH3(q, k, v, causal=True)
        out: Tensor = found[0] if isinstance(found, tuple) else found  # older versions add the log-sum-exp
        return out
    grouped = q.shape[2] != k.shape[2]
    q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
    if context.block_mask is not None:
        from torch.nn.attention.flex_attention import flex_attention

        out = flex_attention(q, k, v, block_mask=context.block_mask, enable_gqa=grouped)
    else:
        causal = context.mask is None
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=context.mask, is_causal=causal, enable_gqa=grouped)
    return out.transpose(1, 2)


def document_blocks(segments: Tensor) -> BlockMask:
    """Return flex attention's block mask for causal attention within documents; blocks of other ones are skipped."""
    from torch.nn.attention.flex_attention import create_block_mask

    def visible(batch: Tensor, _head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return (query >= key) & (segments[batch, query] == segments[batch, key])

    batch, length = segments.shape
    return create_block_mask(visible, batch, None, length, length, device=segments.device)


def _half_on_cuda(x: Tensor) -> bool:
    return x.is_cuda and x.dtype in (torch.bfloat16, torch.float16)
