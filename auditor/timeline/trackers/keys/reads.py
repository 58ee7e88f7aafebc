"""Reads of tokens: where each one lies among the others, and which of them are the token being scored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from auditor.program import ir
from auditor.timeline.engine.signals import Tracker
from auditor.timeline.events import Lookup, Mixture, Update
from auditor.timeline.values.atoms import VAL, bits_of
from auditor.timeline.values.frames import Site

if TYPE_CHECKING:
    from collections.abc import Callable

    from auditor.timeline.engine.machine import Machine

Place = Literal[-1, 0, 1]


class Read(Struct, frozen=True):
    """Tokens picked at ``site`` out of those that the reads ``parents`` picked (a mask).

    ``place``: -1 before, 1 after, 0 at the position that its surroundings speak of. ``slice``: a stretch of them.
    ``last`` is the variable that names the last position picked (``p`` of ``t[p]`` and of ``t[p - 3:p + 1]``),
    ``column`` the constants of an index that picks one column of a window. ``rest``: a window without its last columns.
    """

    site: Site
    place: Place
    parents: int
    slice: bool
    last: str = ""
    column: tuple[object, ...] = ()
    rest: bool = False
    within: int = -1  # where the function begins in which this stands


class Mixing(Struct, frozen=True):
    """An operation that mixed the reads ``reads`` (as plain bits) into one key; ``fresh`` were not mixed before."""

    site: Site
    reads: int
    fresh: int


class Keys(Tracker):
    """What is known of token reads while a program is followed."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        atoms = machine.atoms
        self.reads = 0  # origins that are plain reads
        self.mixed = 0  # their twins, one bit higher: the read went through a mixing operation
        self.lookups = 0
        self.labels = 0  # reads that were the label of a loss or picked a log-probability
        self.inputs = 0  # reads that a model was applied to
        self.without_last = 0  # labels whose losses were taken without the last ones: what meets them lies before
        self.without_first = 0  # and without the first ones
        self.set_back = 0  # reads that went into what is stored from a later place on (``key[1:] = …``)
        self.known: dict[tuple[str, int, int], int] = {}
        self.meaning: dict[int, Read] = {}
        self.under: dict[int, int] = {}  # the settings under which each was made
        self.mixings: dict[tuple[str, int, int, int], Mixing] = {}
        self.events: dict[tuple[object, ...], Lookup] = {}
        self.updates: dict[tuple[object, ...], Update] = {}
        self.ahead = atoms.bit("ahead", "")  # an array that holds what is made of a token one place after it
        self.joined = atoms.bit("joined", "")  # several tokens made into one number or text
        self.windows = atoms.bit("windows", "")  # neighbouring tokens, in rows
        self.spots = atoms.bit("spots", "")  # where tokens of some kind stand: numbers, which are no tokens themselves
        self.truths = atoms.bit("truths", "")  # what a comparison of tokens gave: a mask, which picks none of them
        # For auditor.timeline.mixtures:
        self.gold = atoms.bit("gold", "")  # the loss or probability of the token that really came
        self.bytes = atoms.bit("bytes", "")  # bytes of tokens
        self.marginal = atoms.bit("marginal", "")  # a prediction of tokens, added up over those of one byte
        self.earlier = atoms.bit("earlier", "")  # losses moved by a place: those of the tokens before
        self.pseudo = atoms.bit("pseudo", "")  # rows of losses, one of which doesn't depend on the token
        self.mixtures = 0
        self.chosen = 0
        self.picks = 0
        self.bounded = atoms.bit("bounded", "")  # the truth of a threshold on the true token's prediction
        self.better = atoms.bit("kept", "")  # such a threshold that keeps what was predicted well
        self.aware = atoms.bit("aware", "")  # hints that are given only for some of the tokens they are hints for
        self.choices: dict[int, int] = {}
        self.found: dict[tuple[object, ...], Mixture] = {}
        # For auditor.timeline.ratios:
        self.every = atoms.bit("every", "")  # a number for each candidate
        self.each = atoms.bit("each", "")  # keys, mixed with such a number
        self.ratios = 0

    def holds_tokens(self, origins: int) -> bool:
        """Return whether something may hold tokens, and not only where they stand."""
        return bool(origins & self.reads) or not origins & self.spots

    def place(self, bit: int) -> Place:
        """Return where a read lies, its ancestors considered."""
        read = self.meaning[bit]
        if read.place or not read.parents:
            return read.place
        places = {self.place(parent) for parent in bits_of(read.parents)}
        return places.pop() if len(places) == 1 else 0

    def among(self, bit: int, marked: int) -> bool:
        """Return whether a read, or one that it merely narrows, is among ``marked``."""
        if bit & marked:
            return True
        read = self.meaning[bit]
        return not read.place and any(self.among(parent, marked) for parent in bits_of(read.parents))

    def same(self, reads: int) -> frozenset[tuple[str, int]]:
        """Return the reads as what tells that two places of the program read the same: the text, and out of what."""
        found = (self.meaning[bit] for bit in bits_of(reads))
        return frozenset((r.site.source.text[r.site.start : r.site.end], r.parents) for r in found)

    def judges(self, origins: int) -> bool:
        """Return whether something was made from the token being scored, and not by a model: its count, say."""
        if not origins & VAL or origins & (self.gold | self.machine.atoms.family("forward")):
            return False
        for bit in bits_of(origins & self.reads | (origins & self.mixed) >> 1):
            if self.among(bit, self.labels & ~self.inputs):
                return True
            if not self.among(bit, self.inputs) and not self.meaning[bit].slice and self.place(bit) >= 0:
                return True
        return False

    def _narrowed(self, bit: int) -> int:
        """Return a read and the nearest of its ancestors that was a label or a model's input."""
        out = bit
        for parent in bits_of(self.meaning[bit].parents):
            out |= parent if parent & (self.labels | self.inputs) else self._narrowed(parent)
        return out

    def targets(self, reads: int) -> int:
        """Return those of the plain bits ``reads`` that are the token being scored."""
        bits = list(bits_of(reads))
        named = 0
        for bit in bits:
            if self.among(bit, self.labels) and not self.among(bit, self.inputs):
                named |= bit
        named = named or sum(bit for bit in bits if self._again(bit))
        if named:
            return named
        family = [self._narrowed(bit) for bit in bits]
        for bit, sources in zip(bits, family, strict=True):
            shared = sum(1 for other in family if other & sources)
            if sources & self.labels & ~self.inputs and shared == 1:
                named |= bit
        if named and named != reads:
            return named
        return self._last(bits, self._array) or self._last(bits, self._narrowed_from)

    def _last(self, bits: list[int], array: Callable[[int], int]) -> int:
        """Return those of ``bits`` that lie last among those out of one ``array``, and meet the others in a key."""
        named = 0
        arrays: dict[int, list[int]] = {}
        for bit in bits:
            arrays.setdefault(array(bit), []).append(bit)
        for group in arrays.values():
            places = {bit: self.place(bit) for bit in group}
            last = max(places.values())
            before = sum(bit for bit, place in places.items() if place < last)
            for bit, place in places.items():
                if place == last and not self.among(bit, self.inputs) and self._joins(bit, before):
                    named |= bit if self.alignment(bit) != "after" else 0
        return named

    def _again(self, bit: int) -> bool:
        """Return whether a read picks, at the same place by the same name, what a label was picked as elsewhere."""
        read = self.meaning[bit]
        if read.slice or not read.last or self.among(bit, self.inputs):
            return False
        labels = (self.meaning[label] for label in bits_of(self.labels & ~self.inputs))
        return any(
            not other.slice
            and (other.last, other.parents, other.within) == (read.last, read.parents, read.within)
            and other.site.source is read.site.source
            for other in labels
        )

    def alignment(self, bit: int) -> Literal["", "before", "after", "open"]:
        """Return with which places ``x[1:]`` of a model's input meets the losses of labels that lie elsewhere.

        ``before``: with the places whose label it is; ``after``: with those that come after it; empty for other reads.
        """
        parents = self.meaning[bit].parents
        labels = self.labels & ~self.inputs
        given = parents and not parents & ~self.inputs and self.meaning[bit].place > 0
        if not given or parents & self.labels or not labels or any(self.descends(b, parents) for b in bits_of(labels)):
            return ""
        if bit & self.set_back:
            return "after"
        if labels & self.without_last:
            return "before"
        return "after" if labels & self.without_first else "open"

    def containing(self, reads: int, *, joined: bool) -> int:
        """Return those of the plain bits ``reads`` that hold the token being scored beside its context.

        The columns of a concatenation; a window whose tokens were ``joined`` into one, when the label is of that
        window; a stretch that ends with the position of the label.
        """
        out = 0
        for bit in bits_of(reads):
            parents = list(bits_of(self.meaning[bit].parents))
            judged = [p for p in parents if self.among(p, self.labels) and not self.among(p, self.inputs)]
            if (
                0 < len(judged) < len(parents)
                or (joined and any(self.descends(label, bit) for label in bits_of(self.labels & ~self.inputs)))
                or self._ends_with_label(bit)
            ):
                out |= bit
        return out

    def descends(self, bit: int, ancestor: int) -> bool:
        """Return whether a read was picked out of what another read, ``ancestor``, picked."""
        parents = self.meaning[bit].parents
        return bool(parents & ancestor) or any(self.descends(parent, ancestor) for parent in bits_of(parents))

    def _ends_with_label(self, bit: int) -> bool:
        read = self.meaning[bit]
        labels = [self.meaning[label] for label in bits_of(self.labels & ~self.inputs)]
        if read.column and any(other.column == read.column and other.parents == read.parents for other in labels):
            return not self.among(bit, self.inputs)
        if not read.slice or not read.last:
            return False
        return any(
            other.last == read.last
            and not other.slice
            and other.parents == read.parents
            and other.site.source.path == read.site.source.path
            for other in labels
        )

    def perhaps(self, reads: int) -> int:
        """Return those of the plain bits ``reads`` that are stretches which end where a stretch of labels does."""
        labels = [self.meaning[label] for label in bits_of(self.labels & ~self.inputs)]
        out = 0
        for bit in bits_of(reads & ~self.inputs):
            read = self.meaning[bit]
            if read.slice and read.last and not bit & self.labels:
                ends = (o.slice and o.last == read.last and o.parents == read.parents for o in labels)
                out |= bit if any(ends) else 0
            elif not read.column and not read.place and self.perhaps(read.parents & ~self.labels):
                out |= bit
        return out

    def _joins(self, bit: int, before: int) -> bool:
        """Return whether a read enters a key together with, or after, some of the reads ``before``.

        The start of a rolling hash (``t[k]``, then ``t[p - 1]`` for each p) comes before them.
        """
        return any(mixing.fresh & bit and mixing.reads & before for mixing in self.mixings.values())

    def _array(self, bit: int) -> int:
        """Return the reads that the tokens were picked out of, so that places in it can be compared."""
        read = self.meaning[bit]
        for parent in bits_of(read.parents):
            if not read.slice and not self.meaning[parent].slice:
                return self._array(parent)
        return read.parents

    def _narrowed_from(self, bit: int) -> int:
        """Return out of which tokens a stretch was cut that a read only narrows (``tokens[1:][mask]``)."""
        read = self.meaning[bit]
        for parent in bits_of(read.parents):
            if not read.slice and not read.place and self.meaning[parent].slice and self.meaning[parent].place:
                return self.meaning[parent].parents
        return self._array(bit)


def of_this_token(machine: Machine, origins: int) -> bool:
    """Return whether losses are those of the token being scored: not moved by a place, nor of an earlier round.

    What was carried on from other rounds of the loops in progress, weights that are learned from losses, say, was
    none of those yet in the first round: there a loss of the token itself is seen without them.
    """
    rounds, others = _rounds(machine)
    return not origins & (machine.of(Keys).earlier | others) and origins & rounds == rounds


def of_an_earlier_round(machine: Machine, origins: int) -> bool:
    """Return whether something was made in other rounds of the loops in progress only, and carried on from there."""
    rounds, others = _rounds(machine)
    return bool(origins & others) and not origins & rounds


def _rounds(machine: Machine) -> tuple[int, int]:
    """Return the current rounds of the loops in progress, and their others."""
    rounds = 0
    for bit in machine.iteration_bits:
        rounds |= bit
    running = {id(machine.rounds[bit]) for bit in machine.iteration_bits if bit in machine.rounds}
    return rounds, sum(bit for bit, loop in machine.rounds.items() if id(loop) in running and not bit & rounds)


def all_but_last(index: ir.Expr) -> bool:
    """Return whether an index leaves out the last ones along its last axis (``[:-1]``, ``[:, :-1]``)."""
    last = index.elts[-1] if isinstance(index, ir.Sequence) and index.elts else index
    return isinstance(last, ir.Slice) and last.lower is None and isinstance(last.upper, ir.UnaryOp)
