"""The feed-forward half of a block."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 (its usual name)
from torch import Tensor, nn

from reference_model.config import Model
from reference_model.model.linear import Linear


class MLP(nn.Module):
    """``proj(act(fc(x)))`` with a squared activation: relu^2, or leaky_relu(., 0.5)^2, which never dies.

    With ``mlp_gain`` (#1499) each hidden unit has a learned factor, initially 1.
    """

    def __init__(self, model: Model) -> None:
        super().__init__()
        hidden = model.mlp_mult * model.dim
        self.leaky = model.activation == "leaky2"
        self.fc = Linear(model.dim, hidden)
        self.proj = Linear(hidden, model.dim, zero=True)
        self.hidden_gain = nn.Parameter(torch.ones(hidden)) if model.mlp_gain else None

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, seq, dim) for ``x`` (batch, seq, dim)."""
        hidden: Tensor = self.fc(x)
        hidden = F.leaky_relu(hidden, negative_slope=0.5) if self.leaky else torch.relu(hidden)
        hidden = hidden.square()
        if self.hidden_gain is not None:
            hidden = hidden * self.hidden_gain.to(hidden.dtype)
        out: Tensor = self.proj(hidden)
        return out
