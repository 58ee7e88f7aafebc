"""Chance held still: what nobody seeded is seeded, so that two runs differ only in what they are given.

Inference mode is one without gradients: what a script keeps of it, a table of angles say, can be learned through
afterwards, as compiled code does on a GPU and eager code refuses to.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch


def install() -> None:
    """Seed the generators of Python, numpy and torch, and those that are made without a seed."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    torch.seed = lambda: 0
    torch.inference_mode = _inference_mode  # type: ignore[assignment,misc]
    real = np.random.default_rng

    def default_rng(seed: Any = None) -> Any:
        return real(0 if seed is None else seed)

    np.random.default_rng = default_rng


def _inference_mode(mode: Any = True) -> Any:
    """Return what ``torch.inference_mode`` does, by ``torch.no_grad``: a context, or a function in it."""
    if callable(mode):
        return torch.no_grad()(mode)
    return torch.no_grad() if mode else torch.set_grad_enabled(torch.is_grad_enabled())
