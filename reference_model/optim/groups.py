"""Which parameter is moved by which optimizer, and all of them as one."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Literal, Protocol

import torch
from torch import nn

from reference_model.config import Optim
from reference_model.optim.clip import clip_gradients
from reference_model.optim.muon import Muon
from reference_model.optim.schedule import momentum
from reference_model.train.ranks import Ranks

Role = Literal["embed", "matrix", "scalar"]


class HasRoles(Protocol):
    """A model that says what each of its parameters is."""

    def named_parameters(self) -> Any: ...  # noqa: D102

    def roles(self) -> Mapping[str, Role]:
        """Return the role of every parameter by its name."""
        ...


def by_role(model: HasRoles) -> dict[Role, dict[str, nn.Parameter]]:
    """Return the parameters of ``model`` by role: ``matrix`` for Muon, ``embed`` and ``scalar`` for Adam.

    Raises ValueError unless every parameter is in exactly one role: one that no optimizer moves never trains, as
    happened to the bigram table of #1453.
    """
    parameters = dict(model.named_parameters())
    roles = model.roles()
    if parameters.keys() != roles.keys():
        raise ValueError(f"parameters without exactly one role: {sorted(parameters.keys() ^ roles.keys())}")
    groups: dict[Role, dict[str, nn.Parameter]] = {"embed": {}, "matrix": {}, "scalar": {}}
    for name, parameter in parameters.items():
        groups[roles[name]][name] = parameter
    return groups


class Optimizers:
    """Muon and Adam over all parameters of a model, stepped together."""

    def __init__(
        self,
        model: HasRoles,
        optim: Optim,
        ranks: Ranks,
        *,
        dtype: torch.dtype = torch.bfloat16,
        compiled: bool = False,
    ) -> None:
        groups = by_role(model)
        self._optim = optim
        self.parameters = tuple(p for group in groups.values() for p in group.values())
        self.muon = Muon(groups["matrix"], optim, ranks, dtype=dtype, compiled=compiled)
        adam_groups: list[tuple[Role, float, float]] = [
            ("embed", optim.embed_lr, optim.embed_decay),
            ("scalar", optim.scalar_lr, optim.scalar_decay),
        ]
        self.adam = torch.optim.AdamW(
            [
                {"params": list(groups[role].values()), "lr": lr, "base_lr": lr, "weight_decay": decay}
                for role, lr, decay in adam_groups
                if groups[role]
            ],
            betas=(optim.beta1, optim.beta2),
            eps=optim.eps,
            fused=ranks.device.type in ("cuda", "cpu"),  # a quarter of the time on a CPU, too
        )

    def step(self, step: int, multiplier: float) -> None:
        """Clip the averaged gradients and move all weights; ``multiplier`` scales every learning rate."""
        clip_gradients(self.parameters, self._optim.clip)
        for group in self.adam.param_groups:
            group["lr"] = group["base_lr"] * multiplier
        self.muon.step(self._optim.matrix_lr * multiplier, momentum(self._optim, step))
        self.adam.step()

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def state(self) -> dict[str, Any]:
        """Return copies of all optimizer state, gathered from all ranks (all must ask)."""
        return {"muon": self.muon.state(), "adam": copy.deepcopy(self.adam.state_dict())}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what :meth:`state` returned, for any number of ranks."""
        self.muon.restore(state["muon"])
        self.adam.load_state_dict(copy.deepcopy(state["adam"]))
