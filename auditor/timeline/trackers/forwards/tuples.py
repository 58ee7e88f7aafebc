"""Tuples of numbers and sizes in a forward: their items, their length, and what loops go through."""

from __future__ import annotations

import math
from collections.abc import Callable

from auditor.program import ir
from auditor.timeline.trackers.forwards.axes import Several, Size

NAMES = ("range", "enumerate", "zip", "len", "tuple", "list")
_MOST = 8  # numbers that are told one by one


def function(
    name: str, node: ir.Call, given: list[object], inner: object, evaluate: Callable[[ir.Expr], object]
) -> object:
    """Return what one of :data:`NAMES` gives; of a loop's numbers any one. ``inner`` is any module of a list."""
    if name in ("tuple", "list"):
        spelt = _numbers(node.args[0].value, evaluate) if len(node.args) == 1 else None
        if spelt is not None:
            return spelt
        whole = given[0] if given else None
        return whole if isinstance(whole, Several) and all(_known(i) for i in whole.items) else None
    if name == "len" and given and isinstance(given[0], Several) and all(_known(i) for i in given[0].items):
        return len(given[0].items)
    if name == "enumerate":
        return Several((Several((math.nan, inner)),))
    return Several((math.nan if name == "range" else None,))


def item(base: Several, index: ir.Expr, evaluate: Callable[[ir.Expr], object]) -> object:
    """Return ``base[index]``, a piece of it where the index is a slice; None where it is not known."""
    if isinstance(index, ir.Slice):
        bounds = [None if part is None else evaluate(part) for part in (index.lower, index.upper)]
        given = [part for part in (index.lower, index.upper) if part is not None]
        if index.step is not None or sum(isinstance(b, int) for b in bounds) != len(given):
            return None
        lower, upper = (b if isinstance(b, int) else None for b in bounds)
        return Several(base.items[lower:upper]) if all(_known(i) for i in base.items) else None
    at = evaluate(index)
    return base.items[at] if isinstance(at, int) and -len(base.items) <= at < len(base.items) else None


def _numbers(node: ir.Expr, evaluate: Callable[[ir.Expr], object]) -> Several | None:
    """Return the numbers of ``range(a, b)`` one by one, where they are few and known."""
    if not isinstance(node, ir.Call) or not isinstance(node.func, ir.Name) or node.func.id != "range":
        return None
    bounds = [b for arg in node.args if isinstance(b := evaluate(arg.value), int) and not isinstance(b, bool)]
    if not 1 <= len(bounds) <= 2 or len(bounds) != len(node.args):
        return None
    numbers = range(*bounds)
    return Several(tuple(numbers)) if len(numbers) <= _MOST else None


def _known(value: object) -> bool:
    """Return whether an item is one: what a loop goes through stands for any number of items."""
    return isinstance(value, Size) or (isinstance(value, int | float) and not math.isnan(value))
