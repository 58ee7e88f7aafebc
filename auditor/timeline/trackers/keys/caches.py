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

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import arguments, models
from auditor.timeline.engine.calls import heeds
from auditor.timeline.engine.plain import past_plain
from auditor.timeline.engine.recording import common
from auditor.timeline.engine.signals import Tracker
from auditor.timeline.events import Lookup, Update
from auditor.timeline.trackers.keys.places import (
    Behind,
    Beyond,
    column_of,
    has_slice,
    is_whole,
    last_of,
    moved_on,
    place_ahead,
    place_of,
    rest_of,
    sliced,
)
from auditor.timeline.trackers.keys.reads import Keys, Mixing, Read
from auditor.timeline.trackers.keys.returns import Told, targets
from auditor.timeline.trackers.keys.settling import settle
from auditor.timeline.values.atoms import VAL
from auditor.timeline.values.payloads import (
    SOME,
    Bound,
    External,
    Heap,
    Known,
    Method,
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
_WINDOWS = frozenset({"unfold", "sliding_window_view"})  # their rows hold neighbours, their columns are one by one
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
_NOT_BELOW = frozenset({"max", "maximum", "clip", "clamp"})  # of a place before another one and the array's beginning


class Lookups(Tracker):
    """Makes reads, keys and look-ups of what the engine tells."""

    rank = 40

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.told: Told = {}  # on which arguments hangs what models' methods give

    @past_plain
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

    @past_plain
    def compared(self, op: str, left: Value, right: Value, node: ir.Compare, out: Value) -> Value:
        """Forget keys that are only compared."""
        return compared(self.machine, out)

    @heeds(_KEEPS_PLACE, _NOT_BELOW, made_of=("read", "mixed"))
    def called(self, func: Value, args: Args, node: ir.Call, out: Value) -> Value:
        """Note what a call outside the program mixes, looks up or scores."""
        return called(self.machine, func, args, node, out)

    def item_stored(self, base: Value, node: ir.Subscript, out: tuple[Value, Value]) -> tuple[Value, Value]:
        """Note a table that is changed."""
        return stored(self.machine, node, out)

    def closed(self) -> None:
        """Decide which reads are the token being scored."""
        settle(self.machine)


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
        return out if index.m & keys.truths else Value(out.p, out.m | label(machine, index.m))
    if base.m & VAL and not base.m & (keys.lookups | keys.mixed | keys.truths) and keys.holds_tokens(base.m):
        token = index.m & VAL and index.m & keys.reads  # one of those that are scored, not a number out of a file
        by_token = token and not index.m & (keys.spots | keys.truths) and not isinstance(node.index, ir.Slice)
        return Value(out.p, out.m | index.m) if by_token else read(machine, base, index, node, out)
    return out


def read(machine: Machine, base: Value, index: Value, node: ir.Subscript, out: Value) -> Value:
    """Return ``out`` as read from the tokens ``base`` at ``node``."""
    keys = machine.of(Keys)
    if base.m & machine.atoms.family("wider"):
        return out  # a view of several tokens as one number: which column of it doesn't matter
    if base.m & keys.reads and is_whole(node.index):
        return out  # the same tokens in another shape (x[None], y[:, None])
    parents = base.m & keys.reads
    path = machine.frame.scope.source.path
    place = place_of(index, node.index)
    if base.m & keys.ahead:
        place = place_ahead(place, index)
    key = (path, node.start, parents | (keys.ahead if base.m & keys.ahead and place == 0 else 0))
    bit = keys.known.get(key)
    if bit is None and len(keys.known) >= MAX_READS:
        key = (path, node.start, -1)
        bit = keys.known.get(key)
    if bit is None:
        made = Read(
            machine.site(node),
            place,
            parents,
            has_slice(node.index),
            last_of(node.index),
            column_of(node.index),
            rest_of(node.index),
            machine.frame.func.node.start if machine.frame.func is not None else -1,
        )
        bit = machine.atoms.fresh("read", made)
        twin = machine.atoms.fresh("mixed", made)
        assert twin == bit << 1
        keys.known[key] = bit
        keys.meaning[bit] = made
        keys.reads |= bit
        keys.mixed |= twin
    keys.under[bit] = keys.under.get(bit, 0) | machine.live
    return Value(out.p, out.m & ~(keys.reads | keys.mixed | keys.spots | keys.truths | keys.ahead) | bit)


def combine(machine: Machine, node: ir.BinOp | ir.AugAssign, left: Value, right: Value, out: Value) -> Value:
    """Return the result ``out`` of an arithmetic operation."""
    op = node.op
    keys = machine.of(Keys)
    origins = out.m
    if origins & (keys.reads | keys.every) and (
        op in _MIXING_OPS
        or (op == "&" and _masks(keys, node, left, right))
        or (op == ">>" and (left.m & keys.reads).bit_count() > 1)  # the high bits of what several tokens make
    ):
        origins = mix(machine, origins, node) | (keys.joined if origins & keys.windows else 0)
    if op == "-" and not left.m & machine.atoms.family("forward"):
        return Behind(SOME, origins, left.base if isinstance(left, Behind) else left)
    if op == "+" and isinstance(left, Behind):
        return Behind(SOME, origins, left.base)
    if op == "+" and isinstance(right.p, Known) and right.p.v == 1:
        return Beyond(out.p, origins)
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
    picked = origins & keys.reads
    if not machine.updating:  # where a prediction is written (``logits[i, hint] += …``) none is judged
        keys.labels |= picked
    return keys.gold | machine.atoms.bit("judged", picked) if picked else 0


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
    keys = machine.of(Keys)
    name = arguments.callee_name(func)
    given = arguments.given_to(func, args)
    if name in _KEEPS_PLACE and given and isinstance(given[0], Behind):
        return Behind(out.p, out.m, given[0].base)
    places = [v for v in given if not isinstance(v.p, Known)] if name in _NOT_BELOW else []
    if len(places) == 1 and isinstance(places[0], Behind):
        return Behind(out.p, out.m, places[0].base)
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
    if name in _WINDOWS:
        out = Value(out.p, out.m | keys.windows)
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
    if out.m & forwards & ~seen and (type(func.p) is not Bound or _of_module(func)):
        positional = args.positional
        if positional:
            keys.inputs |= positional[0].m & keys.reads
        judged = label(machine, targets(func, args, machine.of(Lookups).told))
        return Value(out.p, out.m & ~(tokens | keys.aware) | judged)
    return out


def _is_type(value: Value) -> bool:
    """Return whether an argument is a number type of a library (``np.uint64``)."""
    return isinstance(value.p, External) and value.p.name.startswith(("numpy.", "torch."))


def _of_module(func: Value) -> bool:
    receiver = func.p.receiver.p if isinstance(func.p, Bound) else None
    return isinstance(receiver, Heap) and models.is_module(receiver)


def stored(machine: Machine, node: ir.Subscript, out: tuple[Value, Value]) -> tuple[Value, Value]:
    """Return the index and the value of ``table[index] = value`` as the table's own origins get them.

    A count that is read, raised and stored at its key doesn't make the table rest on that look-up.
    """
    keys = machine.of(Keys)
    tokens, places = keys.reads | keys.mixed, keys.spots | keys.truths
    index, value = out
    if isinstance(node.index, ir.Slice) and node.index.lower is not None and node.index.upper is None:
        keys.set_back |= value.m & keys.reads | (value.m & keys.mixed) >> 1
    if value.m & tokens and moved_on(keys, node, value):
        return index, Value(value.p, value.m & ~tokens | keys.ahead)
    if not index.m & tokens:
        return (Value(index.p, index.m & ~places), value) if index.m & places else out
    update(machine, index.m, node)
    return Value(index.p, index.m & ~(tokens | places)), Value(value.p, value.m & ~keys.lookups)
