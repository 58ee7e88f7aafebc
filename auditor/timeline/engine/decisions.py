"""Comparisons that are a branch's condition, for trackers that ask what a branch leaves behind."""

from __future__ import annotations

from typing import Generic, TypeVar

from auditor.program import ir
from auditor.timeline.values.payloads import Value

What = TypeVar("What")


class Decisions(Generic[What]):
    """What is known of the comparisons by which open branches were decided."""

    def __init__(self) -> None:
        self._last: tuple[ir.Expr, What] | None = None
        self._open: dict[int, tuple[Value, What]] = {}  # by the identity of the test, which is kept for it

    def compared(self, node: ir.Compare, what: What | None) -> None:
        """Note a comparison; None: one of which nothing is to be known."""
        self._last = None if what is None else (node, what)

    def entered(self, node: ir.Expr, test: Value) -> None:
        """Note that a branch is entered, which the last comparison decides if it is ``node``, or the last part of it.

        As in ``if low is None or loss < low:``.
        """
        last = node.values[-1] if isinstance(node, ir.BoolOp) else node
        if self._last is not None and self._last[0] is last:
            self._open[id(test)] = (test, self._last[1])
        self._last = None

    def joined(self, test: Value) -> What | None:
        """Return what is known of the comparison that decided a branch which ends; None where nothing is."""
        found = self._open.pop(id(test), None)
        return None if found is None else found[1]
