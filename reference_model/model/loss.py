"""Cross-entropy of softcapped logits, without keeping float32 copies of them for the backward pass.

Logits are the largest tensor of a training step: (batch, seq, vocab). Written plainly, softcap and cross-entropy keep
two float32 copies of it until the gradient comes by. Here only the logits as they were given and one number per token
are kept, and the rest is computed again; under torch.compile each direction becomes one kernel.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 (its usual name)
from torch import Tensor


def softcap(logits: Tensor, cap: float, *, in_float: bool = True) -> Tensor:
    """Return ``cap * tanh(logits / cap)``, float32: no logit leaves (-cap, cap), so no prediction is certain.

    ``in_float``: computed in float32, else in the type of ``logits``. In bfloat16 the two differ by up to an eighth
    near a cap of 30, and the loss of a compiled model with them: which one a preset has is its published script's
    choice (``Model.softcap_in_float``).
    """
    if in_float:
        logits = logits.float()
    return (cap * torch.tanh(logits / cap)).float()


def softcapped_cross_entropy(logits: Tensor, targets: Tensor, cap: float, *, in_float: bool = True) -> Tensor:
    """Return the cross-entropy of ``targets`` (tokens,) under softcapped ``logits`` (tokens, vocab).

    The result is (tokens,), in nats, float32; ``in_float`` as in :func:`softcap`. A CPU has the memory and is faster
    the plain way.
    """
    if not logits.is_cuda:
        return F.cross_entropy(softcap(logits, cap, in_float=in_float), targets, reduction="none")
    losses: Tensor = LeanCrossEntropy.apply(logits, targets, cap, in_float)  # type: ignore[no-untyped-call]
    return losses


class LeanCrossEntropy(torch.autograd.Function):
    """Keeps the logits and one number per token, and computes the rest again."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, targets: Tensor, cap: float, in_float: bool) -> Tensor:
        """Return the losses (tokens,)."""
        capped = softcap(logits, cap, in_float=in_float)
        total = torch.logsumexp(capped, dim=-1)
        ctx.save_for_backward(logits, targets, total)
        ctx.cap, ctx.in_float = cap, in_float
        return total - capped.gather(1, targets.unsqueeze(1)).squeeze(1)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        """Return the gradient of the logits (tokens, vocab) for ``grad`` (tokens,), in their dtype."""
        logits, targets, total = ctx.saved_tensors
        bent = softcap(logits, ctx.cap, in_float=ctx.in_float) / ctx.cap
        slope = (1 - bent * bent) * grad.unsqueeze(1)  # of the loss by the logits, but for the factor below
        shares = torch.exp(ctx.cap * bent - total.unsqueeze(1))
        shares = shares.scatter_add(1, targets.unsqueeze(1), torch.full_like(total, -1.0).unsqueeze(1))
        return (shares * slope).to(logits.dtype), None, None, None
