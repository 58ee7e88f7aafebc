"""Averages of the weights over training: the last step is noisier than where it wanders.

Both average the whole state in float32 and give it back in each tensor's own type (spec section 3), as the published
scripts do. That matters for the token tables, which are bfloat16 on a GPU: summed in their own type, 44 states come out
off by about one per cent, for such a sum has no bits left for what the states differ in.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

State = Mapping[str, Tensor]


class Ema:
    """Exponential moving average from the initial weights on: ``e <- d e + (1 - d) theta`` each step, no correction."""

    def __init__(self, decay: float, state: State) -> None:
        self.decay = decay
        self.shadow = {name: tensor.detach().float().clone() for name, tensor in state.items()}

    @torch.no_grad()
    def update(self, state: State) -> None:
        """Take in the weights after a step."""
        shadow = list(self.shadow.values())
        latest = [state[name].detach().float() for name in self.shadow]
        torch._foreach_lerp_(shadow, latest, 1.0 - self.decay)

    def average(self, state: State) -> dict[str, Tensor]:
        """Return the average, in the types of ``state``."""
        return {name: tensor.to(state[name].dtype) for name, tensor in self.shadow.items()}


class Swa:
    """Plain mean of the states taken in, and of the last one (stochastic weight averaging)."""

    def __init__(self) -> None:
        self.total: dict[str, Tensor] = {}
        self.count = 0

    @torch.no_grad()
    def add(self, state: State) -> None:
        """Take in the weights after a step."""
        for name, tensor in state.items():
            if self.count:
                self.total[name].add_(tensor.detach())
            else:
                self.total[name] = tensor.detach().float().clone()
        self.count += 1

    def average(self, state: State) -> dict[str, Tensor]:
        """Return the mean of the states taken in and ``state``, the final one, in its types."""
        return {
            name: ((self.total[name] + tensor) / (self.count + 1)).to(tensor.dtype) if self.count else tensor.clone()
            for name, tensor in state.items()
        }
