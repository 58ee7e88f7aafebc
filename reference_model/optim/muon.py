"""Muon: momentum whose direction is orthogonalised, for the matrices of the blocks.

Each rank orthogonalises every ``world``-th matrix and the ranks then sum their updates, so that the work is shared
and the momentum of a matrix lives on one rank only. Matrices of one shape go through the iteration together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from reference_model.config import Optim
from reference_model.optim.newton_schulz import Scheme, equalize_rows, orthogonalize
from reference_model.train.ranks import Ranks

Orthogonalize = Callable[[Tensor, Scheme, torch.dtype], Tensor]


@dataclass(frozen=True)
class _Stack:
    """Matrices of one shape that this rank owns: their names and momentum (count, rows, columns)."""

    names: tuple[str, ...]
    momentum: Tensor


class Muon:
    """Updates ``matrices`` (name to parameter with at least two dimensions) by orthogonalised Nesterov momentum.

    ``dtype`` is that of the iteration and of the update that ranks exchange; ``compiled`` fuses the iteration's
    products by torch.compile.
    """

    def __init__(
        self,
        matrices: Mapping[str, nn.Parameter],
        optim: Optim,
        ranks: Ranks,
        *,
        dtype: torch.dtype = torch.bfloat16,
        compiled: bool = False,
    ) -> None:
        self._matrices = dict(matrices)
        self._optim = optim
        self._ranks = ranks
        self._dtype = dtype
        self._orthogonalize: Orthogonalize = torch.compile(orthogonalize, dynamic=False) if compiled else orthogonalize
        self._owner = {name: index % ranks.world for index, name in enumerate(self._matrices)}
        self._stacks = self._stack([name for name, owner in self._owner.items() if owner == ranks.rank])

    def _stack(self, names: list[str]) -> tuple[_Stack, ...]:
        by_shape: dict[torch.Size, list[str]] = {}
        for name in names:
            by_shape.setdefault(self._matrices[name].shape, []).append(name)
        return tuple(
            _Stack(tuple(members), torch.stack([torch.zeros_like(self._matrices[name]) for name in members]))
            for members in by_shape.values()
        )

    @torch.no_grad()
    def step(self, lr: float, momentum: float) -> None:
        """Move every matrix along its gradient (spec section 3); a matrix without one counts as gradient 0."""
        updates = self._everyones(self._owned_updates(momentum))
        keep = 1.0 - lr * self._optim.matrix_decay
        for name, parameter in self._matrices.items():
            if self._optim.matrix_decay:
                parameter.mul_(keep)
            parameter.add_(updates[name].to(parameter.dtype), alpha=-lr)

    def _owned_updates(self, momentum: float) -> dict[str, Tensor]:
        updates: dict[str, Tensor] = {}
        for stack in self._stacks:
            gradient = torch.stack([_gradient(self._matrices[name]) for name in stack.names])
            stack.momentum.mul_(momentum).add_(gradient)
            update = gradient.add_(stack.momentum, alpha=momentum)
            if self._optim.row_equalize:
                update = equalize_rows(update)
            update = self._orthogonalize(update, self._optim.orthogonalize, self._dtype)
            rows, columns = update.shape[-2:]
            update = update * max(1.0, rows / columns) ** 0.5
            updates.update(zip(stack.names, update.unbind(0), strict=True))
        return updates

    def _everyones(self, owned: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the updates of all matrices, whichever rank made them: a sum in which each has one term."""
        if self._ranks.world == 1:
            return owned
        sizes = [parameter.numel() for parameter in self._matrices.values()]
        flat = torch.zeros(sum(sizes), dtype=self._dtype, device=self._ranks.device)
        views = dict(zip(self._matrices, torch.split(flat, sizes), strict=True))
        for name, update in owned.items():
            views[name].copy_(update.reshape(-1))
        self._ranks.sum_(flat)
        return {name: view.view_as(self._matrices[name]) for name, view in views.items()}

    def state(self) -> dict[str, Tensor]:
        """Return the momentum of every matrix on the host, gathered from its rank (all ranks must ask)."""
        owned = {name: m for stack in self._stacks for name, m in zip(stack.names, stack.momentum, strict=True)}
        gathered: dict[str, Tensor] = {}
        for name, parameter in self._matrices.items():
            momentum = owned[name].clone() if name in owned else torch.empty_like(parameter)
            gathered[name] = self._ranks.broadcast_(momentum.detach(), self._owner[name]).cpu()
        return gathered

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take over the momentum that :meth:`state` returned, for any number of ranks."""
        for stack in self._stacks:
            for name, momentum in zip(stack.names, stack.momentum, strict=True):
                momentum.copy_(state[name])


def _gradient(parameter: nn.Parameter) -> Tensor:
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
