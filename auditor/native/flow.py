"""What a value of native code was made from, and which place of the tokens an index means.

A place counts from the position that a loop stands at: 0 is the token at this position, -1 any before it, 1 the next.
When the loop goes on, 0 becomes -1 (:func:`shifted`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple, TypeAlias

from msgspec import Struct

Loc: TypeAlias = tuple[str | int, ...]
Symbol: TypeAlias = tuple[object, ...]
UNKNOWN: Final = 9  # a place that could not be told
BEFORE: Final = -1
ANYWHERE: Final = -9  # of origins that stand for no place


class Atom(NamedTuple):
    """One origin.

    ``kind``: ``tok`` (a token), ``class`` (what a table says of it), ``byte`` (bytes of it), ``gold`` (a loss or
    probability given for it), ``look`` (a count looked up under tokens), ``hash`` (tokens of several places mixed),
    ``key`` (looked up under such a mix), ``gate`` (only under a condition on its class), ``weight`` (a number of the
    caller's under such a gate), ``arg`` (a number that the caller gives), or a mixture that was made: ``mixed bytes``,
    ``mixed key``, ``mixed gate``.
    ``line`` is where that was decided and ``of`` the input's number.
    """

    kind: str
    place: int
    line: int
    of: int


class Linear(Struct, frozen=True):
    """A whole number: a sum of symbols with their factors, and a constant."""

    terms: tuple[tuple[Symbol, int], ...]
    const: int

    def plus(self, other: Linear, factor: int = 1) -> Linear:
        """Return ``self + factor * other``."""
        terms = dict(self.terms)
        for symbol, count in other.terms:
            terms[symbol] = terms.get(symbol, 0) + factor * count
        kept = tuple(sorted(((s, c) for s, c in terms.items() if c), key=repr))
        return Linear(kept, self.const + factor * other.const)

    @staticmethod
    def of(symbol: Symbol) -> Linear:
        """Return the number that ``symbol`` stands for."""
        return Linear(((symbol, 1),), 0)


class Flow(Struct, frozen=True):
    """A value: its origins, the places in memory that it may point to, and what is known of it as a number."""

    atoms: frozenset[Atom] = frozenset()
    locs: frozenset[Loc] = frozenset()
    num: Linear | None = None

    def also(self, atoms: Iterable[Atom]) -> Flow:
        """Return this value, made from ``atoms`` too."""
        more = self.atoms.union(atoms)
        return self if len(more) == len(self.atoms) else Flow(more, self.locs, self.num)


NOTHING: Final = Flow()


def join(a: Flow, b: Flow) -> Flow:
    """Return the value that is ``a`` or ``b``."""
    if a is b:
        return a
    return Flow(a.atoms | b.atoms, a.locs | b.locs, a.num if a.num == b.num else None)


def joined(flows: Iterable[Flow]) -> Flow:
    """Return what is made from all of ``flows``, as no particular number."""
    atoms: frozenset[Atom] = frozenset()
    locs: frozenset[Loc] = frozenset()
    for flow in flows:
        atoms |= flow.atoms
        locs |= flow.locs
    return Flow(atoms, locs)


def join_memory(a: Mapping[Loc, Flow], b: Mapping[Loc, Flow]) -> dict[Loc, Flow]:
    """Return the memory that is ``a`` or ``b``."""
    out = dict(a)
    for loc, flow in b.items():
        known = out.get(loc)
        if known is not flow:
            out[loc] = join(known, flow) if known is not None else flow
    return out


_PASSING: Final = frozenset({"gate", "hash", "key", "weight"})  # what says nothing of later positions


def shifted(memory: Mapping[Loc, Flow]) -> dict[Loc, Flow]:
    """Return the memory as the next position sees it."""
    return {loc: _shift(flow) for loc, flow in memory.items()}


def _shift(flow: Flow) -> Flow:
    atoms = shifted_atoms(flow.atoms)
    return flow if atoms is flow.atoms else Flow(atoms, flow.locs, flow.num)


def shifted_atoms(given: frozenset[Atom]) -> frozenset[Atom]:
    """Return origins as the next position sees them."""
    if all(a.place in (BEFORE, ANYWHERE, UNKNOWN) for a in given):
        return given
    atoms = set()
    for atom in given:
        if atom.place in (BEFORE, ANYWHERE, UNKNOWN):
            atoms.add(atom)
        elif atom.place > 0 or atom.kind not in _PASSING:
            atoms.add(atom._replace(place=atom.place - 1))
    return frozenset(atoms)


class Bounds(Struct, frozen=True):
    """The least and the greatest value of a loop's variable, as far as known."""

    least: Linear | None
    most: Linear | None


def place_of(index: Linear | None, bounds: Mapping[Symbol, Bounds]) -> tuple[int, Symbol | None]:
    """Return the place that an index means and the symbol of the position that it is counted from.

    An inner loop's variable stands for its greatest value (``i - k + j`` with ``j < k``); what is added many times
    over or by the caller is where a stretch begins.
    """
    if index is None:
        return UNKNOWN, None
    at = Linear(tuple((s, c) for s, c in index.terms if c <= 1), index.const)
    if not at.terms:
        return BEFORE, None
    positions = [s for s, c in at.terms if c == 1 and s[0] == "loop"]
    inside = _without_inner(at, bounds)
    found = [s for s, c in inside.terms if c > 0] if inside is not None else []
    if inside is not None and len(found) == 1 and (found[0][0] != "given" or inside.const <= 0):
        return _behind(inside, bounds), found[0]
    if len(positions) != 1:
        return UNKNOWN, None
    own = Linear(tuple((s, c) for s, c in at.terms if c < 0 or s == positions[0]), at.const)
    return _behind(own, bounds), positions[0]


def _without_inner(at: Linear, bounds: Mapping[Symbol, Bounds]) -> Linear | None:
    """Return an index with inner loops' variables replaced by their greatest values; None where one isn't known."""
    for _ in range(8):
        positive = [s for s, c in at.terms if c > 0]
        loops = sorted((s for s in positive if s[0] == "loop"), key=lambda s: (int(str(s[1])), str(s)))
        if len(positive) <= 1 or not loops:
            return at
        limit = bounds.get(loops[-1])
        if limit is None or limit.most is None:
            return None
        count = dict(at.terms)[loops[-1]]
        at = at.plus(Linear.of(loops[-1]), -count).plus(limit.most, count)
    return None


def stretches(index: Linear | None) -> bool:
    """Return whether an index runs through several places for one position."""
    return index is not None and sum(s[0] == "loop" for s, _ in index.terms) > 1


def _behind(at: Linear, bounds: Mapping[Symbol, Bounds]) -> int:
    const = at.const
    for symbol, count in at.terms:
        if count > 0:
            continue
        limit = bounds.get(symbol)
        least = limit.least if limit is not None else None
        if least is not None and not least.terms:
            const += count * least.const
        elif symbol[0] != "loop":
            const += count  # how far back is a number that the caller gives: at least one
    return max(BEFORE, min(const, 3))
