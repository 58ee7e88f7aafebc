"""Bound the gradient before any optimizer sees it."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn


def clip_gradients(parameters: Iterable[nn.Parameter], most: float) -> None:
    """Scale all gradients alike so that their common norm is at most ``most``; 0 leaves them as they are.

    To be called on gradients averaged over ranks: a norm of one rank's share would scale the ranks differently
    (#1855 does).
    """
    if most > 0:
        torch.nn.utils.clip_grad_norm_(list(parameters), most)
