"""Which results of operators a tracker hears of: most ask about more than what nearly every number is made from.

*Plain* origins are those of sizes, clocks, settings, rounds of loops, training data and live parameters. A listener of
``combined``, ``compared`` or ``subscripted`` that is marked with :func:`past_plain` hears only where an operand or the
result has another origin; of plain ones it would leave every result as it is, and note nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from auditor.timeline.engine.asking import Heard
from auditor.timeline.values.atoms import CLOCK, LAUNCH, LISTING, SIZE, TEXT_FILE, TRAIN

if TYPE_CHECKING:
    from auditor.program import ir
    from auditor.timeline.values.atoms import Atoms
    from auditor.timeline.values.payloads import Value

FAMILIES = ("setting", "turned", "iteration", "shift", "adapted", "param", "opened")
_FIXED = TRAIN | LAUNCH | LISTING | TEXT_FILE | SIZE | CLOCK

Hears = TypeVar("Hears", bound=Callable[..., object])


def past_plain(hear: Hears) -> Hears:
    """Have a tracker hear of an operator only where something has more than plain origins."""
    hear.past_plain = True  # type: ignore[attr-defined]
    return hear


class Plain:
    """The plain origins of one program."""

    def __init__(self, atoms: Atoms) -> None:
        self._atoms = atoms
        self._made = -1
        self._others = 0

    def others(self) -> int:
        """Return the mask of all other origins as they are now: a family grows while a program is followed."""
        if self._made != self._atoms.made:
            self._made = self._atoms.made
            plain = _FIXED
            for family in FAMILIES:
                plain |= self._atoms.family(family)
            self._others = ~plain
        return self._others


class _Listeners:
    """Who hears of a result, and who of one that has plain origins."""

    def __init__(self, heard: Heard) -> None:
        self.all = heard
        self.of_plain = [(at, hear) for at, hear in enumerate(heard) if not getattr(hear, "past_plain", False)]
        of: Any = heard[0]  # a tracker's method
        self.others = Plain(of.__self__.machine.atoms).others

    def of_plain_result(self, out: Value, *given: object) -> tuple[Value, Heard]:
        """Return what those make of a plain result who hear of such, and who hears of it then: it may stay plain."""
        for at, hear in self.of_plain:
            made = hear(*given, out)
            if made is not out:
                out = made
                if out.m & self.others():
                    return out, self.all[at + 1 :]
        return out, self.all[:0]


def combined(heard: Heard) -> Callable[..., Value]:
    """Return what passes the result of an operator on two operands on."""
    listeners = _Listeners(heard)
    others = listeners.others

    def tell(node: ir.Node, left: Value, right: Value, out: Value) -> Value:
        rest = heard
        if not (left.m | right.m | out.m) & others():
            out, rest = listeners.of_plain_result(out, node, left, right)
        for hear in rest:
            out = hear(node, left, right, out)
        return out

    return tell


def compared(heard: Heard) -> Callable[..., Value]:
    """Return what passes the truth of a comparison on."""
    listeners = _Listeners(heard)
    others = listeners.others

    def tell(op: str, left: Value, right: Value, node: ir.Compare, out: Value) -> Value:
        rest = heard
        if not (left.m | right.m | out.m) & others():
            out, rest = listeners.of_plain_result(out, op, left, right, node)
        for hear in rest:
            out = hear(op, left, right, node, out)
        return out

    return tell


def subscripted(heard: Heard) -> Callable[..., Value]:
    """Return what passes an item or a slice on."""
    listeners = _Listeners(heard)
    others = listeners.others

    def tell(base: Value, index: Value, node: ir.Subscript, out: Value) -> Value:
        rest = heard
        if not (base.m | index.m | out.m) & others():
            out, rest = listeners.of_plain_result(out, base, index, node)
        for hear in rest:
            out = hear(base, index, node, out)
        return out

    return tell
