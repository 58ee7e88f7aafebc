"""Weights of predictions that don't add up to one, and losses that are scaled or shifted by a constant.

Whether a number is a loss, a log probability or a probability is an origin of its own, followed through ``exp``,
``log`` and signs.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from auditor.program import ir
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
_NEGATIONS = frozenset({"neg", "neg_", "negative"})
_LOG_SHARES = frozenset({"log1p", "log1p_", "logsigmoid"})  # the log of one minus a share, or of a gate
_LOG_SUMS = frozenset({"logaddexp", "logsumexp", "logaddexp2"})
_SLACK = 1e-3
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
        origins = origins & ~(marks.remainder | _family(machine, "unweighted")) | marks.weighted
    if not origins & keys.gold:
        return origins
    if op == "/" and not numbers(machine, right):
        return origins & ~_unsettled(machine)  # by what it adds up to
    one, constant = (left, right) if left.m & keys.gold else (right, left)
    both = left.m & right.m & keys.gold
    if op in ("+", "-") and not both:
        if op == "-" or one.m & (marks.logs | marks.losses):
            origins = origins & ~_family(machine, "unweighted") | marks.weighted
        if not isinstance(node, ir.AugAssign) or one is left:
            return origins | _shifted(machine, op, one, constant, node, one is left)
        return origins
    if op in ("*", "/") and not both and one.m & (marks.losses | marks.logs) and not constant.m & BITS:
        return origins | _scaled(machine, op, one, constant, node)
    if op == "**" and left.m & marks.probs and not right.m & keys.gold:
        return origins | _scaled(machine, "*", left, right, node)
    if op in ("+", "-") and both:
        return origins & ~_family(machine, "scaled")
    return origins


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


def unshifted(machine: Machine, origins: int) -> int:
    """Return ``origins`` without constants that were added: a test whether a hint is right decides who gets them."""
    return origins & ~_family(machine, "shift")


def _unsettled(machine: Machine) -> int:
    return _family(machine, "overweight") | _family(machine, "shift") | _family(machine, "unweighted")


def _family(machine: Machine, kind: str) -> int:
    """Return the origins of the pending finds of one kind."""
    keys = machine.of(Keys)
    out = 0
    for event in keys.found.values():
        if event.kind == kind and event.atom in keys.choices:
            out |= keys.choices[event.atom]
    return out
