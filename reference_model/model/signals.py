"""What tells a shared block which time it runs: the signals of the 3 x R recurrence (#148 to #1453)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from reference_model.config import Model
from reference_model.model.recurrence import table_repeats


class Signals(nn.Module):
    """Three additions to a block's input, all zero at first, so that training starts from plain repetition.

    A loop embedding for each virtual layer; full token tables (value embeddings) scaled for each virtual layer; and
    the block's own output of the repeat before (cross-repeat skip).
    """

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.blocks = model.layers
        repeats = table_repeats(model)
        depth = model.layers * repeats
        tables = [nn.Embedding(model.vocab_size, model.dim) for _ in range(model.value_tables)]
        self.value_embeds = nn.ModuleList(tables)
        self.value_scales = nn.Parameter(torch.zeros(depth, len(tables), model.dim)) if tables else None
        self.loop_embed = nn.Parameter(torch.zeros(depth, model.dim))
        self.cross_repeat_scales = nn.Parameter(torch.zeros(model.layers, repeats - 1, model.dim))

    def values(self, tokens: Tensor) -> list[Tensor]:
        """Return what each table holds for ``tokens``: (batch, seq, dim) each."""
        return [table(tokens) for table in self.value_embeds]

    def forward(self, x: Tensor, layer: int, values: list[Tensor], before: Tensor | None) -> Tensor:
        """Return ``x`` (batch, seq, dim) with the signals of virtual layer ``layer`` added.

        ``before`` is what the same block put out one repeat ago, None in the first.
        """
        x = x + self.loop_embed[layer].to(x.dtype)
        if self.value_scales is not None:
            for scale, value in zip(self.value_scales[layer].to(x.dtype), values, strict=True):
                x = x + scale * value
        if before is not None:
            repeat, block = divmod(layer, self.blocks)
            x = x + self.cross_repeat_scales[block, repeat - 1].to(x.dtype) * before
        return x
