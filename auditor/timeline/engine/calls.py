"""Which calls a tracker hears of: most ask about a few names, and nearly all about calls that leave the program."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import Struct

from auditor.timeline.engine.arguments import callee_name
from auditor.timeline.values.payloads import Function, Native, Value

if TYPE_CHECKING:
    from auditor.program import ir
    from auditor.timeline.engine.arguments import Args

Called = TypeVar("Called", bound=Callable[..., Value])
Heard = list[Callable[..., Any]]
OWN = (Function, Native)  # what is followed itself


class Heeds(Struct, frozen=True):
    """What calls a listener asks for: by what is called, and by its name (None: by any)."""

    of: tuple[type, ...] = (object,)
    but: tuple[type, ...] = OWN
    names: frozenset[str] | None = None

    def takes(self, kind: type, name: str) -> bool:
        """Return whether a call of that kind of payload, of that name, is one of them."""
        if self.names is not None and name not in self.names:
            return False
        return issubclass(kind, self.of) and not issubclass(kind, self.but)


def heeds(
    *names: frozenset[str], of: tuple[type, ...] = (object,), but: tuple[type, ...] = OWN
) -> Callable[[Called], Called]:
    """Have a tracker's ``called`` hear of some calls only.

    ``names``: sets of what is called (:func:`callee_name`); without any, whatever is. ``of`` and ``but`` are the kinds
    of payloads that are called; those of the program's own functions are left out where nothing is said.
    """
    found = Heeds(of, but, frozenset().union(*names) if names else None)

    def mark(called: Called) -> Called:
        called.heeds = found  # type: ignore[attr-defined]
        return called

    return mark


def ask(heard: Heard) -> Callable[..., Value]:
    """Return what passes the result of a call on through those of ``heard`` that ask for such a call."""
    everything = Heeds(but=())
    asked = [(hear, getattr(hear, "heeds", everything)) for hear in heard]
    chosen: dict[tuple[type, str], Heard] = {}

    def tell(func: Value, args: Args, node: ir.Call, out: Value) -> Value:
        key = (type(func.p), callee_name(func))
        listeners = chosen.get(key)
        if listeners is None:
            listeners = chosen[key] = [hear for hear, those in asked if those.takes(*key)]
        for hear in listeners:
            out = hear(func, args, node, out)
        return out

    return tell
