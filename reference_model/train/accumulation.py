"""The gradient of one step: the mean over eight pieces, of which each rank computes its share.

A step has the same pieces for any number of ranks (accumulation of 8 / world pieces on each), so runs on one and on
eight GPUs differ by rounding only. Ranks exchange gradients once, after their last piece.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from reference_model.data.loader import Batch
from reference_model.train.ranks import PIECES, Ranks

LossOf = Callable[[Batch], Tensor]


def accumulate(
    loss_of: LossOf, pieces: Sequence[Batch], parameters: Sequence[nn.Parameter], ranks: Ranks, *, at_once: int = 1
) -> Tensor:
    """Leave the mean gradient over all pieces of all ranks in ``parameters`` and return this rank's mean loss.

    ``loss_of`` gives the mean loss (nats) of a batch; the returned scalar stays on the device, so that nothing waits.
    ``at_once`` pieces go through the network together: the same mean, in fewer and larger passes.
    """
    total = torch.zeros((), device=ranks.device)
    for first in range(0, len(pieces), at_once):
        group = pieces[first : first + at_once]
        share = len(group) / PIECES
        loss = loss_of(joined(group))
        (loss * share).backward()  # type: ignore[no-untyped-call]
        total += loss.detach() * share
    sum_gradients(parameters, ranks)
    return total * (PIECES / len(pieces))


def joined(pieces: Sequence[Batch]) -> Batch:
    """Return the rows of all ``pieces`` as one batch."""
    if len(pieces) == 1:
        return pieces[0]
    segments = [piece.segments for piece in pieces if piece.segments is not None]
    return Batch(
        torch.cat([piece.tokens for piece in pieces]),
        torch.cat([piece.targets for piece in pieces]),
        torch.cat(segments) if segments else None,
    )


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
        for gradient, summed in zip(gradients, torch.split(flat, [g.numel() for g in gradients]), strict=True):
            gradient.copy_(summed.view_as(gradient))
