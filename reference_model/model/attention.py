"""Causal attention: grouped queries, normalised queries and keys, rotary positions, and two ways to exclude oneself."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812 (its usual name)
from torch import Tensor, nn

from reference_model.config import Model
from reference_model.model.context import Context, Visit
from reference_model.model.gates import HeadGate
from reference_model.model.kernels import attend
from reference_model.model.linear import Linear
from reference_model.model.rope import rotate


class Attention(nn.Module):
    """Attention of one block (spec section 2); ``block`` is its index.

    Queries and keys are RMS-normed per head, so ``q_gain`` alone sets how peaked the softmax can become.
    """

    def __init__(self, model: Model, block: int) -> None:
        super().__init__()
        self.heads, self.kv_heads, self.head_dim = model.heads, model.kv_heads, model.dim // model.heads
        kv_dim = self.kv_heads * self.head_dim
        self.block = block
        self.c_q = low_rank(model.dim, model.q_rank) if model.q_rank else Linear(model.dim, model.dim)
        self.c_k = Linear(model.dim, kv_dim)
        self.c_v = Linear(model.dim, kv_dim)
        self.proj = Linear(model.dim, model.dim, zero=True)
        self.q_gain = nn.Parameter(torch.full((self.heads,), model.qk_gain))
        self.exclude = model.xsa
        self.gate = HeadGate(self.heads, model.gate_width, model.attention_gate_scale) if model.attention_gate else None
        # These go through a softmax, so the first shares are .71 and .29, not .95 and .05.
        mixed = model.value_residual and block > 0
        self.v_lambda = nn.Parameter(torch.tensor([0.95, 0.05])) if mixed else None
        self.keeps_values = model.value_residual

    def forward(self, x: Tensor, context: Context, visit: Visit) -> Tensor:
        """Return (batch, seq, dim) for ``x`` (batch, seq, dim)."""
        batch, length, dim = x.shape
        layer = visit.layer
        q = context.adapted("q", layer, x, self.c_q(x)).view(batch, length, self.heads, self.head_dim)
        k = context.adapted("k", layer, x, self.c_k(x)).view(batch, length, self.kv_heads, self.head_dim)
        v = self.values(x, context, layer)
        rope_q, rope_k = context.rope[visit.turn]
        q = rotate(F.rms_norm(q, (self.head_dim,)), *rope_q) * self.q_gain.to(q.dtype)[:, None]
        k = rotate(F.rms_norm(k, (self.head_dim,)), *rope_k)
        if visit.exclude and self.exclude == "diagonal":
            y = attend_without_self(q, k, v, context.mask)
        else:
            y = attend(q, k, v, context)
            if visit.exclude:
                y = remove_own_direction(y, v)
        if self.gate is not None:
            y = self.gate(y, x)
        return context.adapted("o", layer, x, self.proj(y.reshape(batch, length, dim)))

    def values(self, x: Tensor, context: Context, layer: int) -> Tensor:
        """Return the values (batch, seq, kv_heads, head_dim), with token values and the first layer's mixed in."""
        v = context.adapted("v", layer, x, self.c_v(x))
        if self.block in context.values:
            v = v + context.values[self.block]
        v = v.view(*x.shape[:2], self.kv_heads, self.head_dim)
        if self.keeps_values and context.first_values is None:
            context.first_values = v
        if self.v_lambda is not None and context.first_values is not None:
            share = torch.softmax(self.v_lambda.to(v.dtype), dim=0)
            v = share[0] * v + share[1] * context.first_values
        return v


def low_rank(dim: int, rank: int) -> nn.Sequential:
    """Return a linear map of ``dim`` to ``dim`` through ``rank`` dimensions (#167)."""
    return nn.Sequential(Linear(dim, rank), Linear(rank, dim))


def remove_own_direction(y: Tensor, v: Tensor) -> Tensor:
    """Return ``y`` (batch, seq, heads, head_dim) without its part along the position's own value (XSA, projection).

    ``v`` is (batch, seq, kv_heads, head_dim). What is left is orthogonal to it; at position 0, which reads only
    itself, nothing is.
    """
    batch, length, kv_heads, head_dim = v.shape
    grouped = y.reshape(batch, length, kv_heads, -1, head_dim)
    own = F.normalize(v, dim=-1).unsqueeze(3)
    return (grouped - (grouped * own).sum(dim=-1, keepdim=True) * own).reshape(y.shape)


def attend_without_self(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    """Return causal attention less each position's own share, ``y_t - a_tt v_t``, not renormalised (#1499).

    Shapes as in :func:`attend`. Fused kernels don't give out ``a_tt``, so the attention matrix is made in full.
    """
    group, length = q.shape[2] // k.shape[2], q.shape[1]
    q, k, v = (t.transpose(1, 2) for t in (q, k.repeat_interleave(group, 2), v.repeat_interleave(group, 2)))
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is None:
        mask = torch.ones(length, length, dtype=torch.bool, device=q.device).tril()
    shares = F.softmax(scores.masked_fill(~mask, -math.inf), dim=-1, dtype=torch.float32).to(v.dtype)
    own = torch.diagonal(shares, dim1=-2, dim2=-1).unsqueeze(-1)
    return (shares @ v - own * v).transpose(1, 2)
