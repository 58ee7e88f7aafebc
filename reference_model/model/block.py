"""One block: attention and MLP, each normalised on the way in, scaled on the way out, around a residual stream."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812 (its usual name)
from torch import Tensor, nn

from reference_model.config import Model
from reference_model.model.attention import Attention
from reference_model.model.context import Context, Visit
from reference_model.model.mlp import MLP


class Controls(nn.Module):
    """The small per-dimension vectors that steer a block: ``attn_scale``, ``mlp_scale`` and ``resid_mix``."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.attn_scale = nn.Parameter(torch.ones(model.dim))
        self.mlp_scale = nn.Parameter(torch.ones(model.dim))
        mix = torch.stack((torch.ones(model.dim), torch.zeros(model.dim)))
        self.resid_mix = nn.Parameter(mix) if model.resid_mix else None


class Block(nn.Module):
    """Block ``index`` of the stack (spec section 2). It may run as several virtual layers of a forward pass."""

    def __init__(self, model: Model, index: int) -> None:
        super().__init__()
        self.index = index
        self.attn = Attention(model, index)
        self.mlp = MLP(model)
        self.controls = None if model.recurrence.per_virtual_controls else Controls(model)
        self.input_scale = 1 / math.sqrt(index + 1) if model.ln_scale else 1.0
        self.parallel = model.parallel == "single" and index >= model.parallel_from

    def forward(self, x: Tensor, context: Context, visit: Visit) -> Tensor:
        """Return the residual stream (batch, seq, dim) after this block has run once more."""
        x = self.mixed(x, context, visit)
        attended = self.attended(x, context, visit)
        if self.parallel:
            return x + attended + self.transformed(x, context, visit)
        x = x + attended
        return x + self.transformed(x, context, visit)

    def mixed(self, x: Tensor, context: Context, visit: Visit) -> Tensor:
        """Return ``x`` with some of the embedded input mixed back in (``resid_mix``)."""
        if visit.controls.resid_mix is None:
            return x
        keep, back = visit.controls.resid_mix.to(x.dtype).unbind()
        return keep * x + back * context.x0

    def attended(self, x: Tensor, context: Context, visit: Visit) -> Tensor:
        """Return what attention adds to the residual stream ``x`` (batch, seq, dim)."""
        out: Tensor = self.attn(self._normed(x), context, visit)
        return visit.controls.attn_scale.to(x.dtype) * out

    def transformed(self, x: Tensor, context: Context, visit: Visit) -> Tensor:
        """Return what the MLP adds to the residual stream ``x`` (batch, seq, dim)."""
        normed = self._normed(x)
        out: Tensor = context.adapted("mlp", visit.layer, normed, self.mlp(normed))
        return visit.controls.mlp_scale.to(x.dtype) * out

    def _normed(self, x: Tensor) -> Tensor:
        normed = F.rms_norm(x, (x.shape[-1],))
        return normed if self.input_scale == 1.0 else normed * self.input_scale
