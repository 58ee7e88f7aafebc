"""Builtins and standard functions on objects: attributes, classes, copies, partial calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from auditor.program import ir
from auditor.timeline.engine import arguments, attributes, calling, classes, containers, parameters
from auditor.timeline.library.effects.bases import BASES, WRAPPERS
from auditor.timeline.values.payloads import (
    FALSE,
    NONE,
    SOME,
    TRUE,
    UNKNOWN,
    Bound,
    Class,
    Either,
    External,
    Function,
    Heap,
    Known,
    Method,
    Native,
    PerSetting,
    Tup,
    Value,
    join,
    join_all,
    per_setting,
)

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine


def get_attribute(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``getattr(x, name, default)``."""
    base = args.get(0) or UNKNOWN
    name = args.get(1)
    default = args.get(2)
    if isinstance(base.p, PerSetting | Either) and default is not None:
        return machine.per_option(
            base, lambda one: get_attribute(machine, replace(args, positional=(one, *args.positional[1:])), node)
        )
    if name is not None and isinstance(name.p, Known) and isinstance(name.p.v, str):
        where = args.nodes[0] if args.nodes else ir.Name(node.start, node.end, "?")
        found = attributes.get_attr(machine, base, name.p.v, ir.Attr(node.start, node.end, where, name.p.v))
        if isinstance(found.p, Method) and default is not None:
            if isinstance(base.p, Heap) and base.p.kind in ("instance", "namespace", "module") and not base.p.origins:
                return default
            return join(found, default)
        return found
    if isinstance(base.p, External):
        return Value(None, containers.deep(base))  # something of a library: which one doesn't matter
    heaps = [p for p, _ in machine.alternatives(base) if isinstance(p, Heap) and p.kind in ("instance", "module")]
    fields = [value for heap in heaps for value in heap.attrs.values()]
    if fields and len(fields) <= 60:
        return join_all(fields)
    machine.note_unfollowed(machine.site(node), "getattr with a computed name")
    return Value(None, containers.deep(base))


def set_attribute(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``setattr(x, name, value)``."""
    name = args.get(1)
    base, value = args.get(0), args.get(2)
    if base is None or value is None:
        return NONE
    if name is not None and isinstance(name.p, Known) and isinstance(name.p.v, str):
        where = args.nodes[0] if args.nodes else ir.Name(node.start, node.end, "?")
        machine.store_attr(base, name.p.v, value, ir.Attr(node.start, node.end, where, name.p.v))
    else:
        machine.store_somewhere(base, value)
    return NONE


def has_attribute(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``hasattr(x, name)``, answered where the class is the program's own."""
    base = args.get(0) or UNKNOWN
    name = args.get(1)
    if isinstance(base.p, PerSetting):
        return machine.per_option(
            base, lambda one: has_attribute(machine, replace(args, positional=(one, *args.positional[1:])), node)
        )
    asked = name.p.v if name is not None and isinstance(name.p, Known) else None
    if isinstance(asked, str) and isinstance(base.p, Heap) and base.p.kind == "instance" and base.p.cls is not None:
        if asked in base.p.attrs or base.p.cls.find(asked) is not None:
            return TRUE
        if any(asked in BASES.get(name, ()) for name in base.p.cls.external_bases()) and asked not in WRAPPERS:
            return TRUE
        if not base.p.cls.external_bases() and asked not in ("module", "_orig_mod"):
            return FALSE
    return Value(SOME)


def is_instance(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``isinstance(x, cls)``, answered between classes of the program."""
    base, cls = args.get(0), args.get(1)
    own = base.p.cls if base is not None and isinstance(base.p, Heap) else None
    if own is not None and cls is not None and isinstance(cls.p, Class):
        return Value(Known(cls.p in own.lineage()))
    return Value(SOME)


def deep_copy(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``copy.deepcopy(x)``."""
    value = args.get(0) or UNKNOWN
    return clone(machine, value, {})


def clone(machine: Machine, value: Value, seen: dict[int, Heap]) -> Value:
    """Return a deep copy: new identity, the same adaptations until now."""
    p = value.p
    if isinstance(p, Heap):
        known = seen.get(id(p))
        if known is None:
            known = Heap(p.kind, p.cls, p.name, made_with=p.made_with, made_at=machine.order)
            seen[id(p)] = known
            known.modes = list(p.modes)
            known.adapted = dict(p.adapted)
            known.undone = dict(p.undone)
            known.origins = parameters.settle(machine, p.origins)
            known.attrs = {k: clone(machine, v, seen) for k, v in p.attrs.items()}
            known.items = [clone(machine, v, seen) for v in p.items] if p.items is not None else None
            known.element = clone(machine, p.element, seen) if p.element is not None else None
        origins = parameters.settle(machine, value.m)
        return Value(known, origins | (parameters.param(machine, known) if p.kind == "parameter" else 0))
    if isinstance(p, Tup):
        return Value(Tup(tuple(clone(machine, v, seen) for v in p.items)), parameters.settle(machine, value.m))
    if isinstance(p, PerSetting):
        each = [clone(machine, Value(option), seen).p for option in p.each]
        return Value(per_setting(each), parameters.settle(machine, value.m))
    if isinstance(p, Either):
        copies = tuple(clone(machine, Value(option), seen).p for option in p.options)
        return Value(Either(copies), parameters.settle(machine, value.m))
    return Value(p, parameters.settle(machine, value.m))


def namespace(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``SimpleNamespace(a=…)``: an object that is nothing but its attributes."""
    space = Heap("namespace", attrs=dict(args.keywords), made_at=machine.order)
    first = args.get(0)
    if first is not None and isinstance(first.p, Heap) and first.p.kind == "dict":
        space.attrs = {**first.p.attrs, **space.attrs}
    if args.rest is not None:
        space.origins = containers.deep(args.rest)
    return Value(space)


def partial(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``functools.partial(f, …)``."""
    from auditor.timeline.engine import calling

    func = args.get(0) or UNKNOWN
    bound = args.positional[1:]
    keywords = dict(args.keywords)

    def run(more: arguments.Args, at: ir.Node) -> Value:
        merged = arguments.Args((*bound, *more.positional), {**keywords, **more.keywords}, more.rest, at)
        return calling.call(machine, func, merged, at)

    return Value(Native("partial", run), func.m)


def field_factory(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``dataclasses.field(default_factory=f)``: what ``f`` makes."""
    from auditor.timeline.engine import calling

    factory = args.keywords.get("default_factory")
    return UNKNOWN if factory is None else calling.call(machine, factory, arguments.Args(node=node), node)


def bind(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``types.MethodType(f, x)``: ``f`` with its first argument filled in."""
    func, receiver = args.get(0) or UNKNOWN, args.get(1) or UNKNOWN
    if isinstance(func.p, Function):
        return Value(Bound(func.p, receiver), func.m)
    return partial(machine, args, node)


def new_object(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``object.__new__(cls)``: an instance on which nothing has run yet."""
    cls = args.get(0) or UNKNOWN
    if isinstance(cls.p, Class):
        return Value(classes.bare(machine, cls.p, replace(args, positional=args.positional[1:])))
    return Value(None, args.origins())


def new_class(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``type.__new__(meta, name, bases, namespace)``: the class that is being made."""
    if machine.making:
        return Value(machine.making[-1])
    parts = args.positional[1:4]
    return classes.created(machine, *parts, None, node) if len(parts) == 3 else UNKNOWN


def call_class(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``type.__call__(cls, …)``: an instance, as if there were no metaclass."""
    cls = args.get(0) or UNKNOWN
    rest = replace(args, positional=args.positional[1:])
    return classes.instance(machine, cls.p, rest, node) if isinstance(cls.p, Class) else UNKNOWN


def raw_method(machine: Machine, receiver: Value, name: str, args: Args, node: ir.Node) -> Value | None:
    """Call what every class has from ``object`` or ``type``; None for another method."""
    given = replace(args, positional=(receiver, *args.positional))
    if name == "__new__":
        return new_class(machine, args, node) if machine.making else new_object(machine, args, node)
    if name == "__setattr__":
        return set_raw(machine, given, node)
    if name in ("__getattribute__", "__getattr__"):
        return get_raw(machine, given, node)
    if name == "__call__" and isinstance(receiver.p, Class):
        return call_class(machine, given, node)
    if name in ("__init_subclass__", "__set_name__", "__delattr__"):
        return NONE
    return None


def class_of(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``type(x)``, and ``type(name, bases, namespace)``, which makes a class."""
    if len(args.positional) == 3:
        name, bases, space = args.positional
        return classes.created(machine, name, bases, space, None, node)
    p = args.positional[0].p if args.positional else None
    return Value(p.cls if isinstance(p, Heap) and p.cls is not None else SOME)


def set_raw(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``object.__setattr__(x, name, value)``: past what the class says of it."""
    base, name, value = args.get(0) or UNKNOWN, args.get(1) or UNKNOWN, args.get(2) or UNKNOWN
    for payload, bits in machine.alternatives(base):
        if isinstance(payload, Heap):
            if isinstance(name.p, Known) and isinstance(name.p.v, str):
                machine.store_field(payload.attrs, name.p.v, value, bits, payload)
            else:
                machine.store_somewhere(base, value)
    return NONE


def get_raw(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``object.__getattribute__(x, name)``: past what the class says of it."""
    base, name = args.get(0) or UNKNOWN, args.get(1) or UNKNOWN
    if isinstance(base.p, Heap) and isinstance(name.p, Known) and isinstance(name.p.v, str):
        where = ir.Attr(node.start, node.end, ir.Name(node.start, node.end, "_"), name.p.v)
        return attributes.stored_attr(machine, base.p, base, name.p.v, where)
    return get_attribute(machine, args, node)


def global_names(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``globals()``: the module's names, as a dict that is written through."""
    return Value(Heap("dict", attrs=machine.frame.scope.names, made_at=machine.order))


def local_names(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``locals()``, ``vars()`` and ``vars(x)``: names or attributes as a dict."""
    given = args.get(0)
    if given is None:
        return Value(Heap("dict", attrs=dict(machine.frame.names), made_at=machine.order))
    if isinstance(given.p, Heap) and given.p.kind in ("instance", "namespace"):
        return Value(Heap("dict", attrs=given.p.attrs, origins=given.p.origins, made_at=machine.order), given.m)
    return Value(SOME, given.m)


def itself(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``numpy.vectorize(f)``: the function, applied to each element."""
    return args.get(0) or UNKNOWN


def along_axis(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``numpy.apply_along_axis(f, axis, array)``: the function is followed once, on any row."""
    rest = args.positional[2:]
    return calling.call(machine, args.get(0) or UNKNOWN, arguments.Args(rest, args.keywords, args.rest, node), node)
