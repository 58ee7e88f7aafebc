"""Orthogonalise a matrix by a few polynomial iterations: the heart of Muon.

A matrix ``U S V^T`` is to become ``U V^T``: same directions, all singular values 1. An odd polynomial
``a x + b x^3 + c x^5``, applied to the matrix, applies to its singular values alone, needs only products, and a few
rounds of it bring values between 0 and 1 close to 1. ``classic`` repeats one polynomial whose fixed band is wide but
quick to reach (.68 to 1.21); ``polar`` (Polar Express, #1855) has one polynomial for each round and ends closer.

The type of the iteration is part of what it computes. It lifts small singular values towards 1, those of rounding
noise too: of a gradient of rank 4, a large part of a bfloat16 step lies outside the gradient's own rows and columns,
and two implementations that round elsewhere part company there. The published scripts iterate in bfloat16, and so does
a run on a GPU; in float32, as on a CPU, such a step stays within.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Scheme = Literal["classic", "polar"]

_EPS = 1e-7  # keeps a zero matrix zero

COEFFICIENTS: dict[Scheme, tuple[tuple[float, float, float], ...]] = {
    "classic": ((3.4445, -4.7750, 2.0315),) * 5,
    "polar": (
        (8.15655, -22.48329, 15.87877),
        (4.04293, -2.80892, 0.50002),
        (3.89167, -2.77248, 0.50606),
        (3.28575, -2.36813, 0.46449),
        (2.34654, -1.70978, 0.42324),
    ),
}


def orthogonalize(update: Tensor, scheme: Scheme = "classic", dtype: torch.dtype = torch.bfloat16) -> Tensor:
    """Return ``update`` (..., rows, columns) with singular values near 1, in ``dtype`` (spec section 3).

    Values below about .003 of the Frobenius norm stay smaller than that. Works in bfloat16 on GPUs: the errors of
    rounding are small beside the width of the band.
    """
    x: Tensor = update.to(dtype)
    tall = x.size(-2) > x.size(-1)
    if tall:  # the Gram matrix below has the side of the rows: make that the short one
        x = x.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + _EPS)
    for a, b, c in COEFFICIENTS[scheme]:
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x


def equalize_rows(update: Tensor) -> Tensor:
    """Return ``update`` (..., rows, columns) in float32 with every row of norm 1 (MuonEq-R, #1334); zero rows stay."""
    rows = update.float()
    equal: Tensor = rows / rows.norm(dim=-1, keepdim=True).clamp_min(_EPS)
    return equal
