"""Functions and string methods that are computed where their arguments are constants."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import containers, parameters, protocols
from auditor.timeline.library import texts
from auditor.timeline.values.folding import FoldError, fold_text_method, split_of_word
from auditor.timeline.values.payloads import SOME, UNKNOWN, Known, Payload, PerSetting, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine

MATH: dict[str, Callable[..., object]] = {
    "math.log": math.log, "math.exp": math.exp, "math.sqrt": math.sqrt, "math.log2": math.log2,
    "math.floor": math.floor, "math.ceil": math.ceil, "math.cos": math.cos, "math.sin": math.sin,
    "math.log10": math.log10, "numpy.log": math.log, "numpy.sqrt": math.sqrt, "numpy.exp": math.exp,
    "math.gcd": math.gcd, "math.isnan": math.isnan, "numpy.log2": math.log2,
}  # fmt: skip


def guarded(compute: Callable[..., object]) -> Callable[..., object]:
    """Return ``compute`` with its own errors raised as :class:`FoldError`."""

    def run(*values: object) -> object:
        try:
            return compute(*values)
        except (TypeError, ValueError, OverflowError, ZeroDivisionError) as error:
            raise FoldError from error

    return run


def constant(function: Callable[..., object]) -> Callable[[Machine, Args, ir.Node], Value]:
    """Return a rule that computes ``function`` of constant arguments."""

    def run(machine: Machine, args: Args, node: ir.Node) -> Value:
        if not args.positional:
            try:
                return Value(Known(function()))
            except TypeError:
                return UNKNOWN
        values = [containers.as_constant(machine, v) for v in args.positional]
        out = machine.fold(guarded(_bounded(function)), *values)
        return Value(out.p, parameters.settle(machine, out.m | args.origins()))

    return run


def _bounded(function: Callable[..., object]) -> Callable[..., object]:
    def run(*values: object) -> object:
        for value in values:
            if isinstance(value, str | bytes | tuple | range) and len(value) > 5000:
                raise FoldError
        result = function(*values)
        return tuple(result) if isinstance(result, list) else result

    return run


def _formatted(machine: Machine, receiver: Value, args: Args) -> Value:
    """Return ``text.format(…)``: of the program's own objects what their ``__format__`` gives."""
    node = args.node or ir.Name(0, 0, "format")
    given = [protocols.text(machine, v, node, formatted=True) for v in args.positional]
    names = list(args.keywords)
    named = [protocols.text(machine, v, node, formatted=True) for v in args.keywords.values()]
    count = len(given)

    def compute(text: object, *values: object) -> object:
        positions = {name: str(count + i) for i, name in enumerate(names)}
        plain = re.sub(r"\{(\w+)", lambda m: "{" + positions.get(m[1], m[1]), text) if isinstance(text, str) else text
        return texts.formatted(plain, *values)

    if args.rest is not None:
        return Value(SOME, receiver.m | args.origins())
    out = machine.fold(texts.bounded(compute), receiver, *given, *named)
    return Value(out.p, out.m | args.origins() if not isinstance(out.p, Known) else out.m)


def renamed(text: Value, args: Args) -> Value | None:
    """Return a name of a file in which the word of one split is replaced by that of another; None for other texts."""
    words = [v.p.v for v in args.positional[:2] if isinstance(v.p, Known) and isinstance(v.p.v, str)]
    if len(words) != 2:
        return None
    old, new = (split_of_word(word) for word in words)
    if not old or not new or not text.m & old:
        return None
    return Value(SOME, text.m & ~old | new)


def all_text(p: Payload) -> bool:
    """Return whether a payload is a string (or bytes) under some setting."""
    each = p.each if isinstance(p, PerSetting) else (p,)
    return any(isinstance(o, Known) and isinstance(o.v, str | bytes) for o in each)


def text_method(machine: Machine, receiver: Value, name: str, args: Args) -> Value:
    """Call a string method on a constant."""
    if name == "join" and args.positional:
        items = containers.exact_items(machine, args.positional[0])
        if items is not None:

            def put(sep: object, *parts: object) -> object:
                if not isinstance(sep, str) or not all(isinstance(x, str) for x in parts):
                    raise FoldError
                return sep.join(str(x) for x in parts)

            return machine.fold(put, receiver, *items)
    if name == "format":
        return _formatted(machine, receiver, args)
    if name in ("translate", "decode"):
        compute = texts.translated if name == "translate" else texts.decoded
        values = [containers.as_constant(machine, v) for v in args.positional]
        return machine.fold(texts.bounded(compute), receiver, *values)

    def run(text: object, *rest: object) -> object:
        if not isinstance(text, str):
            raise FoldError
        return fold_text_method(text, name, list(rest))

    out = machine.fold(run, receiver, *args.positional)
    return Value(out.p, out.m | args.origins())
