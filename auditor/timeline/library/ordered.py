"""``min``, ``max`` and ``sorted``: what they pick among things, by themselves or by what a ``key`` says of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from auditor.program import ir
from auditor.timeline.engine import arguments, calling, containers, escapes
from auditor.timeline.library import computed, sequences
from auditor.timeline.values.payloads import Bound, Function, Heap, Method, Native, Tup, Value, join_all

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine

_MOST: Final = 8  # things that are asked one by one
_THINGS = (Heap, Tup, Function, Bound)


def extreme(function: Callable[..., object]) -> Callable[[Machine, Args, ir.Node], Value]:
    """Return a rule for ``min`` or ``max``: one of the things that it is given, or a number."""
    fold = computed.constant(function)

    def run(machine: Machine, args: Args, node: ir.Node) -> Value:
        several = len(args.positional) > 1
        items = list(args.positional) if several else items_of(machine, args)
        things = items and all(isinstance(item.p, _THINGS) for item in items)
        out = Value(join_all(items).p, args.origins()) if things else fold(machine, args, node)
        given = args.get(0)
        if not several and given is not None and isinstance(given.p, Heap) and given.p.kind == "dict":
            # What is picked are keys, by whatever lies under them; of what can't be followed they may be made, too.
            out = Value(out.p, given.p.origins | out.m & machine.atoms.family(escapes.FAMILY))
        return ranked(machine, args, items, out, node)

    return run


def in_order(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``sorted(x, key=…)``."""
    return ranked(machine, args, items_of(machine, args), sequences.same_elements(machine, args, node), node)


def items_of(machine: Machine, args: Args) -> list[Value]:
    """Return the items of the first argument, or one that stands for any of them."""
    first = args.get(0)
    if first is None:
        return []
    items = containers.exact_items(machine, first)
    return items if items is not None else [containers.element_of(machine, first)]


def ranked(machine: Machine, args: Args, items: list[Value], out: Value, node: ir.Node) -> Value:
    """Return ``out``, which the ``key`` of a call picks among ``items``, or puts in order."""
    key = args.keywords.get("key")
    if key is None or not isinstance(key.p, Function | Bound | Native | Method):
        return out
    asked = items if len(items) <= _MOST else [join_all(items)]
    keys = [calling.call(machine, key, arguments.Args((item,), node=node), node) for item in asked]
    return machine.signals.ranked(keys, node, out)
