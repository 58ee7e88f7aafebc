"""Picking among several predictions of the same token by their rank: minima, sorting, cut differences, masks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import containers
from auditor.timeline.trackers.keys.reads import Keys
from auditor.timeline.trackers.selection.marks import Marks, kept_apart, pending, predicts
from auditor.timeline.trackers.selection.records import held, losses_of, tagged
from auditor.timeline.trackers.selection.running import carried, is_loss
from auditor.timeline.values.payloads import Either, External, Function, Heap, Known, Method, Tup, Value, join_all

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine

# What these give of rivals are some of them, by rank: the lowest, the highest, or an order from which one is taken.
LOWEST = frozenset({"min", "amin", "nanmin", "fmin", "minimum", "cummin", "nsmallest"})
HIGHEST = frozenset({"max", "amax", "nanmax", "fmax", "maximum", "cummax", "nlargest"})
RANKED = LOWEST | HIGHEST | {
    "aminmax", "sort", "msort", "sorted", "topk", "kthvalue", "quantile", "nanquantile", "percentile", "partition",
    "median", "nanmedian",
}  # fmt: skip
PLACES = frozenset({"argmin", "argmax", "argsort", "nanargmin", "nanargmax", "argpartition"})
SIDE_BY_SIDE = frozenset({"stack", "vstack", "column_stack", "dstack", "array", "tensor", "as_tensor", "asarray"})
_CUTS = frozenset(
    {"relu", "relu_", "clamp", "clamp_", "clamp_min", "clamp_max", "clip", "abs", "abs_", "fabs", "sign", "heaviside",
     "threshold", "hardtanh", "leaky_relu", "absolute", "maximum", "minimum", "max", "min", "fmax", "fmin"}
)  # fmt: skip
_SELECTS = frozenset(
    {"where", "choose", "select", "gather", "take", "take_along_dim", "take_along_axis", "index_select", "copyto",
     "putmask", "masked_scatter", "masked_scatter_", "index_put_", "index_copy_", "compress", "extract", "lerp",
     "masked_fill", "masked_fill_", "multiply", "mul", "mul_"}
)  # fmt: skip


def called(machine: Machine, name: str, given: list[Value], args: Args, node: ir.Call, out: Value) -> Value:
    """Return the result of a call outside the program on the true token's losses, with the choice that it makes."""
    keys, marks = machine.of(Keys), machine.of(Marks)
    if name == "reduce" and given:
        name, given = _reduced(given)
    rivals = several(machine, given)
    if name in SIDE_BY_SIDE and rivals:
        return Value(out.p, out.m | marks.rivals)
    rivals = rivals or ((name in LOWEST or name in PLACES) and _grown(machine, given))
    if name in PLACES and rivals:
        bit = machine.atoms.bit("pick", pending(machine, "oracle", node))
        keys.picks |= bit
        return Value(out.p, out.m | bit)
    rivals = rivals or (name in LOWEST and _running(machine, given, node))
    if name in RANKED and rivals and not _harmless(machine, name, given):
        return picked_from(machine, out, pending(machine, "oracle", node))
    if name in _CUTS and any(v.m & marks.gap for v in given) and not rivals and not _reduces(name, given, node):
        return Value(out.p, out.m & ~marks.gap | marks.cut)
    if name in _SELECTS:
        return _selected(machine, given, out)
    return out


def several(machine: Machine, given: list[Value]) -> bool:
    """Return whether several predictions of the same token are among the arguments of one call."""
    keys, marks = machine.of(Keys), machine.of(Marks)
    if any(value.m & marks.rivals for value in given):
        return True
    singles = [v for v in given if not isinstance(v.p, Heap | Tup | Known)]
    for value in given:
        records = [losses_of(machine, item) for item in containers.exact_items(machine, value) or ()]
        if len(records) > 1 and all(records):
            return True
    for values in (singles, *(containers.exact_items(machine, v) or [] for v in given if isinstance(v.p, Heap | Tup))):
        found = [v for v in values if not isinstance(v.p, Known) and predicts(machine, v)]
        if len(found) > 1 and found[0] is not found[1] and any(containers.deep(v) & keys.gold for v in found):
            return True
    return False


def _grown(machine: Machine, given: list[Value]) -> bool:
    """Return whether a list is given that losses were put into one by one: as many as a loop had rounds."""
    if not given or not isinstance(given[0].p, Heap) or given[0].p.kind != "list":
        return False
    element = given[0].p.element
    marks = machine.of(Marks)
    return element is not None and bool(element.m & machine.of(Keys).gold and element.m & marks.losses)


def _reduces(name: str, given: list[Value], node: ir.Call) -> bool:
    """Return whether a call gives the extreme of one thing (``gap.max()``, ``gap.max(0)``), with no other to cut it."""
    if name not in ("max", "min"):
        return False
    along = len(given) > 1 and isinstance(given[1].p, Known) and not isinstance(node.func, ir.Name)
    return len(given) < 2 or along


def _running(machine: Machine, given: list[Value], node: ir.Call) -> bool:
    """Return whether a loss is kept where it is the lowest yet: ``low = min(low, loss)``."""
    names = [arg for arg in node.args if isinstance(arg.value, ir.Name)]
    losses = [v for v in given if is_loss(machine, v)]
    return len(given) == 2 and len(losses) == 1 and bool(names) and any(carried(machine, v) for v in given)


def _harmless(machine: Machine, name: str, given: list[Value]) -> bool:
    """Return whether the rank is the worse one: the largest loss, the smallest probability."""
    marks = machine.of(Marks)
    space = held(machine, given) & marks.space
    for value in given:
        space |= containers.deep(value) & marks.space
    if name in HIGHEST:
        return space == marks.losses
    return name in LOWEST and bool(space) and not space & marks.losses


def _reduced(given: list[Value]) -> tuple[str, list[Value]]:
    """Return the call that ``functools.reduce`` repeats."""
    func = given[0].p
    if isinstance(func, External):
        return func.name.rpartition(".")[2], given[1:]
    if isinstance(func, Method | Function):
        return func.name, given[1:]
    return "", given


def picked_from(machine: Machine, out: Value, bit: int) -> Value:
    """Return what was picked, or things in an order, of which each has the origin ``bit``."""
    if isinstance(out.p, Heap) and out.p.kind == "list":
        items = [*(out.p.items or ()), *([out.p.element] if out.p.element is not None else [])]
        one = containers.tag(join_all(items), bit)
        return Value(containers.new_list(machine, None, Value(tagged(machine, one.p, bit), one.m)).p, out.m)
    out = containers.tag(out, bit)
    return Value(tagged(machine, out.p, bit), out.m) if isinstance(out.p, Heap | Either) else out


def _selected(machine: Machine, given: list[Value], out: Value) -> Value:
    """Return what is selected by a mask or an index that ranks predictions."""
    keys = machine.of(Keys)
    selector = 0
    for value in given:
        selector |= value.m & keys.picks
    chosen = 0
    for choice in machine.atoms.meanings(selector, "pick"):
        assert isinstance(choice, int)
        bit = machine.atoms.bit("pick", choice)
        golds = [v for v in given if not v.m & bit and predicts(machine, v)]
        bounded = any(v.m & bit and v.m & keys.bounded for v in given)
        apart = len(golds) > 1 and kept_apart(machine, golds[0], golds[1])
        if any(containers.deep(v) & keys.gold for v in golds) and (apart or not bounded):
            chosen |= choice
    return Value(out.p, out.m & ~keys.picks | chosen) if chosen else out


def combine(machine: Machine, node: ir.BinOp | ir.AugAssign, left: Value, right: Value, origins: int) -> int:
    """Return the origins of arithmetic on the true token's losses, with the choice that it completes."""
    keys, marks = machine.of(Keys), machine.of(Marks)
    gold = keys.gold
    op = node.op
    if op == "*" and origins & keys.picks:
        return _masked(machine, left, right, origins)
    if op not in ("+", "-"):
        return origins
    both = left.m & right.m & gold
    if both and (left.m ^ right.m) & marks.cut:
        return origins & ~(marks.cut | marks.gap) | pending(machine, "oracle", node)
    rivals = op == "-" and (both or (predicts(machine, left) and predicts(machine, right)))
    if rivals:
        origins = _relative(machine, left, right, origins)
    if not isinstance(node, ir.BinOp):
        return origins
    if rivals:
        return origins | marks.gap
    if op == "+" and origins & keys.chosen:
        origins = _restored(machine, left, right, origins)
        origins = _restored(machine, right, left, origins)
    return origins & ~marks.gap if op == "+" else origins


def _masked(machine: Machine, left: Value, right: Value, origins: int) -> int:
    """Return the origins of a loss times the mask of where it is the better one."""
    keys = machine.of(Keys)
    for mask, loss in ((left, right), (right, left)):
        picks = mask.m & keys.picks
        if picks and not loss.m & picks and predicts(machine, loss):
            for choice in machine.atoms.meanings(picks, "pick"):
                assert isinstance(choice, int)
                origins |= choice
            return origins & ~picks
    return origins


def _relative(machine: Machine, left: Value, right: Value, origins: int) -> int:
    """Return the origins of ``a - best(a, b)``: of the choice only how far another lies from it is left.

    ``best + log(exp(a - best) + exp(b - best))`` is a sum of both, computed without overflow.
    """
    chosen = right.m & machine.of(Keys).chosen
    if not chosen:
        return origins
    relative = 0
    for atom, bit in machine.of(Keys).choices.items():
        if chosen & bit:
            relative |= machine.atoms.bit("relative", atom)
    return origins & ~machine.of(Keys).chosen | relative


def _restored(machine: Machine, best: Value, rest: Value, origins: int) -> int:
    """Return the origins of a choice to which what is relative to it is added."""
    for atom in machine.atoms.meanings(rest.m, "relative"):
        assert isinstance(atom, int)
        bit = machine.of(Keys).choices[atom]
        if best.m & bit:
            origins &= ~(bit | machine.atoms.bit("relative", atom))
    return origins
