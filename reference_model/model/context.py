"""What the blocks of one forward pass share: the input, positions, who may see whom, adapters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor

if TYPE_CHECKING:
    from torch.nn.attention.flex_attention import BlockMask

    from reference_model.model.block import Controls

Adapt: TypeAlias = Callable[[str, int, Tensor], Tensor | None]
"""``adapt(site, virtual_layer, x)`` returns a delta for the output of the linear layer at ``site``, or None.

Sites are "q", "k", "v", "o", "mlp" and "head" (virtual layer -1). ``x`` is what that linear layer reads, but for two
of them: at "mlp" it is the normalised input of the whole MLP, and at "o" the attention's input, as in #1855.
"""

Tables: TypeAlias = tuple[Tensor, Tensor]
"""Cosines and sines, each (1, seq, 1, rope_dims / 2)."""


@dataclass
class Context:
    """Made once for a forward pass and read by every block in it."""

    x0: Tensor  # (batch, seq, dim): the embedded input that resid_mix returns to
    rope: tuple[tuple[Tables, Tables], ...]  # for each pass of the recurrence: of queries, of keys
    mask: Tensor | None = None  # (batch, 1, seq, seq), True where a query may see a key; None: plain causal
    block_mask: BlockMask | None = None  # the same for flex attention, on CUDA in a compiled pass
    adapt: Adapt | None = None
    values: dict[int, Tensor] = field(default_factory=dict)  # by block: what is added to its values
    first_values: Tensor | None = None  # values of the first layer that ran, for the value residual

    def adapted(self, site: str, layer: int, x: Tensor, y: Tensor) -> Tensor:
        """Return ``y``, the output at ``site``, with the adapter's delta for input ``x`` added if there is one."""
        delta = self.adapt(site, layer, x) if self.adapt is not None else None
        return y if delta is None else y + delta


@dataclass(frozen=True)
class Visit:
    """One run of a block: which virtual layer it is, and what it uses for it."""

    layer: int  # virtual layer
    turn: int  # pass of the recurrence
    exclude: bool  # whether each position takes its own value out of what it read (XSA)
    controls: Controls  # the block's own, unless virtual layers have theirs


def document_mask(segments: Tensor) -> Tensor:
    """Return (batch, 1, seq, seq): True where key <= query and both belong to one document of ``segments``."""
    length = segments.shape[1]
    same = segments[:, :, None] == segments[:, None, :]
    causal = torch.ones(length, length, dtype=torch.bool, device=segments.device).tril()
    return (same & causal).unsqueeze(1)
