"""Run every compiled way through the network once before the clock starts, then undo it.

Compiling takes minutes, and a schedule that deepens the network would recompile within the timed run (#1453 lost
some 13 seconds so). Warm-up takes whole steps at every stage; afterwards weights, optimizer state and random
generators are what they were, to the bit.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from reference_model.optim.groups import Optimizers

if TYPE_CHECKING:
    from collections.abc import Iterator


def random_state() -> dict[str, Any]:
    """Return the state of torch's generators, that of the current GPU included."""
    on_gpu = torch.cuda.get_rng_state() if torch.cuda.is_available() else None
    return {"cpu": torch.get_rng_state(), "cuda": on_gpu}


def restore_random(state: dict[str, Any]) -> None:
    """Set torch's generators back to what :func:`random_state` returned."""
    torch.set_rng_state(state["cpu"])
    if state["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])


@contextmanager
def undone(model: nn.Module, optimizers: Optimizers) -> Iterator[None]:
    """Restore weights, buffers, optimizer state and random generators as they were on entry."""
    weights = {name: tensor.detach().cpu().clone() for name, tensor in model.state_dict().items()}
    moments, generators = copy.deepcopy(optimizers.state()), random_state()
    try:
        yield
    finally:
        model.load_state_dict(weights)
        optimizers.restore(moments)
        optimizers.zero_grad()
        restore_random(generators)


def warm_up(
    model: nn.Module,
    optimizers: Optimizers,
    ways: Iterable[Callable[[int], object]],
    steps: int,
    report: Callable[[int, int], None],
) -> None:
    """Take ``steps`` training steps in each of ``ways`` (functions of a step's number) and undo them all.

    ``report(done, total)`` is called after each step.
    """
    every = list(ways)
    with undone(model, optimizers):
        for index, take_step in enumerate(every):
            for step in range(steps):
                take_step(step)
                report(index * steps + step + 1, len(every) * steps)
