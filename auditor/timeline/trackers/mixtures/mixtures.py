"""Blends of several predictions: found where they are computed, for the rules on what a mixture may look at.

Two more origins: *gold* (a loss or probability of the token that really came) and *bytes* (the bytes of tokens).
Each find is a :class:`~auditor.timeline.events.Mixture`; its result carries it as origin, so that a report can
tell what it rests on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.program.written import factors, is_one, same_expression, weight_of
from auditor.timeline.engine import arguments, containers
from auditor.timeline.engine.calls import heeds
from auditor.timeline.engine.plain import past_plain
from auditor.timeline.engine.recording import common
from auditor.timeline.engine.signals import Tracker
from auditor.timeline.events import Mixture, MixtureKind
from auditor.timeline.trackers.keys.reads import Keys, all_but_last, of_this_token
from auditor.timeline.trackers.mixtures import byte_shares, rows
from auditor.timeline.values.atoms import VAL, bits_of
from auditor.timeline.values.frames import Site
from auditor.timeline.values.payloads import Heap, Known, PerSetting, Value, at_setting

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine

_ORDER = frozenset({"<", ">", "<=", ">="})
_STACKS = frozenset({"stack", "cat", "concatenate", "column_stack", "vstack", "hstack"})
_SUMS = frozenset({"sum", "mean", "nansum", "fsum", "cumsum", "nanmean"})
_SUMS_OF_EXPERTS = frozenset({"logsumexp", "logaddexp", "exp"})
_JOINS = frozenset({"logaddexp", "maximum", "minimum", "max", "min", "where"})
_BYTES = frozenset({"encode", "id_to_piece", "IdToPiece", "id_to_bytes", "decode_single_token_bytes"})
_ABOUT_BYTES = frozenset({"len", "startswith", "endswith", "isspace", "isalpha", "isdigit", "is_byte", "bool"})


class Mixtures(Tracker):
    """Blends and choices of predictions."""

    rank = 30

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.picked: list[tuple[int, int]] = []  # for each branch in progress: the choice of losses that leads in
        self.tilts: dict[int, tuple[list[ir.Expr], int]] = {}  # of pending gates: the tilt, what picked its token
        self.weighed = False  # whether a boost that is a setting was given to a hint of some tokens only

    @past_plain
    def subscripted(self, base: Value, index: Value, node: ir.Subscript, out: Value) -> Value:
        """Note losses that are selected by a comparison of losses."""
        keys = self.machine.of(Keys)
        out = rows.picked(self.machine, base, node, out)
        if base.m & keys.gold and not isinstance(base.p, Heap):
            judged = 0
            for label in self.machine.atoms.meanings(base.m, "judged"):
                assert isinstance(label, int)
                judged |= label
            if all_but_last(node.index):
                out = Value(out.p, out.m | keys.earlier)
                keys.without_last |= judged
            elif isinstance(node.index, ir.Slice) and node.index.lower is not None and node.index.upper is None:
                keys.without_first |= judged
        out = byte_shares.picked(self.machine, base.m, index.m, out)
        if index.m & keys.picks and not index.m & keys.bounded and containers.deep(base) & keys.gold:
            return Value(out.p, selected(self.machine, index.m, out.m))
        return out

    @past_plain
    def combined(self, node: ir.BinOp | ir.AugAssign, left: Value, right: Value, out: Value) -> Value:
        """Note a blend."""
        origins = combine(self.machine, node, left, right, out.m)
        return out if origins == out.m else Value(out.p, origins)

    @past_plain
    def compared(self, op: str, left: Value, right: Value, node: ir.Compare, out: Value) -> Value:
        """Note a comparison of losses of the true token."""
        return mask(self.machine, op, out, node) if left.m & right.m & self.machine.of(Keys).gold else out

    @heeds(_BYTES, _ABOUT_BYTES, _STACKS, _SUMS_OF_EXPERTS, _JOINS, _SUMS, byte_shares.PICKS, frozenset({"roll"}))
    def called(self, func: Value, args: Args, node: ir.Call, out: Value) -> Value:
        """Note what a library mixes."""
        return called(self.machine, arguments.callee_name(func), arguments.given_to(func, args), args, node, out)

    def bound(self, value: Value) -> Value:
        """Note a loss that a branch picks."""
        return picked(self.machine, value) if self.picked and value.m & self.machine.of(Keys).gold else value

    def branch_entered(self, node: ir.Expr, test: Value) -> None:
        """Note a branch that a comparison of losses decides."""
        self.picked.append((branch(self.machine, node, test), self.machine.depth))

    def branch_left(self) -> None:
        """Forget that branch."""
        self.picked.pop()

    def item_stored(self, base: Value, node: ir.Subscript, out: tuple[Value, Value]) -> tuple[Value, Value]:
        """Note a hint that is stored for some tokens only."""
        index, value = out
        # An entry for a token (``row[token] = …``) belongs to a row of all tokens, and is no hint at a place.
        slot = isinstance(node.index, ir.Name) and not isinstance(base.p, Heap) and not index.m & VAL
        if self.picked and slot and not isinstance(value.p, Known):
            value = Value(value.p, value.m | aware_of(self.machine))
        if self.picked and isinstance(base.p, Heap):
            for origins, depth in self.picked:
                if depth == self.machine.depth:
                    base.p.origins |= origins & self.machine.of(Keys).picks
        return index, value


def emit(machine: Machine, kind: MixtureKind, node: ir.Node, site: Site | None = None) -> int:
    """Record a mixture of ``kind`` at ``node`` (once per place and way there); return its origin.

    ``site`` is where it is decided, if not there: in compiled code.
    """
    keys = machine.of(Keys)
    place = site if site is not None else machine.site(node)
    key = (kind, place.source.path, place.start, tuple(c.site.start for c in machine.calls))
    event = keys.found.get(key)
    if event is None:
        event = Mixture(**{**common(machine, node, machine.live), "site": place}, kind=kind)
        keys.found[key] = event
        machine.events.append(event)
        event.atom = machine.atoms.fresh("mixture", event)
        keys.mixtures |= event.atom
    else:
        event.bits |= machine.live
    return event.atom


def combine(machine: Machine, node: ir.BinOp | ir.AugAssign, left: Value, right: Value, origins: int) -> int:
    """Return the origins of an arithmetic operation, with the mixture that it completes."""
    keys = machine.of(Keys)
    op = node.op
    if op == "*" and origins & keys.aware:
        for hint, boost in ((left, right), (right, left)):
            given = isinstance(boost.p, Known | PerSetting) and boost.m & machine.atoms.family("setting")
            if given and hint.m & keys.aware and not boost.m & (VAL | keys.aware):
                return boosted(machine, node, hint, boost, origins)
    if not origins & keys.gold:
        # What a model makes on the way, gated, is no prediction yet.
        probable = origins & machine.atoms.bit("space", "probability")
        predicted = op == "+" and left.m & right.m & VAL and probable and origins & machine.atoms.family("forward")
        if predicted and isinstance(node, ir.BinOp) and weight_of(node) is not None:
            origins |= emit(machine, "blend", node)
        return origins
    origins = byte_shares.divided(keys, op, left.m, right.m, origins)
    if op == "/" and isinstance(node, ir.BinOp) and right.m & keys.chosen:
        origins &= ~_normalisers(machine, node.left, left.m, right.m)
    if op == "+" and isinstance(node, ir.BinOp) and origins & keys.chosen and _adds_up(node):
        origins &= ~keys.chosen
    if op in ("+", "-"):
        # One array may hold the sums of losses and of bytes side by side, each under its own index.
        side_by_side = isinstance(node, ir.AugAssign) and _is_slot(node.target)
        if not side_by_side and byte_shares.meets(keys, left.m, right.m):
            origins |= emit(machine, "bytes", node)
        hinted = right.m if left.m & keys.gold else left.m
        # Where settings weigh the script's hints, it is they that tell which of these count.
        if hinted & keys.aware and not hinted & keys.gold and not machine.of(Mixtures).weighed:
            origins = _hinted(machine, node, hinted, origins)
        if op == "+" and isinstance(node, ir.BinOp):
            weight = weight_of(node)
            known = machine.eval(weight).m if weight is not None else 0
            if known & keys.gold:
                origins &= ~(known & keys.chosen)  # a loss that was shifted for a weight is no shifted loss
                if of_this_token(machine, known):
                    origins |= _gated(machine, node, known)
    scaled = op == "-" and left.m & machine.atoms.family("rivals")  # less the best of them, no sum of what was chosen
    if isinstance(node, ir.AugAssign) and origins & keys.chosen and not scaled:
        origins = settle_choices(machine, origins)
    return origins


def _gated(machine: Machine, node: ir.BinOp, known: int) -> int:
    """Return the origin of a blend whose weight, of the origins ``known``, looks at the loss of the token.

    ``1 - p + s * p`` blends no two predictions. It is the normaliser of a tilt, if ``s * p`` is divided by it, or the
    probability of another token than that of ``p``: a gate until then.
    """
    for rest, tilted in ((node.left, node.right), (node.right, node.left)):
        if isinstance(rest, ir.BinOp) and rest.op == "-" and is_one(rest.left):
            pending = choice(machine, node, "gate")
            judged = known & machine.atoms.family("judged")
            tilts = machine.of(Mixtures).tilts
            tilts[pending] = (factors(tilted), judged | (tilts[pending][1] if pending in tilts else 0))
            return pending
    return emit(machine, "gate", node)


def _normalisers(machine: Machine, above: ir.Expr, origins: int, below: int) -> int:
    """Return the pending gates in ``below`` that are the normaliser of what is divided: ``above``, of ``origins``."""
    out = 0
    numerator = factors(above)
    judged = origins & machine.atoms.family("judged")
    for pending, (tilted, weighed) in machine.of(Mixtures).tilts.items():
        same = all(any(same_expression(factor, other) for other in numerator) for factor in tilted)
        other = bool(judged and weighed) and not judged & weighed
        if below & ~origins & pending and (other or (same and len(tilted) == len(numerator))):
            out |= pending
    return out


def _adds_up(node: ir.BinOp) -> bool:
    """Return whether the larger of two logarithms gets the rest of their sum: ``max(a, b) + log1p(exp(-|a - b|))``."""
    calls = [side.func for side in (node.left, node.right) if isinstance(side, ir.Call)]
    names = [
        func.attr if isinstance(func, ir.Attr) else func.id for func in calls if isinstance(func, ir.Attr | ir.Name)
    ]
    return any(name in ("log1p", "log") for name in names)


def _is_slot(target: ir.Expr) -> bool:
    return isinstance(target, ir.Subscript) and isinstance(target.index, ir.Const)


def called(machine: Machine, name: str, given: list[Value], args: Args, node: ir.Call, out: Value) -> Value:
    """Return the result of a call outside the program, with what it mixes."""
    keys = machine.of(Keys)
    if name in _BYTES:
        return Value(out.p, out.m | keys.bytes)
    if name in _ABOUT_BYTES:
        return Value(out.p, out.m & ~keys.bytes)  # how many bytes, or a truth about them, says nothing of which
    out = byte_shares.called(machine, name, given, out)
    seen = 0
    for value in given:
        seen |= containers.deep(value)
    if not seen & keys.gold:
        return out
    if name == "roll":
        return Value(out.p, out.m | keys.earlier)
    if name in _STACKS and given:
        return _stacked(machine, name, args, given[0], out)
    if name in _SUMS_OF_EXPERTS and seen & keys.pseudo:
        left = out.m if name == "exp" else out.m & ~keys.pseudo  # once they are added up, no row of them is left
        return Value(out.p, left | emit(machine, "pseudo", node))
    if name in _JOINS and len(given) > 1:
        parts = [v.m for v in (given[1:] if name == "where" else given)]  # what decides is no part of what comes out
        if any(byte_shares.meets(keys, a, b) for a in parts for b in parts):
            return Value(out.p, out.m | emit(machine, "bytes", node))
    if name in _SUMS:
        origins = out.m & ~keys.pseudo
        return Value(out.p, settle_choices(machine, origins) if origins & keys.chosen else origins)
    return out


def _stacked(machine: Machine, name: str, args: Args, stack: Value, out: Value) -> Value:
    """Note a row among the true token's losses that doesn't depend on which token came."""
    keys = machine.of(Keys)
    items = containers.exact_items(machine, stack) or []
    forwards = machine.atoms.family("forward")
    if not any(item.m & keys.gold for item in items):
        return out
    if not all(item.m & keys.gold for item in items):
        out = Value(out.p, out.m | rows.stacked(machine, name, args, items))
    if any(item.m & forwards and not item.m & (keys.gold | keys.reads) for item in items):
        return Value(out.p, out.m | keys.pseudo)
    return out


def choice(machine: Machine, node: ir.Node, kind: MixtureKind = "oracle") -> int:
    """Return the origin of a choice at ``node``: pending, until what was chosen is summed into a score."""
    atom = emit(machine, kind, node)
    keys = machine.of(Keys)
    if atom not in keys.choices:
        bit = machine.atoms.fresh("choice", atom)
        keys.choices[atom] = bit
        keys.chosen |= bit
    return keys.choices[atom]


def compared(machine: Machine, node: ir.Expr) -> int:
    """Return the origin of what a branch on ``node`` picks, when it compares losses of the true token (else 0)."""
    if not isinstance(node, ir.Compare) or len(node.ops) != 1 or node.ops[0] not in _ORDER:
        return 0
    keys = machine.of(Keys)
    if not isinstance(node.left, ir.Name | ir.Attr | ir.Subscript) or not isinstance(
        node.rights[0], ir.Name | ir.Attr | ir.Subscript
    ):
        return 0
    left, right = machine.eval(node.left), machine.eval(node.rights[0])
    if not left.m & right.m & keys.gold:
        return 0
    return choice(machine, node)


def branch(machine: Machine, node: ir.Expr, test: Value) -> int:
    """Return the origins that a branch gives to what is stored in it (0: none).

    A choice between losses, or a truth about a token: what is stored at the token's place then tells of it. A truth
    about the tokens before it (was this context seen?) tells nothing of it.
    """
    keys = machine.of(Keys)
    if test.m & keys.gold:
        return compared(machine, node) or test.m & keys.picks
    if test.m & keys.picks:
        return test.m & keys.picks
    known = keys.lookups | keys.mixed | keys.mixtures | machine.atoms.family("forward")
    if not test.m & VAL or test.m & known:
        return 0
    reads = test.m & keys.reads
    return keys.aware if not reads or any(keys.place(bit) >= 0 for bit in bits_of(reads)) else 0


def aware_of(machine: Machine) -> int:
    """Return the origin of hints that are stored, here, only for some of the tokens that they are hints for."""
    for origins, depth in machine.of(Mixtures).picked:
        if depth == machine.depth and origins & machine.of(Keys).aware:
            return machine.of(Keys).aware
    return 0


def boosted(machine: Machine, node: ir.Node, hint: Value, boost: Value, origins: int) -> int:
    """Return the origins of a hint's probability times a boost: a gate, where the boost is not zero."""
    live = machine.live
    machine.of(Mixtures).weighed = True
    for index in range(machine.count):
        payload = at_setting(boost.p, index)
        if isinstance(payload, Known) and payload.v == 0:
            machine.live &= ~(1 << index)
    origins = _hinted(machine, node, hint.m, origins)
    machine.live = live
    return origins


def _hinted(machine: Machine, node: ir.Node, hint: int, origins: int) -> int:
    """Return the origins of a loss that a ``hint`` changes, which is given only for some kinds of the token scored."""
    if machine.live:
        gates = [site for site in machine.atoms.meanings(hint, "gated") if isinstance(site, Site)]
        for site in gates or [machine.site(node)]:
            origins |= emit(machine, "hint", node, site)
    return origins & ~(machine.of(Keys).aware | machine.atoms.family("gated"))


def picked(machine: Machine, value: Value) -> Value:
    """Return ``value`` as assigned or returned in the branches in progress: the choices that lead there picked it."""
    chosen = 0
    for origins, depth in machine.of(Mixtures).picked:
        if depth == machine.depth:
            chosen |= origins & ~(machine.of(Keys).aware | machine.of(Keys).picks)
    return Value(value.p, value.m | chosen) if chosen else value


def mask(machine: Machine, op: str, out: Value, node: ir.Node) -> Value:
    """Return a comparison of two losses of the true token: what it selects is a choice between them."""
    if op not in _ORDER:
        return out
    keys = machine.of(Keys)
    chosen = choice(machine, node)
    bit = machine.atoms.bit("pick", chosen)
    keys.picks |= bit
    return Value(out.p, out.m | bit)


def selected(machine: Machine, selector: int, origins: int) -> int:
    """Return the origins of losses (``origins``) that are selected by something made from ``selector``."""
    keys = machine.of(Keys)
    for chosen in machine.atoms.meanings(selector & keys.picks, "pick"):
        assert isinstance(chosen, int)
        origins |= chosen
    return origins & ~keys.picks


def settle_choices(machine: Machine, origins: int) -> int:
    """Return ``origins`` with the choices in them counted: what was chosen is summed into a score."""
    keys = machine.of(Keys)
    for atom, bit in keys.choices.items():
        if origins & bit:
            origins = origins & ~bit | atom
    return origins
