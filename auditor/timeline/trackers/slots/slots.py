"""SLOT: deltas that an evaluation makes and fits on the window that it scores with them.

A *delta* is a parameter made outside every model: a vector added to hidden states, a bias on logits, a prompt. What
the model made of the tokens becomes a new prediction where a fitted delta meets it, also outside any module; that is
a :class:`~auditor.timeline.events.Forward` of its own. Slices of predictions and masks with symbolic bounds are
origins (``values.bounds.Part``), so that the positions in the objective can be held against those
in the score.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import parameters, recording
from auditor.timeline.engine.calls import heeds
from auditor.timeline.engine.signals import Tracker
from auditor.timeline.events import Adapt, Forward, Report
from auditor.timeline.trackers.adaptation import effects
from auditor.timeline.trackers.slots.symbols import Symbols
from auditor.timeline.values.atoms import TRAIN, VAL, val_settings
from auditor.timeline.values.bounds import Part
from auditor.timeline.values.payloads import SOME, Class, External, Heap, Known, Method, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine

MAX_PARTS = 400
_OF_POSITIONS = frozenset({"subscripted", "chained", "called", "item_stored", "filled"})  # what is heard to watch them
_COMPARISONS = {"<": "below", "<=": "below", ">": "from", ">=": "from"}
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


class Slots(Tracker):
    """What is known of deltas and of positions inside windows while a program is followed.

    Positions are watched only in programs that fit a delta on validation tokens: few do, and it costs time.
    """

    rank = 60

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.watching = machine.closely
        self.deaf = frozenset() if self.watching else _OF_POSITIONS
        self.symbols = Symbols(machine)
        self.deltas: dict[int, bool] = {}  # parameter object → whether all rows of a batch share it
        self.fitted = 0  # origins that stand for adaptations of deltas alone
        self.parts = 0  # origins that are parts of a window
        self.known: dict[Part, int] = {}

    def wants_closer(self) -> bool | None:
        """Follow once more, with the positions inside windows, where the evaluation learns from what it then scores."""
        return True if not self.watching and (self.fitted or self._learns_within()) else None

    def _learns_within(self) -> bool:
        adaptations = self.machine.of(effects.Adaptations).events
        return any(
            set(adaptations[number].loops) & set(event.loops)
            for event in self.machine.events
            if isinstance(event, Forward) and event.reports
            for number, bits in event.conflicts.items()
            if bits & ~1
        )

    def subscripted(self, base: Value, index: Value, node: ir.Subscript, out: Value) -> Value:
        """Note a part of a window."""
        return cut(self.machine, base, index, node, out) if self.watching and base.m & VAL else out

    def negated(self, node: ir.UnaryOp, out: Value) -> Value:
        """Note the positions that a mask leaves out."""
        return inverted(self.machine, node, out) if out.m & self.parts else out

    def operands(self, node: ir.BinOp, left: Value, right: Value, origins: int) -> int:
        """Note an update of a delta by hand."""
        return stepped(self.machine, node, left, right, origins) if self.deltas else origins

    def mingled(self, node: ir.Node, origins: int) -> int:
        """Note where a fitted delta meets what the model made."""
        return meet(self.machine, origins, node) if origins & self.fitted else origins

    def combined(self, node: ir.BinOp | ir.AugAssign, left: Value, right: Value, out: Value) -> Value:
        """Note a mask that is applied."""
        if isinstance(node, ir.BinOp) and out.m & self.parts:
            return combined(self.machine, node, left, right, out)
        return out

    def chained(self, node: ir.Compare, out: Value) -> Value:
        """Note a mask that a comparison makes."""
        return compared(self.machine, node, out) if self.watching else out

    @heeds(of=(External, Method))
    def called(self, func: Value, args: Args, node: ir.Call, out: Value) -> Value:
        """Note masks that a library applies."""
        return called(self.machine, func, args, node, out) if self.watching else out

    def attribute_stored(self, base: Value, name: str, value: Value, node: ir.Attr) -> None:
        """Note a tensor that is made trainable, and a delta that becomes part of a model."""
        if name == "requires_grad":
            tracked(self.machine, base, value, node)
        elif self.deltas:
            placed(self.machine, base, value)

    def item_stored(self, base: Value, node: ir.Subscript, out: tuple[Value, Value]) -> tuple[Value, Value]:
        """Note a mask that is written."""
        return (out[0], stored(self.machine, node, base, *out)) if self.watching else out

    def filled(self, where: ir.Expr | None, name: str, args: Args) -> int:
        """Note a mask that is filled."""
        return filled(self.machine, where, name, args) if self.watching else 0

    def parameter_made(self, heap: Heap, node: ir.Node | None) -> None:
        """Note a delta."""
        made(self.machine, heap, node)

    def adapted(self, event: Adapt, heaps: list[Heap], parts: int) -> None:
        """Note what an adaptation fits."""
        adapted(self.machine, event, heaps, parts)

    def reported(self, origins: int, report: Report) -> None:
        """Note which positions a score keeps."""
        reported(self.machine, report.forwards, origins)


# ------------------------------------------------------------------ deltas


def made(machine: Machine, heap: Heap, node: ir.Node | None) -> None:
    """Remember a new parameter, made from the tensor that ``node`` gives, as a delta, unless a model is being built."""
    owner = machine.frame.func.owner if machine.frame.func is not None else None
    if _is_model(owner) if owner is not None else any(step.name == "__init__" for step in machine.calls):
        return
    axes = machine.of(Slots).symbols.axes(node)
    machine.of(Slots).deltas[id(heap)] = len(axes) == 1 or bool(
        axes and isinstance(axes[0], ir.Const) and axes[0].value == 1
    )


def placed(machine: Machine, base: Value, value: Value) -> None:
    """Forget a delta that becomes an attribute of a model: what is fitted then is the model."""
    if isinstance(base.p, Heap) and base.p.kind == "instance" and base.p.cls is not None and not _is_model(base.p.cls):
        return
    if isinstance(value.p, Heap):
        machine.of(Slots).deltas.pop(id(value.p), None)


def tracked(machine: Machine, base: Value, value: Value, node: ir.Attr) -> None:
    """Make a parameter of a plain tensor: ``tensor.requires_grad = True``."""
    if base.p is not SOME or base.m & machine.params or not isinstance(node.value, ir.Name | ir.Attr):
        return
    if isinstance(value.p, Known) and value.p.v is True:
        name = node.value.id if isinstance(node.value, ir.Name) else node.value.attr
        heap = Heap("parameter", name=name, made_at=machine.order)
        made(machine, heap, node.value)
        machine.made_trainable(node.value, Value(heap, parameters.param(machine, heap) | base.m))


def _is_model(cls: Class) -> bool:
    return cls.find("forward") is not None or any(b.rpartition(".")[2].endswith("Module") for b in cls.external_bases())


def adapted(machine: Machine, event: Adapt, heaps: list[Heap], parts: int) -> None:
    """Tell a new adaptation whether it fits deltas only, and on which positions."""
    slots = machine.of(Slots)
    event.objective = _parts(machine, parts)
    if not heaps or not all(id(heap) in slots.deltas for heap in heaps):
        return
    event.delta = "shared" if any(slots.deltas[id(heap)] for heap in heaps) else "own"
    slots.fitted |= machine.atoms.bit("adapted", event.number)


def meet(machine: Machine, origins: int, node: ir.Node) -> int:
    """Return ``origins`` after a fitted delta met what a model made of validation tokens: a prediction of its own."""
    forwards = origins & machine.atoms.family("forward")
    if not forwards or not val_settings(origins) & machine.live:
        return origins
    fitted = origins & machine.of(Slots).fitted
    region = origins & machine.atoms.family("iteration")
    conflicts = {}
    for number in machine.atoms.meanings(fitted, "adapted"):
        assert isinstance(number, int)
        adapt = machine.of(effects.Adaptations).events[number]
        if adapt.bits & machine.live and effects.overlap(machine, adapt.region, region):
            conflicts[number] = adapt.bits & machine.live
    event = Forward(
        **recording.common(machine, node, machine.live & val_settings(origins)),
        number=sum(1 for e in machine.events if isinstance(e, Forward)),
        kinds=origins & (VAL | TRAIN),
        region=region,
        no_grad=bool(machine.no_grad),
        model="the delta",
        conflicts=conflicts,
    )
    machine.events.append(event)
    return origins & ~fitted | machine.atoms.fresh("forward", event)


def stepped(machine: Machine, node: ir.BinOp, left: Value, right: Value, origins: int) -> int:
    """Return the origins of ``delta - rate * gradient``: an update by hand, whose result is the fitted delta."""
    gradients = origins & machine.atoms.family("gradient")
    live = (left.m | right.m) & machine.params
    if not gradients or not live or node.op not in ("+", "-"):
        return origins
    heaps = [heap for heap in parameters.heaps_of(machine, live) if id(heap) in machine.of(Slots).deltas]
    found = [g for g in machine.atoms.meanings(gradients, "gradient") if isinstance(g, effects.Gradient)]
    if not heaps or not found:
        return origins
    effects.adapt(machine, heaps, found, node)
    return parameters.settle(machine, live) | origins & ~(gradients | machine.of(Slots).parts)


# ------------------------------------------------------------------ parts of a window


def cut(machine: Machine, base: Value, index: Value, node: ir.Subscript, out: Value) -> Value:
    """Return ``out``, made from validation tokens ``base`` by ``index`` (that of ``node``), as a part of its window."""
    forwards = machine.atoms.family("forward")
    bit = _sliced(machine, node, tokens=not base.m & forwards)
    out = Value(out.p, out.m | bit) if bit else out
    return _masked(machine, index, out)


def stored(machine: Machine, target: ir.Subscript, base: Value, index: Value, value: Value) -> Value:
    """Return what ``mask[rows, lower:upper] = value`` puts into a mask: the positions that it keeps."""
    if value.m & (VAL | TRAIN) or type(base.p) is Heap:
        return value
    bit = _sliced(machine, target, tokens=False) | (0 if index.m & VAL else index.m & machine.of(Slots).parts)
    if not bit:
        return value
    return Value(value.p, value.m | (complement(machine, bit) if _drops(value) else bit))


def filled(machine: Machine, where: ir.Expr | None, name: str, args: Args) -> int:
    """Return the positions that ``mask[lower:upper].fill_(value)`` keeps."""
    if not isinstance(where, ir.Subscript) or name not in ("fill_", "zero_"):
        return 0
    bit = _sliced(machine, where, tokens=False)
    first = args.get(0)
    drops = name == "zero_" or (first is not None and _drops(first))
    return complement(machine, bit) if bit and drops else bit


def compared(machine: Machine, node: ir.Compare, out: Value) -> Value:
    """Return a comparison of positions with a bound (``arange(n) < s``) as the mask that it is."""
    symbols = machine.of(Slots).symbols
    if len(node.ops) == 1 and out.m & machine.of(Slots).parts:
        right = node.rights[0]
        if node.ops[0] == "==" and isinstance(right, ir.Const) and not right.value:
            return _complemented(machine, out)
        return out
    left, bits, way = node.left, 0, tuple(machine.branches)
    for op, right in zip(node.ops, node.rights, strict=True):
        if op in _COMPARISONS:
            bound, side = None, op
            if symbols.is_positions(left):
                bound = symbols.bound(_unwrapped(right))
            elif symbols.is_positions(right):
                bound, side = symbols.bound(_unwrapped(left)), _MIRRORED[op]
            if bound is not None:
                below = _COMPARISONS[side] == "below"
                part = Part(
                    None if below else bound, bound if below else None, machine.live, machine.site(node), branches=way
                )
                bits |= _bit(machine, part)
        left = right
    return Value(out.p, out.m | bits) if bits else out


def inverted(machine: Machine, node: ir.UnaryOp, out: Value) -> Value:
    """Return ``~mask`` as the positions that the mask leaves out."""
    return _complemented(machine, out) if node.op in ("~", "not") else out


def combined(machine: Machine, node: ir.BinOp, left: Value, right: Value, out: Value) -> Value:
    """Return ``loss * mask`` as the mask's positions, ``1 - mask`` as those that the mask leaves out."""
    if node.op == "-" and isinstance(node.left, ir.Const) and node.left.value == 1:
        return _complemented(machine, out)
    return _masked(machine, left, _masked(machine, right, out))


def called(machine: Machine, func: Value, args: Args, node: ir.Node, out: Value) -> Value:
    """Return the result of a library's function, with deltas and masks in it understood."""
    slots = machine.of(Slots)
    if out.m & slots.parts and isinstance(func.p, External | Method):
        name = func.p.name.rpartition(".")[2]
        if name in ("masked_fill", "masked_fill_", "logical_not", "bitwise_not"):
            mask = args.get(0) if isinstance(func.p, Method) or name.endswith("not") else args.get(1)
            out = _swapped(machine, mask, out)
        elif name == "where" and len(args.positional) == 3 and _drops(args.positional[1]):
            out = _swapped(machine, args.positional[0], out)
        for value in args.positional:
            out = _masked(machine, value, out)
    if out.m & slots.fitted:
        return Value(out.p, meet(machine, out.m, node))
    return out


def reported(machine: Machine, forwards: tuple[Forward, ...], origins: int) -> None:
    """Tell the forwards of a score made from ``origins``, which is reported, which positions it keeps."""
    if not origins & machine.of(Slots).parts:
        return
    found = [part for part in _parts(machine, origins) if not part.tokens]
    for forward in forwards:
        kept = [part for part in found if not forward.excludes([*part.branches])]  # a sum of two has both one's parts
        forward.scored = tuple(dict.fromkeys((*forward.scored, *kept)))


def complement(machine: Machine, bits: int) -> int:
    """Return the origins of the parts that ``bits`` leave out."""
    out = 0
    for part in _parts(machine, bits):
        out |= _bit(machine, part.complement())
    return out


def _complemented(machine: Machine, value: Value) -> Value:
    """Return a mask of the positions that a mask leaves out (losses and their likes are no masks)."""
    parts = value.m & machine.of(Slots).parts
    return value if not parts or value.m & VAL else Value(value.p, value.m & ~parts | complement(machine, parts))


def _swapped(machine: Machine, mask: Value | None, out: Value) -> Value:
    """Return ``out``, made with ``mask``, as what keeps the positions that the mask leaves out."""
    parts = mask.m & machine.of(Slots).parts if mask is not None and not mask.m & VAL else 0
    return Value(out.p, out.m & ~parts | complement(machine, parts)) if parts else out


def _masked(machine: Machine, mask: Value, out: Value) -> Value:
    """Return ``out``, to which ``mask`` was applied: under the settings that are live, it keeps the mask's positions.

    Another branch, under other settings, may make the same thing without the mask.
    """
    parts = mask.m & out.m & machine.of(Slots).parts
    if not parts or mask.m & VAL or not out.m & VAL or machine.live == machine.all:
        return out
    kept = 0
    for part in _parts(machine, parts):
        kept |= _bit(machine, replace(part, bits=part.bits & machine.live))
    return Value(out.p, out.m & ~parts | kept)


def _drops(value: Value) -> bool:
    """Return whether what is stored takes a position out of a loss: zero, False, a label that is ignored."""
    p = value.p
    return isinstance(p, Known) and isinstance(p.v, int | float) and p.v <= 0


def _unwrapped(node: ir.Expr) -> ir.Expr:
    """Return a bound without what broadcasts it (``starts[:, None]``, ``starts.unsqueeze(1)``)."""
    while True:
        if isinstance(node, ir.Subscript) and isinstance(node.index, ir.Sequence):
            node = node.value
        elif isinstance(node, ir.Call) and isinstance(node.func, ir.Attr) and node.func.attr in ("unsqueeze", "view"):
            node = node.func.value
        else:
            return node


def _sliced(machine: Machine, node: ir.Subscript, *, tokens: bool) -> int:
    """Return the origin of the positions that a subscript's first bounded slice picks, 0 when there is none."""
    index = node.index
    rows: ir.Name | None = None
    found: ir.Slice | None = None
    if isinstance(index, ir.Slice):
        found = index
    elif isinstance(index, ir.Sequence):
        for elt in index.elts[:2]:
            if isinstance(elt, ir.Slice) and (elt.lower is not None or elt.upper is not None):
                found = elt
                break
            rows = rows or (elt if isinstance(elt, ir.Name) else None)
    if found is None or found.step is not None:
        return 0
    symbols = machine.of(Slots).symbols
    lower, upper = symbols.bound(found.lower), symbols.bound(found.upper)
    if lower is None and upper is None:
        return 0
    loop = symbols.loop_of(rows) if rows is not None else None
    way = tuple(machine.branches)
    return _bit(machine, Part(lower, upper, machine.live, machine.site(node), rows is not None, tokens, loop, way))


def _bit(machine: Machine, part: Part) -> int:
    slots = machine.of(Slots)
    bit = slots.known.get(part)
    if bit is None:
        if len(slots.known) >= MAX_PARTS:
            machine.note_unfollowed(part.site, "more slices of windows than are kept apart", decisive=True)
            return 0
        bit = slots.known[part] = machine.atoms.fresh("part", part)
        slots.parts |= bit
    return bit


def _parts(machine: Machine, origins: int) -> tuple[Part, ...]:
    return tuple(part for part in machine.atoms.meanings(origins, "part") if isinstance(part, Part))
