"""Streams per role with similar rows side by side (#1855; spec §4).

Weights of one role compress better together, column by column, and with each row next to the one that it is nearest
to. The order of the rows is stored as uint16.
"""

from __future__ import annotations

import re

import torch
from torch import Tensor

MOST_ROWS = 4096
"""Matrices with more rows keep their order: finding neighbours is quadratic in the rows."""


def role_of(name: str, field: str, dtype: str) -> str:
    """Return the stream of a part: the tensor's name without numbers, its field and dtype."""
    return f"{re.sub(r'[0-9]+', '*', name)}:{field}:{dtype.removeprefix('torch.')}"


def order_rows(integers: Tensor) -> tuple[Tensor, Tensor]:
    """Return an order (rows,) uint16 and ``integers`` (rows, cols) in it: from row 0 always to the nearest (L1) left.

    Ties go to the lower row, so that the order is a function of the weights alone.
    """
    rows = integers.shape[0]
    if not 1 < rows <= MOST_ROWS:
        return torch.arange(rows if rows <= 65_536 else 0).to(torch.uint16), integers
    values = integers.float()
    left = torch.ones(rows, dtype=torch.bool)
    order = [0]
    left[0] = False
    for _ in range(rows - 1):
        distance = (values - values[order[-1]]).abs().sum(dim=1)
        order.append(int(distance.masked_fill(~left, torch.inf).argmin()))
        left[order[-1]] = False
    picked = torch.tensor(order)
    return picked.to(torch.uint16), integers[picked]


def undo_order(order: Tensor, rows: Tensor) -> Tensor:
    """Return ``rows`` (rows, cols) as they were before :func:`order_rows`; raises ValueError for a broken order."""
    if not order.numel():
        return rows
    places = order.to(torch.int64)
    if not torch.equal(places.sort().values, torch.arange(rows.shape[0])):
        raise ValueError("the stored order of rows is not a permutation")
    out = torch.empty_like(rows)
    out[places] = rows
    return out
