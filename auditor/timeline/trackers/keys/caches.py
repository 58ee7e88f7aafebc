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
from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import arguments, models
from auditor.timeline.engine.recording import common
from auditor.timeline.engine.signals import Tracker
from auditor.timeline.events import Lookup, Report, Timeline, Update
from auditor.timeline.trackers.keys.reads import Keys, Mixing, Place, Read
from auditor.timeline.values.atoms import VAL, bits_of
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
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine

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
# What these give is made of several tokens at once.
_JOINING = frozenset(
    {
        "hash", "tobytes", "tuple", "join", "str", "repr", "from_bytes", "einsum", "matmul", "dot", "inner", "vdot",
        "mv", "bytes", "bytearray", "crc32", "adler32", "md5", "sha1", "sha256", "blake2b", "xxh64", "xxh32",
        "tensordot", "dumps", "pack", "digest", "hexdigest", "polyval", "ravel_multi_index",
    }
)  # fmt: skip
# Methods of stores that are no dicts: a data base, a key-value store.
_ASKS = frozenset({"execute", "query", "lookup", "find", "fetch", "search", "hget", "getitem", "find_one", "contains"})
# What these give is as many as a number says, which is no token in them (a shard's header says how many there are).
_SIZED = frozenset({"fromfile", "memmap", "empty", "zeros", "ones"})
# What these give still lies before the position that was subtracted from.
_KEEPS_PLACE = frozenset(
    {
        "clip", "clamp", "clamp_min", "maximum", "int", "astype", "to", "long", "int64", "uint64", "asarray", "array",
        "as_tensor", "tensor", "copy", "clone", "reshape", "view", "ravel", "flatten", "cpu", "numpy", "item", "clamp_",
        "ascontiguousarray", "unsqueeze", "squeeze", "int32", "intp",
    }
)  # fmt: skip


class Lookups(Tracker):
    """Makes reads, keys and look-ups of what the engine tells."""

    rank = 40

    def subscripted(self, base: Value, index: Value, node: ir.Subscript, out: Value) -> Value:
        """Note a read of tokens, a look-up, or a label."""
        return subscript(self.machine, base, index, node, out) if (base.m | index.m) & VAL else out

    def sliced(self, lower: Value | None, upper: Value | None, out: Value) -> Value:
        """Note a slice that lies before its surroundings."""
        return sliced(lower, upper, out)

    def combined(self, node: ir.BinOp | ir.AugAssign, left: Value, right: Value, out: Value) -> Value:
        """Note tokens that are mixed into a key."""
        return combine(self.machine, node, left, right, out)

    def moved(self, node: ir.BinOp, left: Value, right: Value, out: Value) -> Value:
        """Note a place before another one, also where both are known numbers."""
        if node.op == "*":
            return out
        if node.op == "-" and not (left.m | right.m) & self.machine.atoms.family("forward"):
            return Behind(out.p, out.m, left.base if isinstance(left, Behind) else left)
        return Behind(out.p, out.m, left.base) if isinstance(left, Behind) else out

    def compared(self, op: str, left: Value, right: Value, node: ir.Compare, out: Value) -> Value:
        """Forget keys that are only compared."""
        return compared(self.machine, out)

    def called(self, func: Value, args: Args, node: ir.Call, out: Value) -> Value:
        """Note what a call outside the program mixes, looks up or scores."""
        return called(self.machine, func, args, node, out)

    def item_stored(self, base: Value, node: ir.Subscript, out: tuple[Value, Value]) -> tuple[Value, Value]:
        """Note a table that is changed."""
        return stored(self.machine, node, out)

    def closed(self) -> None:
        """Decide which reads are the token being scored."""
        settle(self.machine)


class Behind(Value):
    """A number that something was subtracted from: a position before another one, ``base`` where that is known."""

    __slots__ = ("base",)

    def __init__(self, p: Payload, m: int, base: Value | None = None) -> None:
        super().__init__(p, m)
        self.base = base


def subscript(machine: Machine, base: Value, index: Value, node: ir.Subscript, out: Value) -> Value:
    """Return what ``base[index]`` yields, as a read of tokens, a look-up, or a label."""
    keys = machine.of(Keys)
    if index.m & keys.mixed:
        if machine.updating:
            return out
        return lookup(machine, base, index.m & (keys.mixed | keys.each | keys.joined), node, out)
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
    keys = machine.of(Keys)
    if base.m & machine.atoms.family("wider"):
        return out  # a view of several tokens as one number: which column of it doesn't matter
    if base.m & keys.reads and _whole(node.index):
        return out  # the same tokens in another shape (x[None], y[:, None])
    parents = base.m & keys.reads
    path = machine.frame.scope.source.path
    key = (path, node.start, parents)
    bit = keys.known.get(key)
    if bit is None and len(keys.known) >= MAX_READS:
        key = (path, node.start, -1)
        bit = keys.known.get(key)
    if bit is None:
        made = Read(
            machine.site(node),
            place_of(index, node.index),
            parents,
            _has_slice(node.index),
            _last(node.index),
            _column(node.index),
            _rest(node.index),
        )
        bit = machine.atoms.fresh("read", made)
        twin = machine.atoms.fresh("mixed", made)
        assert twin == bit << 1
        keys.known[key] = bit
        keys.meaning[bit] = made
        keys.reads |= bit
        keys.mixed |= twin
    return Value(out.p, out.m & ~(keys.reads | keys.mixed) | bit)


def _whole(node: ir.Expr) -> bool:
    """Return whether an index picks everything: new axes and whole ones."""
    if isinstance(node, ir.Sequence):
        return bool(node.elts) and all(_whole(elt) for elt in node.elts)
    if isinstance(node, ir.Slice):
        return node.lower is None and node.upper is None and node.step is None
    return isinstance(node, ir.Const) and (node.value is None or node.value is Ellipsis)


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


def _last(node: ir.Expr) -> str:
    """Return the variable that names the last position that an index picks, "" where none does."""
    if isinstance(node, ir.Slice):
        upper = node.upper
        if (
            isinstance(upper, ir.BinOp)
            and upper.op == "+"
            and isinstance(upper.right, ir.Const)
            and upper.right.value == 1
        ):
            return upper.left.id if isinstance(upper.left, ir.Name) else ""
        return ""
    return node.id if isinstance(node, ir.Name) else ""


def _column(node: ir.Expr) -> tuple[object, ...]:
    """Return the constants of an index that picks one column of a window, nothing for another index."""
    if not isinstance(node, ir.Sequence) or not all(isinstance(e, ir.Const | ir.Slice) for e in node.elts):
        return ()
    picked = tuple(e.value if isinstance(e, ir.Const) else ":" for e in node.elts)
    whole = all(e.lower is None and e.upper is None for e in node.elts if isinstance(e, ir.Slice))
    return picked if whole and any(type(e) is int for e in picked) else ()


def _rest(node: ir.Expr) -> bool:
    """Return whether an index leaves out the last columns of each row only (``[:, :-1]``)."""
    if not isinstance(node, ir.Sequence) or len(node.elts) < 2 or not all(isinstance(e, ir.Slice) for e in node.elts):
        return False
    last = node.elts[-1]
    return isinstance(last, ir.Slice) and last.lower is None and isinstance(last.upper, ir.UnaryOp)


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


def sliced(lower: Value | None, upper: Value | None, out: Value) -> Value:
    """Return the value of a slice; it lies before its surroundings when both its bounds do."""
    if isinstance(lower, Behind) and (isinstance(upper, Behind) or (lower.base is upper and upper is not None)):
        return Behind(out.p, out.m)
    return out


def combine(machine: Machine, node: ir.BinOp | ir.AugAssign, left: Value, right: Value, out: Value) -> Value:
    """Return the result ``out`` of an arithmetic operation."""
    op = node.op
    keys = machine.of(Keys)
    origins = out.m
    if origins & (keys.reads | keys.every) and (op in _MIXING_OPS or (op == "&" and _masks(keys, node, left, right))):
        origins = mix(machine, origins, node)
    if op == "-" and not left.m & machine.atoms.family("forward"):
        return Behind(SOME, origins, left.base if isinstance(left, Behind) else left)
    if op == "+" and isinstance(left, Behind):
        return Behind(SOME, origins, left.base)
    return out if origins == out.m else Value(out.p, origins)


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
    keys = machine.of(Keys)
    if origins & keys.every and origins & (keys.reads | keys.mixed):
        origins = origins & ~keys.every | keys.each  # a key for each candidate
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
    mixed = machine.of(Keys).mixed
    return Value(value.p, value.m & ~mixed) if value.m & mixed else value


def lookup(machine: Machine, base: Value, mixed: int, node: ir.Node, out: Value) -> Value:
    """Return ``out`` as looked up in the table ``base`` under a key of the reads ``mixed``."""
    keys = machine.of(Keys)
    if base.m & machine.params:
        return out
    candidates = bool(mixed & keys.each)
    joined = bool(mixed & keys.joined)
    mixed &= ~(keys.each | keys.joined)
    path = machine.frame.scope.source.path
    key = (path, node.start, mixed, tuple(c.site.start for c in machine.calls), tuple(machine.loops))
    event = keys.events.get(key)
    if event is None:
        event = Lookup(**common(machine, node, machine.live), key=mixed >> 1, candidates=candidates, joined=joined)
        keys.events[key] = event
        machine.events.append(event)
        event.atom = machine.atoms.fresh("lookup", event)
        keys.lookups |= event.atom
    else:
        event.bits |= machine.live
    return Value(out.p, (out.m | base.m) & ~(keys.reads | keys.mixed | keys.each) | event.atom)


def label(machine: Machine, origins: int) -> int:
    """Remember that the reads in ``origins`` are what a prediction is judged by; return the origin of the verdict."""
    keys = machine.of(Keys)
    keys.labels |= origins & keys.reads
    return keys.gold if origins & keys.reads else 0


def update(machine: Machine, origins: int, node: ir.Node) -> None:
    """Record that a table is changed at a key made from ``origins``."""
    keys = machine.of(Keys)
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
    keys = machine.of(Keys)
    name = arguments.callee_name(func)
    given = arguments.given_to(func, args)
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
    if name in _SIZED:
        return Value(out.p, out.m & ~tokens) if out.m & tokens else out
    if name in _JOINING or (name == "view" and any(_is_type(v) for v in args.positional)):
        wider = machine.atoms.bit("wider", "") if name == "view" else 0
        out = Value(out.p, out.m | keys.joined | wider)
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
    if name in _ASKS and isinstance(func.p, Method) and seen & keys.mixed and not machine.updating:
        return lookup(machine, given[0], seen & (keys.mixed | keys.each | keys.joined), node, out)
    if name in _MIXING_CALLS:
        if out.m & (keys.reads | keys.every):
            return Value(out.p, mix(machine, out.m, node))
        return out
    forwards = machine.atoms.family("forward")
    if name in _LOSSES:
        target = args.get(1 if not isinstance(func.p, Method) else 0, "target")
        judged = label(machine, target.m) if target is not None else 0
        return Value(out.p, out.m & ~tokens | judged)
    if name in _PICKS and given:
        base = given[0]
        index = 0
        for value in (*given[1:], *args.keywords.values()):
            index |= value.m
        if index & keys.mixed and not machine.updating:
            return lookup(machine, base, index & (keys.mixed | keys.each | keys.joined), node, out)
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
        return Value(out.p, out.m & ~(tokens | keys.aware) | label(machine, rest))
    return out


def _is_type(value: Value) -> bool:
    """Return whether an argument is a number type of a library (``np.uint64``)."""
    return isinstance(value.p, External) and value.p.name.startswith(("numpy.", "torch."))


def _of_module(func: Value) -> bool:
    receiver = func.p.receiver.p if isinstance(func.p, Bound) else None
    return isinstance(receiver, Heap) and models.is_module(receiver)


def settle(machine: Machine) -> None:
    """Decide, when all has been followed, which reads of each look-up's key are the token being scored."""
    keys = machine.of(Keys)
    mixings = list(keys.mixings.values())
    # Windows that another key leaves the last token of out of: that one is the token being scored.
    shorter: frozenset[tuple[str, int]] = frozenset()
    for event in keys.events.values():
        for bit in bits_of(event.key & ~keys.inputs):
            shorter |= keys.same(keys.meaning[bit].parents) if keys.meaning[bit].rest else frozenset()
    for event in keys.events.values():
        event.target = keys.targets(event.key)
        if event.target == event.key:
            event.target = 0  # nothing of the context is in the key
        if shorter:
            event.target |= sum(b for b in bits_of(event.key & ~keys.inputs) if keys.same(b) & shorter)
        event.target |= keys.containing(event.key, joined=event.joined)
        if not event.target:
            continue
        for mixing in reversed(mixings):
            if mixing.reads & event.target and mixing.reads & ~event.key == 0:
                event.mixing = mixing.site
                if mixing.reads & ~event.target:
                    break


def stored(machine: Machine, node: ir.Subscript, out: tuple[Value, Value]) -> tuple[Value, Value]:
    """Return the index and the value of ``table[index] = value`` as the table's own origins get them.

    A count that is read, raised and stored at its key doesn't make the table rest on that look-up.
    """
    keys = machine.of(Keys)
    tokens = keys.reads | keys.mixed
    index, value = out
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
