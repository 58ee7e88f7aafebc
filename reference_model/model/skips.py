"""U-Net skips: the first half of the executed layers leaves its outputs for the second half."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Skips(nn.Module):
    """Row j weighs the skip into the j-th layer of the second half; the last output left is the first taken.

    Additive: ``x + w_j * skip``. Gated: ``lerp(w_j * skip, x, sigmoid(g_j))``, so a large gate means no skip. Rows
    keep their index when recurrence lengthens the sequence: what a row connects then changes.
    """

    def __init__(self, rows: int, dim: int, *, gated: bool) -> None:
        super().__init__()
        self.rows = rows
        self.skip_weights = nn.Parameter(torch.ones(rows, dim))
        self.skip_gates = nn.Parameter(torch.zeros(rows, dim)) if gated else None

    def forward(self, x: Tensor, row: int, left: list[Tensor]) -> Tensor:
        """Return ``x`` (batch, seq, dim) joined with the skip on top of ``left``, which is taken off.

        Without a row of weights, or when nothing is left, ``x`` comes back as it is.
        """
        if row >= self.rows or not left:
            return x
        skip = self.skip_weights[row].to(x.dtype) * left.pop()
        if self.skip_gates is None:
            return x + skip
        return torch.lerp(skip, x, torch.sigmoid(self.skip_gates[row].to(x.dtype)))
