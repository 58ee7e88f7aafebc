"""``functools`` and ``operator``: functions that are made from functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import arguments, calling, classes, containers
from auditor.timeline.values.payloads import (
    SOME,
    UNKNOWN,
    Bound,
    Class,
    Either,
    Function,
    Heap,
    Known,
    Native,
    Tup,
    Value,
    join,
    join_all,
)

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine


def cached(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``lru_cache(f)``: called again with the same constants and objects, ``f`` does not run again."""
    func = args.get(0, "user_function")
    if func is None or not isinstance(func.p, Function):
        if func is not None and isinstance(func.p, Bound):
            return func
        return Value(Native("lru_cache", lambda more, at: cached(machine, more, at)))
    if func.p.owner is not None or (machine.frame.owner is not None and machine.frame.func is None):
        return func  # a method: bound to its object first
    known: dict[tuple[object, ...], Value] = {}

    def run(more: Args, at: ir.Node) -> Value:
        key = _key(more)
        if key is None:
            return calling.call(machine, func, more, at)
        found = known.get(key)
        if found is None:
            found = calling.call(machine, func, more, at)
            if not machine.weak and machine.live == machine.all:
                known[key] = found
        return found

    return Value(Native("lru_cache", run), func.m)


def _key(args: Args) -> tuple[object, ...] | None:
    """Return what tells one call of a cached function from another, None where that is not known."""
    parts: list[object] = []
    for name, value in [*(("", v) for v in args.positional), *sorted(args.keywords.items(), key=lambda kv: kv[0])]:
        if isinstance(value.p, Known):
            parts.append((name, type(value.p.v).__name__, repr(value.p.v)[:200]))
        elif isinstance(value.p, Heap | Class):
            parts.append((name, id(value.p)))
        else:
            return None
    return tuple(parts) if args.rest is None else None


def reduce(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``reduce(f, items, start)``: item by item while they are known, else as a loop would."""
    func, items = args.get(0) or UNKNOWN, args.get(1) or UNKNOWN
    known = containers.exact_items(machine, items)
    if known is not None and len(known) <= 16:
        rest = list(known)
        start = args.get(2) or (rest.pop(0) if rest else UNKNOWN)
        for item in rest:
            start = calling.call(machine, func, arguments.Args((start, item), node=node), node)
        return start
    element = containers.element_of(machine, items)
    out = args.get(2) or element
    for _ in range(2):
        out = join(out, calling.call(machine, func, arguments.Args((Value(SOME, out.m), element), node=node), node))
    return out


def cached_property(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``@cached_property``: computed once for an object."""
    made = classes.make_property(machine, args)
    assert isinstance(made.p, Heap)
    made.p.name = "cached"
    return made


def dispatching(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``@singledispatch``: the function that is registered for the class of the first argument."""
    heap = Heap("dispatcher", items=[args.get(0) or UNKNOWN], made_at=machine.order)
    heap.attrs["__call__"] = Value(Native("dispatch", lambda more, at: dispatch(machine, heap, more, at)))
    return Value(heap)


def register(machine: Machine, heap: Heap, args: Args, node: ir.Node) -> Value:
    """``f.register(cls)`` and ``f.register(cls, g)`` and ``@f.register``: one more function."""
    given = list(args.positional)
    cls = given[0] if given and not isinstance(given[0].p, Function) else UNKNOWN
    func = next((v for v in given if isinstance(v.p, Function)), None)

    def add(more: Args, at: ir.Node) -> Value:
        value = more.get(0) or UNKNOWN
        heap.items = [*(heap.items or ()), Value(Tup((cls, value)))]
        return value

    if func is not None:
        return add(arguments.Args((func,)), node)
    return Value(Native("register", add))


def dispatch(machine: Machine, heap: Heap, args: Args, node: ir.Node, receiver: Value | None = None) -> Value:
    """Call a dispatcher: the function for the first argument's class, or any where that is not known."""
    default, *others = heap.items or [UNKNOWN]
    first = args.get(0) or UNKNOWN
    own = first.p.cls.lineage() if isinstance(first.p, Heap) and first.p.cls is not None else None
    fitting: list[Value] = []
    for other in others:
        assert isinstance(other.p, Tup)
        cls, func = other.p.items
        if own is not None and isinstance(cls.p, Class):
            if cls.p in own:
                return _call(machine, func, receiver, args, node)
            continue
        fitting.append(func)
    chosen = [default, *fitting] if len(fitting) != 1 or own is not None else [*fitting, default]
    if len(chosen) == 1:
        return _call(machine, chosen[0], receiver, args, node)
    options = Either(tuple(v.p for v in chosen[:8]))
    return _call(machine, Value(options), receiver, args, node)


def _call(machine: Machine, func: Value, receiver: Value | None, args: Args, node: ir.Node) -> Value:
    if receiver is not None:
        args = arguments.Args((receiver, *args.positional), args.keywords, args.rest, args.node, args.nodes)
    return calling.call(machine, func, args, node)


def partial_method(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``partialmethod(f, …)``: an attribute that gives ``f`` bound, with arguments filled in."""
    func = args.get(0) or UNKNOWN
    bound, keywords = args.positional[1:], dict(args.keywords)

    def get(more: Args, at: ir.Node) -> Value:
        receiver = more.get(0) or UNKNOWN

        def run(rest: Args, where: ir.Node) -> Value:
            given = arguments.Args(
                (receiver, *bound, *rest.positional), {**keywords, **rest.keywords}, rest.rest, where
            )
            return calling.call(machine, func, given, where)

        return Value(Native("partialmethod", run))

    return Value(Heap("property", name="method", attrs={"fget": Value(Native("partialmethod", get))}))


# ------------------------------------------------------------------ operator


def method_caller(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``operator.methodcaller(name, …)``."""
    name = args.get(0) or UNKNOWN
    bound, keywords = args.positional[1:], dict(args.keywords)

    def run(more: Args, at: ir.Node) -> Value:
        method = attribute(machine, more, name, at)
        return calling.call(machine, method, arguments.Args(bound, keywords, node=at), at)

    return Value(Native("methodcaller", run))


def attribute_getter(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``operator.attrgetter("a.b")``."""
    names = args.positional

    def run(more: Args, at: ir.Node) -> Value:
        found = [attribute(machine, more, name, at) for name in names]
        return found[0] if len(found) == 1 else Value(Tup(tuple(found)), join_all(found).m)

    return Value(Native("attrgetter", run))


def attribute(machine: Machine, args: Args, name: Value, node: ir.Node) -> Value:
    """Return the attribute of the first argument that ``name`` spells, dots followed."""
    from auditor.timeline.library import objects

    base = args.get(0) or UNKNOWN
    words = name.p.v.split(".") if isinstance(name.p, Known) and isinstance(name.p.v, str) else [None]
    for word in words:
        asked = Value(Known(word)) if word is not None else name
        base = objects.get_attribute(machine, arguments.Args((base, asked), node=node, nodes=args.nodes), node)
    return base


def item_getter(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``operator.itemgetter(i)``."""
    keys = args.positional

    def run(more: Args, at: ir.Node) -> Value:
        base = more.get(0) or UNKNOWN
        where = ir.Name(at.start, at.end, "_")
        found = [containers.get_item(machine, base, key, ir.Subscript(at.start, at.end, where, where)) for key in keys]
        return found[0] if len(found) == 1 else Value(Tup(tuple(found)), join_all(found).m)

    return Value(Native("itemgetter", run))
