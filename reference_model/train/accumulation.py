"""The gradient of one step: the mean over eight pieces, of which each rank computes its share.

A step has the same pieces for any number of ranks (accumulation of 8 / world pieces on each), so runs on one and on
eight GPUs differ by rounding only. Ranks exchange gradients once, after their last piece.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn

from reference_model.data.loader import Batch
from reference_model.train.ranks import PIECES, Ranks

LossOf = Callable[[Batch], Tensor]


def accumulate(loss_of: LossOf, batches: Iterable[Batch], parameters: Sequence[nn.Parameter], ranks: Ranks) -> Tensor:
    """Leave the mean gradient over all pieces of all ranks in ``parameters`` and return this rank's mean loss.

    ``loss_of`` gives the mean loss (nats) of a batch; the returned scalar stays on the device, so that nothing waits.
    """
    total = torch.zeros((), device=ranks.device)
    for batch in batches:
        loss = loss_of(batch)
        (loss / PIECES).backward()
        total += loss.detach()
    sum_gradients(parameters, ranks)
    return total / len(ranks.pieces)


def sum_gradients(parameters: Sequence[nn.Parameter], ranks: Ranks) -> None:
    """Replace every gradient by its sum over ranks; a parameter that a rank did not use counts as 0 there."""
    if ranks.world == 1:
        return
    for dtype in sorted({parameter.dtype for parameter in parameters}, key=str):
        members = [parameter for parameter in parameters if parameter.dtype is dtype]
        for parameter in members:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        gradients = [parameter.grad for parameter in members if parameter.grad is not None]
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        ranks.sum_(flat)
        for gradient, summed in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(summed.view_as(gradient))
