"""Builtins that make or go through sequences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import arguments, containers, environments, protocols
from auditor.timeline.library import computed
from auditor.timeline.values.atoms import SIZE
from auditor.timeline.values.payloads import (
    SOME,
    UNKNOWN,
    Heap,
    Known,
    OpenRange,
    Payload,
    PerSetting,
    Tup,
    Value,
    at_setting,
    join,
    join_all,
    per_setting,
)

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine


def length(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``len(x)``: a number while the items are known."""
    value = args.get(0) or UNKNOWN
    items = containers.exact_items(machine, value)
    if items is not None and (not isinstance(value.p, Heap) or not machine.in_loop):
        return Value(Known(len(items)))
    keep = machine.atoms.family("iteration")
    cls = value.p.cls if isinstance(value.p, Heap) and value.p.kind == "instance" else None
    if cls is not None and cls.find("__len__") is not None:
        from auditor.timeline.engine import calling

        return calling.call_method_of(machine, value, "__len__", [])
    if isinstance(value.p, Known | PerSetting):
        return machine.fold(computed.guarded(len), value)
    return Value(SOME, value.m & keep | SIZE)


def make_list(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``list(x)``."""
    value = args.get(0)
    if value is None:
        return containers.new_list(machine, [])
    items = containers.exact_items(machine, value)
    if items is not None:
        return containers.new_list(machine, list(items))
    return containers.new_list(machine, None, containers.element_of(machine, value))


def make_tuple(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``tuple(x)``."""
    value = args.get(0)
    if value is None:
        return Value(Known(()))
    items = containers.exact_items(machine, value)
    if items is not None:
        return Value(Tup(tuple(items)), value.m)
    return containers.new_list(machine, None, containers.element_of(machine, value))


def make_dict(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``dict(x, a=…)``."""
    heap = Heap("dict", made_at=machine.order)
    first = args.get(0)
    if first is not None:
        if environments.is_environment(first) or (isinstance(first.p, Heap) and first.p.kind == "dict"):
            containers.update_dict(machine, heap, first)
        else:
            heap.element = Value(None, containers.deep(first))
    for key, value in args.keywords.items():
        heap.attrs[key] = value
    return Value(heap, args.origins())


def enumerated(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``enumerate(x)``."""
    value = args.get(0) or UNKNOWN
    items = containers.exact_items(machine, value)
    if items is not None:
        pairs = [Value(Tup((Value(Known(i)), item)), item.m) for i, item in enumerate(items)]
        return containers.new_list(machine, pairs)
    element = containers.element_of(machine, value)
    if isinstance(element.p, Known):
        element = Value(SOME, element.m)
    return containers.new_list(machine, None, Value(Tup((Value(SOME), element)), element.m))


def zipped(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``zip(a, b)``."""
    columns = [containers.exact_items(machine, v) for v in args.positional]
    if columns and all(c is not None for c in columns) and args.rest is None:
        rows = zip(*[c for c in columns if c is not None], strict=False)
        return containers.new_list(machine, [Value(Tup(row), join_all(row).m) for row in rows])
    begin = [_begin(each) for each in args.nodes]
    elements = [containers.element_of(machine, v) for v in args.positional]
    if len(begin) == len(elements) and len(set(begin)) > 1:  # one runs ahead of the other
        elements = [_ahead(machine, each, at) if at else each for each, at in zip(elements, begin, strict=True)]
    return containers.new_list(machine, None, Value(Tup(tuple(elements)), args.origins()))


def pairs(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``itertools.pairwise(a)``: each item with the one after it."""
    element = containers.element_of(machine, args.get(0) or UNKNOWN)
    return containers.new_list(machine, None, Value(Tup((element, _ahead(machine, element, 1))), args.origins()))


def _ahead(machine: Machine, element: Value, rounds: int) -> Value:
    return containers.tag(element, machine.atoms.bit("ahead", rounds))


def _begin(node: ir.Expr) -> int:
    """Return where ``a[1:]`` begins, 0 for what isn't cut off there."""
    while isinstance(node, ir.BinOp) and node.op == "+":
        node = node.left
    cut = node.index if isinstance(node, ir.Subscript) else None
    first = cut.lower if isinstance(cut, ir.Slice) and cut.step is None else None
    return first.value if isinstance(first, ir.Const) and isinstance(first.value, int) and first.value > 0 else 0


def same_elements(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``sorted(x)``, ``set(x)`` …: the same elements, their order not known."""
    value = args.get(0) or UNKNOWN
    items = containers.exact_items(machine, value)
    if items is not None and all(not isinstance(i.p, Known) for i in items):
        return containers.new_list(machine, list(items))
    return containers.new_list(machine, None, containers.element_of(machine, value))


def filtered(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``filter(f, x)``: the function is followed once, on any item."""
    from auditor.timeline.engine import calling

    item = containers.element_of(machine, args.get(1) or UNKNOWN)
    out = containers.new_list(machine, None, item)
    function = args.get(0)
    if function is None or function.p is None or isinstance(function.p, Known):  # None: what is true passes
        return out
    return machine.signals.filtered([calling.call(machine, function, arguments.Args((item,), node=node), node)], out)


def mapped(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``map(f, x)``: the function is followed on each item while these are few and known, else once on any."""
    from auditor.timeline.engine import calling

    function = args.get(0) or UNKNOWN
    columns = [containers.exact_items(machine, v) for v in args.positional[1:]]
    if columns and all(c is not None and len(c) <= 16 for c in columns):
        rows = zip(*[c for c in columns if c is not None], strict=False)
        out = [calling.call(machine, function, arguments.Args(tuple(row), node=node), node) for row in rows]
        return containers.new_list(machine, out)
    elements = tuple(containers.element_of(machine, v) for v in args.positional[1:])
    return containers.new_list(
        machine, None, calling.call(machine, function, arguments.Args(elements, node=node), node)
    )


def chained(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``itertools.chain(a, b)``."""
    return containers.new_list(
        machine, None, join_all([containers.element_of(machine, v) for v in args.all()] or [UNKNOWN])
    )


def first_or_default(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``next(x, default)``."""
    out = containers.element_of(machine, args.get(0) or UNKNOWN)
    value = args.get(0)
    own = protocols.send(machine, value, "__next__", [], node) if value is not None else None
    if own is not None:
        return own
    default = args.get(1)
    return out if default is None else join(out, default)


def number_range(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``range(…)``, per setting."""
    origins = args.origins()
    each: list[Payload] = []
    for index in range(machine.count):
        parts = [at_setting(v.p, index) for v in args.positional]
        numbers = [p.v for p in parts if isinstance(p, Known) and isinstance(p.v, int)]
        first = parts[0] if len(parts) > 1 else Known(0)
        if parts and len(numbers) == len(parts) <= 3 and not (len(numbers) == 3 and numbers[2] == 0):
            each.append(Known(range(*numbers)))
        elif isinstance(first, Known) and isinstance(first.v, int):
            each.append(OpenRange(first.v))
        else:
            each.append(SOME)
    return Value(per_setting(each), origins)
