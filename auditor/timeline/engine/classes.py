"""How classes and their instances come to be, and attributes that are more than a stored value.

Metaclasses, ``__init_subclass__``, ``__set_name__`` and class decorators run where a class is defined, ``__new__`` and
a metaclass's ``__call__`` where one is called; properties and descriptors where an attribute is read or set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import arguments, births, containers, decorators, enums, exceptions, protocols
from auditor.timeline.values.frames import Frame
from auditor.timeline.values.payloads import (
    NONE,
    UNKNOWN,
    Class,
    External,
    Function,
    Heap,
    Known,
    Payload,
    Tup,
    Value,
)

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine

# Library classes whose instances hold items, and as what they are followed.
CONTAINERS = {
    "dict": "dict", "collections.OrderedDict": "dict", "collections.UserDict": "dict",
    "collections.defaultdict": "dict", "list": "list", "collections.UserList": "list", "collections.deque": "list",
}  # fmt: skip


# ------------------------------------------------------------------ definition


def do_class(machine: Machine, node: ir.ClassDef) -> None:
    """Bind a class: its body is followed as a scope of its own, then what its definition runs."""
    bases: list[Class | str] = []
    for base in node.bases:
        value = machine.eval(base)
        if isinstance(value.p, Class):
            bases.append(value.p)
        elif isinstance(value.p, External):
            bases.append(value.p.name)
        else:
            bases.append(base.attr if isinstance(base, ir.Attr) else getattr(base, "id", "?"))
    keywords = {arg.keyword: machine.eval(arg.value) for arg in node.keywords if arg.keyword is not None}
    cls = Class(node, machine.frame.scope, tuple(bases))
    cls.cursors = machine.relevance.cursors(node)
    cls.counters = machine.relevance.counters(node) | machine.relevance.counted
    outer = machine.frame
    machine.frame = Frame(outer.scope, cls.attrs, parent=outer, owner=cls)
    try:
        for statement in node.body:
            if isinstance(statement, ir.Assign) and len(statement.targets) == 1:
                target = statement.targets[0]
                if isinstance(target, ir.Name):
                    cls.fields.append(target.id)
        machine.block(node.body)
    finally:
        machine.frame = outer
    value = finish(machine, cls, keywords.pop("metaclass", None), keywords, node)
    for decorator in reversed(node.decorators):
        value = decorators.decorate(machine, decorator, value)
    outer.names[node.name] = value


def finish(machine: Machine, cls: Class, given: Value | None, keywords: dict[str, Value], node: ir.Node) -> Value:
    """Run what Python runs when a class is made: its metaclass, ``__set_name__``, ``__init_subclass__``."""
    if given is not None and isinstance(given.p, Class):
        cls.meta = given.p
    elif given is not None and isinstance(given.p, Function):
        parts = (Value(Known(cls.node.name)), UNKNOWN, _namespace(machine, cls))
        made = machine.call(given, arguments.Args(parts, keywords, node=node), node)
        return made if isinstance(made.p, Class) else Value(cls)
    else:
        cls.meta = next((base.meta for base in cls.bases if isinstance(base, Class) and base.meta), None)
    value = Value(cls)
    if cls.meta is not None:
        parts = (Value(Known(cls.node.name)), UNKNOWN, _namespace(machine, cls))
        new = cls.meta.find("__new__")
        if new is not None and isinstance(new.p, Function):
            machine.making.append(cls)
            args = arguments.Args((Value(cls.meta), *parts), keywords, node=node)
            made = machine.invoke(new.p, None, args, node)
            machine.making.pop()
            value = made if isinstance(made.p, Class | Heap) else value
        init = cls.meta.find("__init__")
        if init is not None and isinstance(init.p, Function):
            machine.invoke(init.p, value, arguments.Args(parts, keywords, node=node), node)
    for name, attribute in list(cls.attrs.items()):
        if isinstance(attribute.p, Heap) and attribute.p.cls is not None:
            protocols.send(machine, attribute, "__set_name__", [value, Value(Known(name))], node)
    for base in cls.bases:
        hook = base.find("__init_subclass__") if isinstance(base, Class) else None
        if hook is not None and isinstance(hook.p, Function):
            machine.invoke(hook.p, value, arguments.Args((), keywords, node=node), node)
            break
    return value


def _namespace(machine: Machine, cls: Class) -> Value:
    return Value(Heap("dict", attrs=cls.attrs, made_at=machine.order))


def created(machine: Machine, name: Value, bases: Value, namespace: Value, meta: Class | None, node: ir.Node) -> Value:
    """``type(name, bases, namespace)``: a class made by hand."""
    called = name.p.v if isinstance(name.p, Known) and isinstance(name.p.v, str) else "type"
    above: list[Class | str] = []
    for item in bases.p.items if isinstance(bases.p, Tup) else ():
        if isinstance(item.p, Class):
            above.append(item.p)
        elif isinstance(item.p, External):
            above.append(item.p.name)
    cls = Class(ir.ClassDef(node.start, node.end, called, (), (), ()), machine.frame.scope, tuple(above))
    if isinstance(namespace.p, Heap):
        cls.attrs.update(namespace.p.attrs)
    for attribute in cls.attrs.values():
        if isinstance(attribute.p, Function) and attribute.p.owner is None:
            attribute.p.owner = cls
    return finish(machine, cls, Value(meta) if meta is not None else None, {}, node)


# ------------------------------------------------------------------ instances


def instance(machine: Machine, cls: Class, args: Args, node: ir.Node) -> Value:
    """Call a class: its metaclass's ``__call__``, ``__new__`` and ``__init__``."""
    if cls.meta is not None:
        called = cls.meta.find("__call__")
        if called is not None and isinstance(called.p, Function) and not machine.active.get(called.p.key):
            return machine.invoke(called.p, Value(cls), args, node)
    member = enums.called(cls, args.positional)
    if member is not None:
        return member
    if "type" in cls.external_bases() and len(args.positional) == 3:
        name, bases, namespace = args.positional
        return created(machine, name, bases, namespace, cls, node)
    new = cls.find("__new__")
    if new is not None and isinstance(new.p, Function):
        made = machine.invoke(new.p, Value(cls), args, node)
        if isinstance(made.p, Heap) and made.p.cls is not None and cls in made.p.cls.lineage():
            return initialise(machine, made, cls, args, node)
        return made
    return construct(machine, cls, args, node)


def bare(machine: Machine, cls: Class, args: Args) -> Heap:
    """Return an instance of ``cls`` on which nothing has run yet."""
    bases = cls.external_bases()
    kind = next((CONTAINERS[base] for base in bases if base in CONTAINERS), "instance")
    heap = Heap(kind, cls=cls, made_at=machine.order)
    births.note(machine, heap)
    if kind == "list":
        heap.items = []
    if exceptions.is_exception(cls):
        heap.attrs["args"] = Value(Tup(args.positional), args.origins())
    if cls.find("__del__") is not None:
        machine.finalizable[id(heap)] = (heap, machine.frame)
    return heap


def finalize(machine: Machine, value: Value, node: ir.Node) -> None:
    """Run ``__del__`` of an object that goes away, once."""
    p = value.p
    if isinstance(p, Heap) and machine.finalizable.pop(id(p), None) is not None:
        protocols.send(machine, value, "__del__", [], node)


def finalize_frame(machine: Machine, frame: Frame, out: Value | None, node: ir.Node) -> None:
    """Run ``__del__`` of objects that were made in a call and that it doesn't hand on."""
    for heap, made_in in list(machine.finalizable.values()):
        if made_in is frame and not (out is not None and out.p is heap):
            finalize(machine, Value(heap), node)


# ------------------------------------------------------------------ attributes


def make_property(machine: Machine, args: Args) -> Value:
    """``property(fget, fset, fdel)``."""
    heap = Heap("property", made_at=machine.order)
    for index, name in enumerate(("fget", "fset", "fdel")):
        given = args.get(index, name)
        if given is not None:
            heap.attrs[name] = given
    return Value(heap)


def property_part(base: Heap, name: str, func: Value) -> Value:
    """``@x.setter`` and its like: the property with one more function."""
    part = {"getter": "fget", "setter": "fset", "deleter": "fdel"}[name]
    return Value(Heap("property", name=base.name, attrs={**base.attrs, part: func}, made_at=base.made_at))


def is_data(p: Payload) -> bool:
    """Return whether a class attribute goes before the instance's own: a property, an object with ``__set__``."""
    if not isinstance(p, Heap):
        return False
    return (p.kind == "property" and p.name != "cached") or (p.cls is not None and p.cls.find("__set__") is not None)


def read(machine: Machine, found: Value, base: Value, cls: Class, name: str, node: ir.Node) -> Value | None:
    """Return what a property or descriptor in a class gives for ``base``; None when it is neither."""
    p = found.p
    if not isinstance(p, Heap):
        return None
    if p.kind == "property":
        getter = p.attrs.get("fget")
        if getter is None:
            return UNKNOWN
        out = machine.call(getter, arguments.Args((base,), node=node), node)
        if p.name == "cached" and isinstance(base.p, Heap):
            machine.store_field(base.p.attrs, name, out, machine.all, base.p)
        return out
    if p.cls is not None and p.cls.find("__get__") is not None:
        obj = NONE if isinstance(base.p, Class) else base
        return protocols.send(machine, found, "__get__", [obj, Value(cls)], node)
    return None


def write(machine: Machine, base: Heap, name: str, value: Value, node: ir.Node) -> bool:
    """Set an attribute through a property, a descriptor or ``__setattr__``; return whether there was one."""
    cls = base.cls
    if cls is None:
        return False
    custom = cls.find("__setattr__")
    if custom is not None and isinstance(custom.p, Function) and not machine.active.get(custom.p.key):
        args = arguments.Args((Value(Known(name)), value), node=node)
        machine.invoke(custom.p, Value(base), args, node)
        return True
    found = cls.find(name)
    if found is None or not isinstance(found.p, Heap):
        return False
    if found.p.kind == "property":
        setter = found.p.attrs.get("fset")
        if setter is not None:
            machine.call(setter, arguments.Args((Value(base), value), node=node), node)
        return setter is not None
    if found.p.cls is not None and found.p.cls.find("__set__") is not None:
        protocols.send(machine, found, "__set__", [Value(base), value], node)
        return True
    return False


def construct(machine: Machine, cls: Class, args: Args, node: ir.Node) -> Value:
    """Make an instance of a class of the program."""
    bases = cls.external_bases()
    if any(machine.library.is_optimizer(base) for base in bases):
        heap = Heap("optimizer", cls=cls, origins=args.origins(), made_at=machine.order)
        return Value(heap, heap.origins & machine.params)
    return initialise(machine, Value(bare(machine, cls, args)), cls, args, node)


def initialise(machine: Machine, value: Value, cls: Class, args: Args, node: ir.Node) -> Value:
    """Run ``__init__`` of a class on a new instance."""
    heap = value.p
    assert isinstance(heap, Heap)
    init = cls.find("__init__")
    if init is not None and isinstance(init.p, Function):
        machine.invoke(init.p, value, args, node)
        post = None
    else:
        for index, name in enumerate(cls.fields):
            given = args.get(index, name)
            if given is not None:
                heap.attrs[name] = given
        if heap.kind in ("list", "dict"):
            fill(machine, heap, args)
        elif not cls.fields and "args" not in heap.attrs:
            heap.origins |= args.origins()
        post = cls.find("__post_init__")
    if post is not None and isinstance(post.p, Function):
        machine.invoke(post.p, value, arguments.Args(), node)
    return value


def fill(machine: Machine, heap: Heap, args: Args) -> None:
    """Put what a list or dict is made from into an instance of a class below it."""
    first = args.get(0)
    if heap.kind == "list" and first is not None:
        containers.extend(machine, heap, first)
    elif heap.kind == "dict":
        if first is not None:
            containers.update_dict(machine, heap, first)
        heap.attrs.update(args.keywords)
