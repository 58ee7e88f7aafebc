"""Weights of predictions that don't add up to one, and losses that are scaled or shifted by a constant.

Whether a number is a loss, a log probability or a probability is an origin of its own, followed through ``exp``,
``log`` and signs.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.program.written import factors
from auditor.timeline.engine import containers
from auditor.timeline.engine.numbers import numbers
from auditor.timeline.trackers.keys.reads import Keys
from auditor.timeline.trackers.mixtures.mixtures import emit
from auditor.timeline.trackers.selection.marks import Marks, pending, under
from auditor.timeline.trackers.selection.ranks import HIGHEST, SIDE_BY_SIDE, several
from auditor.timeline.trackers.selection.shares import Shares
from auditor.timeline.values.atoms import BITS, RANDOM
from auditor.timeline.values.payloads import Known, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine

_EXPONENTIALS = frozenset({"exp", "exp_", "expm1", "exp2"})
_LOGARITHMS = frozenset({"log", "log_", "log2", "log10"})
_LOG_ODDS = frozenset({"log_softmax", "logsigmoid"})
SUMS = frozenset({"sum", "mean", "nansum", "fsum", "cumsum", "nanmean"})
_POWERS = frozenset({"pow", "power", "float_power", "pow_"})
_SQUARES = frozenset({"square", "square_"})
_NEGATIONS = frozenset({"neg", "neg_", "negative"})
_LOG_SHARES = frozenset({"log1p", "log1p_", "logsigmoid"})  # the log of one minus a share, or of a gate
_LOG_SUMS = frozenset({"logaddexp", "logsumexp", "logaddexp2"})
_SLACK = 1e-3
_HALF = 0.5 + _SLACK
_LEAST_SHIFT = 0.02  # of a probability, or of a loss in nats
_SCALES = (0.67, 0.9995)  # what a loss is scaled by: less are bytes per token, which another tracker sees


def called(machine: Machine, name: str, given: list[Value], args: Args, node: ir.Call, out: Value) -> Value:
    """Return the result of a call, as a loss, a log probability or a probability."""
    keys, marks = machine.of(Keys), machine.of(Marks)
    if name in _LOG_ODDS and out.m & machine.atoms.family("forward"):
        share = marks.remainder if name in _LOG_SHARES else 0
        return Value(out.p, out.m & ~marks.space | marks.logs | share)
    if name == "softmax" and out.m & machine.atoms.family("forward"):
        return Value(out.p, out.m & ~marks.space | marks.probs)
    if not out.m & marks.space:
        return out
    if not out.m & keys.gold and out.m & marks.probs:
        return _largest(machine, name, given, node, out)
    if name in _EXPONENTIALS:
        return Value(out.p, out.m & ~(marks.space | marks.gap | marks.cut) | marks.probs)
    if name in _LOGARITHMS:
        left = marks.remainder if any(v.m & machine.of(Shares).wrong for v in given) else 0
        return Value(out.p, out.m & ~(marks.space | marks.gap | marks.cut) | marks.logs | left)
    if name in _LOG_SHARES:
        return Value(out.p, out.m | marks.remainder)
    if name in _NEGATIONS:
        return Value(out.p, negated(machine, out.m))
    if not out.m & keys.gold:
        return out
    if name in _LOG_SUMS:
        weighed = any(containers.deep(v) & marks.weighted for v in given)
        if several(machine, given) and not weighed:
            return Value(out.p, out.m & ~marks.rivals | pending(machine, "unweighted", node))
        return Value(out.p, out.m & ~(marks.weighted | marks.rivals))
    if name in SUMS or (name in _SQUARES and given and given[0].m & marks.losses):
        return Value(out.p, out.m & ~marks.bent if name in SUMS else out.m | marks.bent)
    if name in _POWERS and len(given) > 1 and given[0].m & marks.losses:
        return Value(out.p, _bent(machine, "**", given[0], given[1], out.m))
    if name in _POWERS and len(given) > 1 and given[0].m & marks.probs:
        return Value(out.p, out.m | _scaled(machine, "*", given[0], given[1], node))
    return _bounded(machine, name, args, node, out)


def _largest(machine: Machine, name: str, given: list[Value], node: ir.Node, out: Value) -> Value:
    """Return the largest of several whole predictions: no distribution, until it is divided by its sum."""
    keys, marks = machine.of(Keys), machine.of(Marks)
    if name in SIDE_BY_SIDE and given:
        items = containers.exact_items(machine, given[0])
        if items is None or len(items) > 1:
            return Value(out.p, out.m | marks.whole)
    elif name in HIGHEST:
        pair = [v for v in given if v.m & marks.probs and not isinstance(v.p, Known)]
        if out.m & marks.whole or (len(pair) > 1 and pair[0] is not pair[1]):
            atom = emit(machine, "peak", node)
            keys.ratios |= atom
            return Value(out.p, out.m & ~marks.whole | atom)
    elif name in SUMS:
        return Value(out.p, out.m & ~marks.whole)
    return out


def negated(machine: Machine, origins: int) -> int:
    """Return the origins of ``-x``: a loss becomes a log probability, and the reverse."""
    marks = machine.of(Marks)
    space = origins & (marks.losses | marks.logs)
    if space == marks.losses:
        return origins & ~marks.losses | marks.logs
    return origins & ~marks.logs | marks.losses if space == marks.logs else origins


def combine(machine: Machine, node: ir.BinOp | ir.AugAssign, left: Value, right: Value, origins: int) -> int:
    """Return the origins of arithmetic on predictions of the true token, with the weight or shift that it makes."""
    keys, marks = machine.of(Keys), machine.of(Marks)
    op = node.op
    if op == "-" and right.m & marks.space and not left.m & marks.space:
        origins = negated(machine, origins)
    if op == "+" and (left.m ^ right.m) & marks.remainder:
        origins = origins & ~(marks.remainder | _added(machine)) | marks.weighted
    if not origins & keys.gold:
        return origins
    if op == "/" and not numbers(machine, right):
        return origins & ~_unsettled(machine)  # by what it adds up to
    one, constant = (left, right) if left.m & keys.gold else (right, left)
    both = left.m & right.m & keys.gold
    if op in ("+", "-") and not both:
        if op == "-" or one.m & (marks.logs | marks.losses):
            origins = origins & ~_added(machine) | marks.weighted
        if not isinstance(node, ir.AugAssign) or one is left:
            return origins | _shifted(machine, op, one, constant, node, one is left)
        return origins
    if op in ("*", "/") and not both and one.m & (marks.losses | marks.logs) and not constant.m & BITS:
        return origins | _scaled(machine, op, one, constant, node)
    if op == "**" and left.m & marks.probs and not right.m & keys.gold:
        return origins | _scaled(machine, "*", left, right, node)
    if op in ("+", "-") and both:
        return _joined(machine, node, left, right, origins & ~_family(machine, "scaled"))
    known = numbers(machine, constant).values()
    if op in ("*", "/") and known and all((n if op == "*" else 1 / n if n else 1) <= _HALF for n in known):
        origins &= ~_added(machine)  # the mean of two
    return _bent(machine, op, left, right, origins)


def _joined(machine: Machine, node: ir.BinOp | ir.AugAssign, left: Value, right: Value, origins: int) -> int:
    """Return the origins of two numbers of the token that are added, or the one taken off the other.

    Two probabilities, each as a softmax gave it; or a loss and a multiple of its own power.
    """
    marks = machine.of(Marks)
    exact = left.m & right.m & marks.probs and left.m & right.m & machine.of(Shares).even
    if node.op == "+":
        if exact and isinstance(node, ir.BinOp):
            forwards = machine.atoms.family("forward")
            origins |= pending(machine, "unweighted" if (left.m ^ right.m) & forwards else "doubled", node)
        return origins
    origins &= ~_added(machine)
    elementwise = not (left.m | right.m) & marks.summed
    if elementwise and left.m & marks.losses and not left.m & marks.bent and right.m & marks.bent:
        taken = node.right if isinstance(node, ir.BinOp) else node.value
        signs = [n for factor in factors(taken) for n in numbers(machine, machine.eval(factor)).values()]
        if all(number > 0 for number in signs):
            return origins & ~marks.bent | pending(machine, "bent", node)
    return origins


def _bent(machine: Machine, op: str, left: Value, right: Value, origins: int) -> int:
    """Return the origins of a power of a loss: ``nll ** 2``, or a loss times itself."""
    marks = machine.of(Marks)
    powers = list(numbers(machine, right).values())
    raised = op == "**" and left.m & marks.losses and powers and all(number > 1 for number in powers)
    squared = op == "*" and left.m & right.m & marks.losses and left.m & right.m & machine.of(Keys).gold
    return origins | marks.bent if raised or squared else origins


def _shifted(
    machine: Machine, op: str, one: Value, constant: Value, node: ir.BinOp | ir.AugAssign, on_the_left: bool
) -> int:
    """Return the origin of a prediction that is made better by a constant."""
    marks = machine.of(Marks)
    space = one.m & marks.space
    settings: list[int] = []
    target = node.target if isinstance(node, ir.AugAssign) else None
    if isinstance(target, ir.Subscript) and not machine.eval(target.value).m & machine.of(Keys).gold:
        return 0  # in a whole prediction, at a hint: what is done with it afterwards decides
    for index, number in numbers(machine, constant).items():
        added = number if op == "+" else -number
        if not on_the_left and op == "-":
            continue
        better = -added if space == marks.losses else added
        most = 1.0 if space == marks.probs else 30.0
        if space in (marks.losses, marks.logs, marks.probs) and _LEAST_SHIFT <= better < most:
            settings.append(index)
    return under(machine, settings, "shift", node) if settings else 0


def _scaled(machine: Machine, op: str, one: Value, constant: Value, node: ir.Node) -> int:
    if one.m & RANDOM:  # a weight in the mean over draws, as of a denoiser's bound
        return 0
    settings = []
    for index, number in numbers(machine, constant).items():
        if not number:
            continue
        factor = abs(number if op == "*" else 1.0 / number)
        whole = math.isclose(1.0 / factor, round(1.0 / factor), rel_tol=1e-9)
        if _SCALES[0] < factor < _SCALES[1] and not whole and not math.isclose(factor, math.log(2.0), rel_tol=1e-3):
            settings.append(index)
    return under(machine, settings, "scaled", node) if settings else 0


def _bounded(machine: Machine, name: str, args: Args, node: ir.Call, out: Value) -> Value:
    """Return a prediction that is kept from being worse than a constant."""
    marks = machine.of(Marks)
    if name not in ("clamp", "clip", "clamp_", "clamp_min", "clamp_max", "clamp_max_", "clamp_min_"):
        return out
    space = out.m & marks.space
    limits = dict(args.keywords)
    rest = [v for v in args.positional if not v.m & machine.of(Keys).gold]
    names = ["max"] if name.startswith("clamp_max") else ["min", "max"]
    limits.update(zip(names, rest, strict=False))
    limit = limits.get("max" if space == marks.losses else "min") or limits.get(
        "a_max" if space == marks.losses else "a_min"
    )
    if limit is None or space not in (marks.losses, marks.probs, marks.logs):
        return out
    settings = []
    for index, number in numbers(machine, limit).items():
        if space == marks.probs:
            better = number >= _LEAST_SHIFT
        else:
            better = abs(number) <= 12.0 and (number > 0) == (space == marks.losses)
        if better:
            settings.append(index)
    return Value(out.p, out.m | under(machine, settings, "shift", node)) if settings else out


def _added(machine: Machine) -> int:
    return _family(machine, "unweighted") | _family(machine, "doubled")


def unshifted(machine: Machine, origins: int) -> int:
    """Return ``origins`` without constants that were added: a test whether a hint is right decides who gets them."""
    return origins & ~_family(machine, "shift")


def _unsettled(machine: Machine) -> int:
    return _family(machine, "overweight") | _family(machine, "shift") | _added(machine)


def _family(machine: Machine, kind: str) -> int:
    """Return the origins of the pending finds of one kind."""
    keys = machine.of(Keys)
    out = 0
    for event in keys.found.values():
        if event.kind == kind and event.atom in keys.choices:
            out |= keys.choices[event.atom]
    return out
