"""Keys of look-up tables: which tokens a key was made from, and whether the token being scored is among them.

Every way of indexing the validation tokens is a :class:`Read`, an origin of what it yields. An operation that
maps many keys to one bucket (xor, modulo, mask, ``hash``) turns the reads in its operands into *mixed* ones: a
table that is indexed by a mixed read cannot be asked for every other token's count and still add up. Indexing
with mixed reads is a :class:`~auditor.timeline.events.Lookup`; its result carries the look-up as origin instead
of the key's, so that a report can tell which look-ups it rests on.

A read is the token being scored when it is the label of a loss or picks a log-probability, or when the other
reads of its key lie before it (``t[p]`` next to ``t[p - k]``, ``w[1:]`` next to ``w[:-1]``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from auditor.program import ir
from auditor.timeline.engine import containers
from auditor.timeline.events import Lookup, Mixture, Report, Timeline, Update
from auditor.timeline.trackers.adaptation.effects import common
from auditor.timeline.trackers.keys import ratios
from auditor.timeline.trackers.mixtures import mixtures
from auditor.timeline.trackers.selection.marks import Marks
from auditor.timeline.values.atoms import VAL, Atoms, bits_of
from auditor.timeline.values.frames import Site
from auditor.timeline.values.payloads import (
    SOME,
    Bound,
    External,
    Function,
    Heap,
    Known,
    Method,
    Native,
    Payload,
    Tup,
    Value,
)

if TYPE_CHECKING:
    from auditor.timeline.engine.calling import Args
    from auditor.timeline.engine.machine import Machine

Place = Literal[-1, 0, 1]
MAX_READS = 600

_MIXING_OPS = frozenset({"^", "%"})
_MIXING_CALLS = frozenset(
    {
        "bitwise_xor", "bitwise_xor_", "logical_xor", "__xor__", "remainder", "remainder_", "fmod", "mod", "hash",
        "crc32", "adler32", "md5", "sha1", "sha256", "blake2b", "xxh64", "xxh32", "bitwise_and", "bitwise_and_",
        "from_bytes", "reduce",
    }
)  # fmt: skip
_PICKS = frozenset({"gather", "take_along_dim", "take_along_axis", "index_select", "take", "get", "pop", "setdefault"})
_LOSSES = frozenset({"cross_entropy", "nll_loss", "NLLLoss", "CrossEntropyLoss", "linear_cross_entropy", "one_hot"})
_UPDATES = frozenset(
    {"scatter_add_", "scatter_add", "index_add_", "index_add", "index_put_", "add.at", "at", "bincount"}
)
# What these give still lies before the position that was subtracted from.
_KEEPS_PLACE = frozenset(
    {
        "clip", "clamp", "clamp_min", "maximum", "int", "astype", "to", "long", "int64", "uint64", "asarray", "array",
        "as_tensor", "tensor", "copy", "clone", "reshape", "view", "ravel", "flatten", "cpu", "numpy", "item", "clamp_",
        "ascontiguousarray", "unsqueeze", "squeeze", "int32", "intp",
    }
)  # fmt: skip


class Behind(Value):
    """A number that something was subtracted from: a position before another one, ``base`` where that is known."""

    __slots__ = ("base",)

    def __init__(self, p: Payload, m: int, base: Value | None = None) -> None:
        super().__init__(p, m)
        self.base = base


@dataclass(frozen=True)
class Read:
    """Tokens picked at ``site`` out of those that the reads ``parents`` picked (a mask).

    ``place``: -1 before, 1 after, 0 at the position that its surroundings speak of. ``slice``: a stretch of them.
    """

    site: Site
    place: Place
    parents: int
    slice: bool


@dataclass(frozen=True)
class Mixing:
    """An operation that mixed the reads ``reads`` (as plain bits) into one key; ``fresh`` were not mixed before."""

    site: Site
    reads: int
    fresh: int


class Keys:
    """What is known of token reads while a program is followed."""

    def __init__(self, atoms: Atoms) -> None:
        self.reads = 0  # origins that are plain reads
        self.mixed = 0  # their twins, one bit higher: the read went through a mixing operation
        self.lookups = 0
        self.labels = 0  # reads that were the label of a loss or picked a log-probability
        self.inputs = 0  # reads that a model was applied to
        self.known: dict[tuple[str, int, int], int] = {}
        self.meaning: dict[int, Read] = {}
        self.mixings: dict[tuple[str, int, int, int], Mixing] = {}
        self.events: dict[tuple[object, ...], Lookup] = {}
        self.updates: dict[tuple[object, ...], Update] = {}
        self.updating = 0
        # For auditor.timeline.mixtures:
        self.gold = atoms.bit("gold", "")  # the loss or probability of the token that really came
        self.bytes = atoms.bit("bytes", "")  # bytes of tokens
        self.pseudo = atoms.bit("pseudo", "")  # rows of losses, one of which doesn't depend on the token
        self.mixtures = 0
        self.chosen = 0
        self.picks = 0
        self.aware = atoms.bit("aware", "")  # hints that are given only for some of the tokens they are hints for
        self.choices: dict[int, int] = {}
        self.found: dict[tuple[object, ...], Mixture] = {}
        self.summed = atoms.bit("summed", "")  # losses of several tokens, added up
        self.marks = Marks(atoms)
        # For auditor.timeline.ratios:
        self.every = atoms.bit("every", "")  # a number for each candidate
        self.each = atoms.bit("each", "")  # keys, mixed with such a number
        self.ratios = 0

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
        if named:
            return named
        family = [self._narrowed(bit) for bit in bits]
        for bit, sources in zip(bits, family, strict=True):
            shared = sum(1 for other in family if other & sources)
            if sources & self.labels & ~self.inputs and shared == 1:
                named |= bit
        if named and named != reads:
            return named
        arrays: dict[int, list[int]] = {}
        for bit in bits:
            arrays.setdefault(self._array(bit), []).append(bit)
        for group in arrays.values():
            places = {bit: self.place(bit) for bit in group}
            last = max(places.values())
            before = sum(bit for bit, place in places.items() if place < last)
            for bit, place in places.items():
                if place == last and not self.among(bit, self.inputs) and self._joins(bit, before):
                    named |= bit
        return named

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


def subscript(machine: Machine, base: Value, index: Value, node: ir.Subscript, out: Value) -> Value:
    """Return what ``base[index]`` yields, as a read of tokens, a look-up, or a label."""
    keys = machine.keys
    out = ratios.picked(machine, index.m, base.m, out)
    if index.m & keys.picks and not index.m & keys.marks.bounded and containers.deep(base) & keys.gold:
        out = Value(out.p, mixtures.selected(machine, index.m, out.m))
    if index.m & keys.mixed:
        if keys.updating:
            return out
        return lookup(machine, base, index.m & (keys.mixed | keys.each), node, out)
    if type(base.p) is Tup or type(base.p) is Heap or type(out.p) is Heap:
        return out
    forwards = machine.atoms.family("forward")
    if base.m & forwards:
        return Value(out.p, out.m | label(machine, index.m))
    if base.m & VAL and not base.m & (keys.lookups | keys.mixed):
        return read(machine, base, index, node, out)
    return out


def read(machine: Machine, base: Value, index: Value, node: ir.Subscript, out: Value) -> Value:
    """Return ``out`` as read from the tokens ``base`` at ``node``."""
    keys = machine.keys
    parents = base.m & keys.reads
    path = machine.frame.scope.source.path
    key = (path, node.start, parents)
    bit = keys.known.get(key)
    if bit is None and len(keys.known) >= MAX_READS:
        key = (path, node.start, -1)
        bit = keys.known.get(key)
    if bit is None:
        made = Read(machine.site(node), place_of(index, node.index), parents, _has_slice(node.index))
        bit = machine.atoms.fresh("read", made)
        twin = machine.atoms.fresh("mixed", made)
        assert twin == bit << 1
        keys.known[key] = bit
        keys.meaning[bit] = made
        keys.reads |= bit
        keys.mixed |= twin
    return Value(out.p, out.m & ~(keys.reads | keys.mixed) | bit)


def place_of(index: Value, node: ir.Expr) -> Place:
    """Return where an index picks its tokens."""
    if isinstance(node, ir.Sequence):
        items: tuple[Value, ...] = index.p.items if isinstance(index.p, Tup) else ()
        found: Place = 0
        for position, elt in enumerate(node.elts):
            item = items[position] if position < len(items) else index
            found = place_of(item, elt) or found
        return found
    if isinstance(node, ir.Slice):
        return _place_of_slice(index, node)
    if isinstance(index, Behind):
        return -1
    if isinstance(index.p, Known) and isinstance(index.p.v, int) and not isinstance(index.p.v, bool):
        return 1 if index.p.v == -1 else 0
    if isinstance(node, ir.BinOp) and node.op == "+" and isinstance(node.right, ir.Const):
        return 1
    return 0


def _has_slice(node: ir.Expr) -> bool:
    if isinstance(node, ir.Sequence):
        return any(isinstance(elt, ir.Slice) for elt in node.elts)
    return isinstance(node, ir.Slice)


def _place_of_slice(index: Value, node: ir.Slice) -> Place:
    if isinstance(index, Behind):
        return -1
    lower, upper = node.lower, node.upper
    if lower is None or (isinstance(lower, ir.Const) and lower.value in (0, None)):
        if isinstance(upper, ir.UnaryOp) and upper.op == "-":
            return -1
        if isinstance(upper, ir.BinOp) and upper.op == "-":
            return -1
        return 0
    if isinstance(lower, ir.UnaryOp) and lower.op == "-":
        return 1 if upper is None else 0
    if upper is None:
        return 1
    if isinstance(lower, ir.BinOp) and isinstance(lower.right, ir.Const) and lower.op == "+":
        return 1
    if isinstance(lower, ir.Const):
        return 1
    return 0


def sliced(lower: Value | None, upper: Value | None, origins: int) -> Value:
    """Return the value of a slice; it lies before its surroundings when both its bounds do."""
    if isinstance(lower, Behind) and (isinstance(upper, Behind) or (lower.base is upper and upper is not None)):
        return Behind(SOME, origins)
    return Value(SOME, origins)


def combine(machine: Machine, node: ir.BinOp | ir.AugAssign, left: Value, right: Value, origins: int) -> Value:
    """Return the result of an arithmetic operation made from ``origins``."""
    op = node.op
    keys = machine.keys
    origins = mixtures.combine(machine, node, left, right, origins)
    origins = ratios.combine(machine, node, left, right, origins)
    if origins & (keys.reads | keys.every) and (op in _MIXING_OPS or (op == "&" and _masks(keys, node, left, right))):
        origins = mix(machine, origins, node)
    if op == "-" and not left.m & machine.atoms.family("forward"):
        return Behind(SOME, origins, left.base if isinstance(left, Behind) else left)
    if op == "+" and isinstance(left, Behind):
        return Behind(SOME, origins, left.base)
    return Value(SOME, origins)


def _masks(keys: Keys, node: ir.BinOp | ir.AugAssign, left: Value, right: Value) -> bool:
    """Return whether ``left & right`` keeps the low bits of a number (rather than combining two truths)."""
    tokens = keys.reads | keys.mixed | VAL
    if left.m & tokens and right.m & tokens:
        return False
    sides = (node.left, node.right) if isinstance(node, ir.BinOp) else (node.value,)
    return not any(
        isinstance(s, ir.Compare | ir.BoolOp) or (isinstance(s, ir.UnaryOp) and s.op in ("~", "not")) for s in sides
    )


def mix(machine: Machine, origins: int, node: ir.Node) -> int:
    """Return ``origins`` with the plain reads in them mixed at ``node``."""
    keys = machine.keys
    origins = ratios.mixed(machine, origins)
    plain = origins & keys.reads
    before = origins & keys.mixed
    if not plain:
        return origins
    joined = plain | before >> 1
    path = machine.frame.scope.source.path
    key = (path, node.start, joined, plain)
    if key not in keys.mixings:
        keys.mixings[key] = Mixing(machine.site(node), joined, plain)
    return origins & ~plain | plain << 1


def compared(machine: Machine, value: Value) -> Value:
    """Return a truth value: what was compared is no key any more."""
    mixed = machine.keys.mixed
    return Value(value.p, value.m & ~mixed) if value.m & mixed else value


def lookup(machine: Machine, base: Value, mixed: int, node: ir.Node, out: Value) -> Value:
    """Return ``out`` as looked up in the table ``base`` under a key of the reads ``mixed``."""
    keys = machine.keys
    if base.m & machine.params:
        return out
    candidates = bool(mixed & keys.each)
    mixed &= ~keys.each
    path = machine.frame.scope.source.path
    key = (path, node.start, mixed, tuple(c.site.start for c in machine.calls), tuple(machine.loops))
    event = keys.events.get(key)
    if event is None:
        event = Lookup(**common(machine, node, machine.live), key=mixed >> 1, candidates=candidates)
        keys.events[key] = event
        machine.events.append(event)
        event.atom = machine.atoms.fresh("lookup", event)
        keys.lookups |= event.atom
    else:
        event.bits |= machine.live
    return Value(out.p, (out.m | base.m) & ~(keys.reads | keys.mixed | keys.each) | event.atom)


def label(machine: Machine, origins: int) -> int:
    """Remember that the reads in ``origins`` are what a prediction is judged by; return the origin of the verdict."""
    keys = machine.keys
    keys.labels |= origins & keys.reads
    return keys.gold if origins & keys.reads else 0


def update(machine: Machine, origins: int, node: ir.Node) -> None:
    """Record that a table is changed at a key made from ``origins``."""
    keys = machine.keys
    key = (origins & keys.mixed) >> 1 | origins & keys.reads
    if not key:
        return
    where = (machine.frame.scope.source.path, node.start, key)
    seen = keys.updates.get(where)
    if seen is None:
        seen = Update(**common(machine, node, machine.live), key=key, exact=not origins & keys.mixed)
        keys.updates[where] = seen
        machine.events.append(seen)
    else:
        seen.bits |= machine.live


def called(machine: Machine, func: Value, args: Args, node: ir.Call, out: Value) -> Value:
    """Return the result of a call outside the program: it may mix, look up, score or only convert."""
    kind = type(func.p)
    if kind is Function or kind is Native:
        return out
    keys = machine.keys
    name = _name(func)
    given = list(args.positional)
    if isinstance(func.p, Method):
        given.insert(0, func.p.receiver)
    out = mixtures.called(machine, name, given, args, node, out)
    out = ratios.called(machine, name, given, node, ratios.numbered(machine, name, out))
    if name in _KEEPS_PLACE and given and isinstance(given[0], Behind):
        return Behind(out.p, out.m, given[0].base)
    seen = 0
    for value in given:
        seen |= value.m
    for value in args.keywords.values():
        seen |= value.m
    tokens = keys.reads | keys.mixed
    if not seen & tokens:
        return out
    if name in _UPDATES:
        if len(given) > 1:
            update(
                machine,
                given[2].m
                if name not in ("at", "add.at", "bincount") and len(given) > 2
                else given[1].m
                if name != "bincount"
                else given[0].m,
                node,
            )
        elif name == "bincount":
            update(machine, given[0].m, node)
        return Value(out.p, out.m & ~tokens)
    if name in _MIXING_CALLS:
        if out.m & (keys.reads | keys.every):
            return Value(out.p, mix(machine, out.m, node))
        return out
    forwards = machine.atoms.family("forward")
    if name in _LOSSES:
        target = args.get(1 if not isinstance(func.p, Method) else 0, "target")
        judged = label(machine, target.m) if target is not None else 0
        if judged and name != "one_hot":
            return Value(out.p, out.m & ~(tokens | keys.marks.space) | judged | keys.marks.losses)
        return Value(out.p, out.m & ~tokens | judged)
    if name in _PICKS and given:
        base = given[0]
        index = 0
        for value in (*given[1:], *args.keywords.values()):
            index |= value.m
        if index & keys.mixed and not keys.updating:
            return lookup(machine, base, index & (keys.mixed | keys.each), node, out)
        if base.m & forwards and index & keys.reads:
            return Value(out.p, out.m & ~tokens | label(machine, index))
        return out
    if out.m & forwards & ~seen and (kind is not Bound or _of_module(func)):
        positional = args.positional
        if positional:
            keys.inputs |= positional[0].m & keys.reads
        rest = 0
        for value in (*positional[1:], *args.keywords.values()):
            rest |= value.m
        judged = label(machine, rest)
        return Value(out.p, out.m & ~(tokens | keys.aware) | judged | (keys.marks.losses if judged else 0))
    return out


def _of_module(func: Value) -> bool:
    from auditor.timeline.engine.calling import is_module

    receiver = func.p.receiver.p if isinstance(func.p, Bound) else None
    return isinstance(receiver, Heap) and is_module(receiver)


def _name(func: Value) -> str:
    p = func.p
    if isinstance(p, External):
        return "add.at" if p.name.endswith("add.at") else p.name.rpartition(".")[2]
    if isinstance(p, Method):
        return p.name
    return ""


def settle(machine: Machine) -> None:
    """Decide, when all has been followed, which reads of each look-up's key are the token being scored."""
    keys = machine.keys
    mixings = list(keys.mixings.values())
    for event in keys.events.values():
        event.target = keys.targets(event.key)
        if event.target == event.key:
            event.target = 0  # nothing of the context is in the key
        if not event.target:
            continue
        for mixing in reversed(mixings):
            if mixing.reads & event.target and mixing.reads & ~event.key == 0:
                event.mixing = mixing.site
                if mixing.reads & ~event.target:
                    break


def old_value(machine: Machine, target: ir.Expr) -> Value:
    """Return what ``target`` holds before ``target op= …``: counting at a key is no look-up of it."""
    if not isinstance(target, ir.Subscript):
        return machine.eval(target)
    machine.keys.updating += 1
    try:
        return machine.eval(target)
    finally:
        machine.keys.updating -= 1


def stored(machine: Machine, base: Value, index: Value, value: Value, node: ir.Node) -> tuple[Value, Value]:
    """Return the index and the value of ``table[index] = value`` as the table's own origins get them.

    A count that is read, raised and stored at its key doesn't make the table rest on that look-up.
    """
    keys = machine.keys
    tokens = keys.reads | keys.mixed
    slot = isinstance(node, ir.Subscript) and isinstance(node.index, ir.Name) and not isinstance(base.p, Heap)
    if slot and machine.picked and not isinstance(value.p, Known):
        value = Value(value.p, value.m | mixtures.aware_of(machine))
    if machine.picked and isinstance(base.p, Heap):
        base.p.origins |= mixtures.picks_here(machine)
    if not index.m & tokens:
        return index, value
    update(machine, index.m, node)
    return Value(index.p, index.m & ~tokens), Value(value.p, value.m & ~keys.lookups)


@dataclass(frozen=True)
class ReportedLookup:
    """A look-up that ``reports`` rest on, ``report`` last, under ``bits``; ``key`` is where its key is built."""

    lookup: Lookup
    key: Site
    report: Report
    bits: int
    reports: tuple[Report, ...]


def target_lookups(timeline: Timeline) -> list[ReportedLookup]:
    """Return the look-ups by the token being scored that a reported score rests on, one per key, in program order."""
    return _reported(timeline, [e for e in timeline.events if isinstance(e, Lookup) and e.target])


def context_lookups(timeline: Timeline) -> list[ReportedLookup]:
    """Return the look-ups by context alone that a reported score rests on, unless it rests on one by the token, too."""
    found = [e for e in timeline.events if isinstance(e, Lookup)]
    tainted = {id(report) for e in found if e.target for report in e.reports}
    return _reported(
        timeline, [e for e in found if not e.target and not any(id(report) in tainted for report in e.reports)]
    )


def _reported(timeline: Timeline, lookups: list[Lookup]) -> list[ReportedLookup]:
    found: dict[tuple[str, int], ReportedLookup] = {}
    for event in lookups:
        if not event.reports:
            continue
        site = event.mixing or event.site
        reported = 0
        for report in event.reports:
            reported |= report.bits
        last = max(event.reports, key=lambda r: r.order)
        bits = event.bits & reported
        place = (site.source.path, site.line)
        if not bits:
            continue
        old = found.get(place)
        reports = (*(old.reports if old is not None else ()), *event.reports)
        every = bits | (old.bits if old is not None else 0)
        running = every & timeline.in_play
        # Of several ways to the line, the one that the first setting takes is told: its switches are named.
        if old is None or (running and not old.bits & running & -running):
            old = ReportedLookup(event, site, last, every, reports)
        found[place] = replace(old, bits=every, reports=reports)
    return list(found.values())
