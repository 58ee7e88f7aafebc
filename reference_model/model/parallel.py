"""Two residual lanes: from some layer on, attention and MLP each work on a stream of their own.

The third form of parallel residual, one lane that both read at once, needs no parameters and lives in
:class:`reference_model.model.block.Block`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from reference_model.model.block import Block
from reference_model.model.context import Context, Visit

Pair = tuple[Tensor, Tensor]
"""The lane of attention and the lane of the MLP, each (batch, seq, dim)."""

Join = Callable[[Tensor], Tensor]
"""Returns its argument joined with the U-Net skip that is due, if one is."""


class Lanes(nn.Module):
    """Attention writes to lane 0 only, the MLP to lane 1 only; a learned share merges them (#1334, #1421)."""

    def __init__(self) -> None:
        super().__init__()
        self.lane_merge = nn.Parameter(torch.tensor(0.5))

    def split(self, x: Tensor, join: Join) -> Pair:
        """Return the lanes that ``x`` (batch, seq, dim) opens into, after its skip."""
        x = join(x)
        return x, x

    def joined(self, lanes: Pair, join: Join) -> Pair:
        """Return ``lanes`` as they are: in the published systems a skip after the split reaches neither lane."""
        return lanes

    def forward(self, lanes: Pair, block: Block, context: Context, visit: Visit) -> Pair:
        """Return the lanes after ``block`` has run."""
        read = block.mixed(lanes[0], context, visit)
        return read + block.attended(read, context, visit), lanes[1] + block.transformed(lanes[1], context, visit)

    def merged(self, lanes: Pair) -> Tensor:
        """Return one stream (batch, seq, dim) of the two."""
        share = self.lane_merge.to(lanes[0].dtype)
        return share * lanes[0] + (1 - share) * lanes[1]


class LambdaLanes(nn.Module):
    """Each part writes to both lanes, by learned factors for every block; the mean merges them (#1855)."""

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.parallel_post_lambdas = nn.Parameter(torch.ones(layers, 2, 2))  # block, part that writes, lane
        self.parallel_resid_lambdas = nn.Parameter(torch.full((layers, 2), 1.1))  # block, lane

    def split(self, x: Tensor, join: Join) -> Pair:
        """Return the lanes that ``x`` (batch, seq, dim) opens into; only attention's takes the skip."""
        return join(x), x

    def joined(self, lanes: Pair, join: Join) -> Pair:
        """Return ``lanes`` with the skip joined to attention's."""
        return join(lanes[0]), lanes[1]

    def forward(self, lanes: Pair, block: Block, context: Context, visit: Visit) -> Pair:
        """Return the lanes after ``block`` has run."""
        attended = block.attended(block.mixed(lanes[0], context, visit), context, visit)
        transformed = block.transformed(lanes[1], context, visit)
        keep = self.parallel_resid_lambdas[block.index].to(attended.dtype)
        post = self.parallel_post_lambdas[block.index].to(attended.dtype)
        first = keep[0] * lanes[0] + post[0, 0] * attended + post[1, 0] * transformed
        second = keep[1] * lanes[1] + post[0, 1] * attended + post[1, 1] * transformed
        return first, second

    def merged(self, lanes: Pair) -> Tensor:
        """Return one stream (batch, seq, dim) of the two."""
        return 0.5 * (lanes[0] + lanes[1])
