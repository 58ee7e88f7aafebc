"""Products of half precision, computed in single and rounded to half: what a GPU's units do, and no CPU does fast.

Most CPUs multiply bfloat16 many times slower than float32. Dtypes, and what autocast makes of them, stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor

_HALVES = (torch.bfloat16, torch.float16)
_PRODUCTS: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (torch, ("matmul", "mm", "bmm", "addmm", "baddbmm", "einsum", "conv1d", "conv2d")),
    (functional, ("linear", "conv1d", "conv2d")),
    (Tensor, ("matmul", "mm", "bmm", "addmm", "baddbmm", "__matmul__", "__rmatmul__")),
)


def install() -> None:
    """Put the products that are computed in single precision in the place of torch's."""
    for owner, names in _PRODUCTS:
        for name in names:
            setattr(owner, name, _in_single(getattr(owner, name)))
    functional.scaled_dot_product_attention = _attending(functional.scaled_dot_product_attention)


def _in_single(product: Callable[..., Any]) -> Callable[..., Any]:
    def multiply(*args: Any, **kwargs: Any) -> Any:
        given = [*args, *kwargs.values()]
        half = None if "out" in kwargs else _half(given)
        if half is None:
            return product(*args, **kwargs)
        with torch.autocast("cpu", enabled=False):
            out = product(
                *(_single(each, half) for each in args), **{key: _single(each, half) for key, each in kwargs.items()}
            )
        return out.to(half)

    multiply.__name__ = getattr(product, "__name__", "product")
    return multiply


def _attending(attention: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return attention in single precision: its way back takes a third of the time that half's does."""

    def attend(query: Tensor, key: Tensor, value: Tensor, attn_mask: Any = None, *args: Any, **kwargs: Any) -> Tensor:
        half = _half([query, key, value])
        if half is None:
            return attention(query, key, value, attn_mask, *args, **kwargs)
        if isinstance(attn_mask, Tensor) and attn_mask.is_floating_point():
            attn_mask = attn_mask.to(half).float()
        with torch.autocast("cpu", enabled=False):
            given = (_single(each, half) for each in (query, key, value))
            return attention(*given, attn_mask, *args, **kwargs).to(half)

    attend.__name__ = "scaled_dot_product_attention"
    return attend


def _half(given: list[Any]) -> torch.dtype | None:
    """Return the half precision that a product of these would be of; None where it is of another."""
    kinds = {each.dtype for each in _tensors(given)}
    if torch.is_autocast_enabled("cpu"):
        chosen = torch.get_autocast_dtype("cpu")
        return chosen if chosen in _HALVES and kinds <= {torch.float32, chosen} and kinds else None
    return kinds.pop() if len(kinds) == 1 and kinds <= set(_HALVES) else None


def _tensors(given: list[Any]) -> list[Tensor]:
    return [each for part in given for each in (part if isinstance(part, list | tuple) else (part,))
            if isinstance(each, Tensor)]  # fmt: skip


def _single(each: Any, half: torch.dtype) -> Any:
    if isinstance(each, list | tuple):
        return type(each)(_single(one, half) for one in each)
    return each.to(half).float() if isinstance(each, Tensor) else each
