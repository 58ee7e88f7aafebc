"""Which calls a tracker hears of: most ask about a few names, and nearly all about calls that leave the program."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import Struct

from auditor.timeline.engine.arguments import callee_name
from auditor.timeline.engine.containers import deep
from auditor.timeline.values.atoms import VAL
from auditor.timeline.values.payloads import HOLDING, Function, Method, Native, Value

if TYPE_CHECKING:
    from auditor.program import ir
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.values.atoms import Atoms

Called = TypeVar("Called", bound=Callable[..., Value])
Told = TypeVar("Told", bound=Callable[..., None])
Heard = list[Callable[..., Any]]
OWN = (Function, Native)  # what is followed itself


class Heeds(Struct, frozen=True):
    """What calls a listener asks for: by what is called, and by its name (None: by any).

    ``made_of``: families of origins. A call of another name is asked for, too, where something in it may be made of
    one of these, or of validation tokens.
    """

    of: tuple[type, ...] = (object,)
    but: tuple[type, ...] = OWN
    names: frozenset[str] | None = None
    made_of: tuple[str, ...] = ()

    def takes(self, kind: type, name: str) -> bool:
        """Return whether a call of that kind of payload, of that name, is one of them, or may be."""
        if not self.made_of and not self.names_it(name):
            return False
        return issubclass(kind, self.of) and not issubclass(kind, self.but)

    def names_it(self, name: str) -> bool:
        """Return whether a call of that name is asked for whatever is in it."""
        return name in self.names if self.names is not None else not self.made_of


def heeds(
    *names: frozenset[str],
    of: tuple[type, ...] = (object,),
    but: tuple[type, ...] = OWN,
    made_of: tuple[str, ...] = (),
) -> Callable[[Called], Called]:
    """Have a tracker's ``called`` hear of some calls only.

    ``names``: sets of what is called (:func:`callee_name`); without any, whatever is. ``of`` and ``but`` are the kinds
    of payloads that are called; those of the program's own functions are left out where nothing is said. ``made_of``:
    see :class:`Heeds`.
    """
    found = Heeds(of, but, frozenset().union(*names) if names else None, made_of)

    def mark(called: Called) -> Called:
        called.heeds = found  # type: ignore[attr-defined]
        return called

    return mark


def names_that(concern: Callable[[str], bool]) -> Callable[[Told], Told]:
    """Have a tracker's ``library_called`` hear of some functions only, by their dotted names."""

    def mark(told: Told) -> Told:
        told.concern = concern  # type: ignore[attr-defined]
        return told

    return mark


def tell_by_name(heard: Heard) -> Callable[..., None]:
    """Return what tells of a library's function those of ``heard`` whom its name concerns."""
    chosen: dict[str, list[Callable[..., None]]] = {}

    def tell(name: str, args: Args, node: ir.Node) -> None:
        listeners = chosen.get(name)
        if listeners is None:
            listeners = [hear for hear in heard if not hasattr(hear, "concern") or hear.concern(name)]
            chosen[name] = listeners
        for hear in listeners:
            hear(name, args, node)

    return tell


class Concerns:
    """The origins of which something is to be made for a call to concern those who asked for such calls."""

    def __init__(self, atoms: Atoms, families: frozenset[str]) -> None:
        self._atoms = atoms
        self._families = families
        self._made = -1
        self._mask = VAL

    def mask(self) -> int:
        """Return them as they are now: a family grows while a program is followed."""
        if self._made != self._atoms.made:
            self._made = self._atoms.made
            self._mask = VAL
            for family in self._families:
                self._mask |= self._atoms.family(family)
        return self._mask


Chosen = tuple[tuple[tuple[int, bool], ...], tuple[int, ...]]

# Who hears of a call, by what they ask for, the kind of payload and the name: as true of the next program.
_CHOSEN: dict[tuple[Heeds, ...], dict[tuple[type, str], Chosen]] = {}
_MOST_NAMES = 20_000


def _choose(asked: tuple[Heeds, ...], kind: type, name: str) -> Chosen:
    """Return the places in ``asked`` of those that hear of a call, and whether only where it concerns them.

    And where in that list those stand who hear of it whatever is in it.
    """
    taking = [(place, not those.names_it(name)) for place, those in enumerate(asked) if those.takes(kind, name)]
    return tuple(taking), tuple(at for at, (_, only_concerned) in enumerate(taking) if not only_concerned)


def ask(heard: Heard) -> Callable[..., Value]:
    """Return what passes the result of a call on through those of ``heard`` that ask for such a call."""
    everything = Heeds(but=())
    asked = tuple(getattr(hear, "heeds", everything) for hear in heard)
    families = frozenset(family for those in asked for family in those.made_of)
    of: Any = next((hear for hear, those in zip(heard, asked, strict=True) if those.made_of), None)
    concerns = Concerns(of.__self__.machine.atoms, families) if of is not None else None  # of a tracker's method
    chosen = _CHOSEN.setdefault(asked, {})
    if len(chosen) > _MOST_NAMES:
        chosen.clear()

    def tell(func: Value, args: Args, node: ir.Call, out: Value) -> Value:
        key = (type(func.p), callee_name(func))
        known = chosen.get(key)
        if known is None:
            known = chosen[key] = _choose(asked, *key)
        taking, unasked = known
        if not taking:
            return out
        first = 0
        mask = concerns.mask() if concerns is not None else 0
        if not out.m & mask and not _in_it(func, args, mask):
            first = len(taking)
            for at in unasked:
                made = heard[taking[at][0]](func, args, node, out)
                if made is not out:
                    out = made
                    if out.m & mask:  # now it concerns those who come after
                        first = at + 1
                        break
        for place, _ in taking[first:] if first else taking:
            out = heard[place](func, args, node, out)
        return out

    return tell


def _in_it(func: Value, args: Args, mask: int) -> bool:
    """Return whether something that a call is given, or called on, has one of the origins in ``mask``."""
    for value in args.positional:
        if value.m & mask or (type(value.p) in HOLDING and deep(value) & mask):
            return True
    if args.keywords:
        for value in args.keywords.values():
            if value.m & mask or (type(value.p) in HOLDING and deep(value) & mask):
                return True
    p = func.p
    return type(p) is Method and bool(deep(p.receiver) & mask)
