"""``base.name``: what is stored, inherited, computed or bound."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import choices, classes, command_lines, containers, parameters, protocols
from auditor.timeline.engine.arguments import Args
from auditor.timeline.engine.models import is_module
from auditor.timeline.values.atoms import SIZE
from auditor.timeline.values.constants import is_none
from auditor.timeline.values.folding import PATH_PARTS, fold_path_part
from auditor.timeline.values.payloads import (
    SOME,
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
    Payload,
    PerSetting,
    Value,
    per_setting,
)

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine


def get_attr(machine: Machine, base: Value, name: str, node: ir.Expr) -> Value:
    """Return ``base.name``."""
    p = base.p
    kind = type(p)
    if type(p) is Heap:
        return heap_attr(machine, p, base, name, node)
    if type(p) is External:
        dotted = f"{p.name}.{name}"
        return command_lines.words(machine, dotted) or Value(External(dotted), base.m)
    if kind is PerSetting or kind is Either:
        return choices.per_thing(machine, base, lambda option: get_attr(machine, option, name, node))
    if type(p) is Class:
        found = p.find(name)
        if found is not None:
            if isinstance(found.p, Function) and machine.decorated.get(id(found.p.node)) == "classmethod":
                return Value(Bound(found.p, base), found.m)
            given = classes.read(machine, found, base, p, name, node) if not is_property(found) else None
            return found if given is None else given
        meta = protocols.find(machine, p, name) or protocols.find(machine, p, "__getattr__")
        if meta is not None and not name.startswith("__"):
            if p.meta is not None and p.meta.find(name) is None:
                return machine.call(meta, Args((Value(Known(name)),), node=node), node)
            return meta
        if name == "__dict__":
            return Value(Heap("dict", attrs=p.attrs, made_at=machine.order))
        if name == "__name__":
            return Value(Known(p.node.name))
        return Value(Method(base, name, node))
    if type(p) is Function or type(p) is Bound or type(p) is Native:
        known = function_attr(machine, p, base, name)
        if known is not None:
            return known
    if (type(p) is Function or type(p) is Bound) and name in (
        "remote",
        "local",
        "spawn",
        "remote_gen",
        "__wrapped__",
        "callback",
    ):
        return base
    if type(p) is Known and name == "value":
        return base  # of a member of an enumeration
    if type(p) is Known and isinstance(p.v, str) and name in PATH_PARTS:
        return machine.fold(lambda path: fold_path_part(path, name), base)
    if name in machine.library.shape_attributes:
        return Value(SOME, SIZE)
    if name == "grad":
        out = base.m | machine.signals.gradients_waiting()
        return Value(SOME, parameters.settle(machine, base.m) | out & ~machine.params)
    if name in machine.library.view_attributes:
        return Value(p if p is SOME else None, base.m)
    where = node.value if isinstance(node, ir.Attr) else node
    # ``size`` is a method of a tensor and a number of an array: never which tokens it holds.
    return Value(Method(base, name, where), SIZE if name == "size" else base.m)


def is_property(found: Value) -> bool:
    """Return whether a class attribute is a property, which a class itself gives as it is."""
    return isinstance(found.p, Heap) and found.p.kind == "property"


def function_attr(machine: Machine, p: Function | Bound | Native, base: Value, name: str) -> Value | None:
    """Return an attribute of a function or method of the program; None for what it doesn't have."""
    stored = machine.function_attrs.get(id(p.node if isinstance(p, Function) else p), {}).get(name)
    if stored is not None:
        return stored
    if name == "__call__" or (name == "__code__" and isinstance(p, Function)):
        return base
    if isinstance(p, Bound) and name in ("__func__", "__self__"):
        return Value(p.func) if name == "__func__" else p.receiver
    if name == "__get__" and isinstance(p, Function):
        func = p

        def bound(args: Args, node: ir.Node) -> Value:
            receiver = args.get(0) or UNKNOWN
            return base if is_none(receiver.p) else Value(Bound(func, receiver))

        return Value(Native("__get__", bound))
    if name == "__globals__" and isinstance(p, Function):
        return Value(Heap("dict", attrs=p.scope.names, made_at=machine.order))
    if name == "__name__" and isinstance(p, Function):
        return Value(Known(p.name))
    return None


def heap_attr(machine: Machine, heap: Heap, base: Value, name: str, node: ir.Expr) -> Value:
    """Return an attribute of an object."""
    if heap.cls is not None:
        every = heap.cls.find("__getattribute__")
        if every is not None and isinstance(every.p, Function) and not machine.active.get(every.p.key):
            return machine.invoke(every.p, base, Args((Value(Known(name)),), node=node), node)
        over = heap.cls.find(name)
        if over is not None and classes.is_data(over.p):
            return classes.read(machine, over, base, heap.cls, name, node) or UNKNOWN
    return stored_attr(machine, heap, base, name, node)


def stored_attr(machine: Machine, heap: Heap, base: Value, name: str, node: ir.Expr) -> Value:
    """Return an attribute of an object as it is stored, in the object or in its class."""
    found = heap.attrs.get(name) if heap.kind not in ("dict", "property") or heap.cls is not None else None
    if found is not None:
        if heap.cls is not None and name in heap.cls.counters and machine.in_loop:
            found = Value(_counted_up(found.p), found.m)
        advanced = heap.cls is not None and name in heap.cls.cursors and machine.iteration_bits
        if advanced and not isinstance(found.p, Heap):
            return Value(found.p, found.m | machine.iteration_bits[-1])
        return found
    if heap.cls is not None and not (heap.kind == "optimizer" and name in ("step", "zero_grad", "load_state_dict")):
        inherited = heap.cls.find(name)
        if inherited is not None:
            return bind_method(machine, inherited, base, heap, node)
    if name in ("__dict__", "_modules", "_parameters", "_buffers") and heap.kind in ("instance", "namespace", "module"):
        return Value(Heap("dict", attrs=heap.attrs, origins=heap.origins, made_at=machine.order), base.m)
    if name == "__class__" and heap.cls is not None:
        return Value(heap.cls)
    if heap.kind == "property" and name in ("getter", "setter", "deleter"):
        return Value(Native(name, lambda args, node: classes.property_part(heap, name, args.get(0) or UNKNOWN)))
    if name == "training" and (mode := machine.library.mode_of(machine, heap)) is not None:
        return mode
    if name in ("module", "_orig_mod") and heap.kind in ("instance", "external"):
        return base
    if name in ("weight", "bias") and heap.kind == "instance" and is_module(heap):
        return Value(SOME, parameters.param(machine, heap))  # inherited from a library's layer
    if heap.kind == "external":
        if name in ("weight", "bias"):
            return Value(SOME, parameters.param(machine, heap))
        if name.startswith("running_"):
            return Value(SOME, heap.origins)  # statistics of what the module was applied to
        if name in machine.library.shape_attributes:
            return Value(SOME)
    if heap.kind == "parameter":
        if name in machine.library.shape_attributes:
            return Value(SOME)
        if name == "grad":
            return Value(SOME, machine.signals.gradients_waiting())
        if name in machine.library.view_attributes:
            return base
    if heap.kind == "external" and name in ("__dict__", "_modules", "_parameters", "_buffers"):
        # The object's own fields: what is written there is written to the object.
        return Value(Heap("dict", attrs=heap.attrs, made_at=machine.order), base.m)
    if heap.kind == "namespace":
        return Value(None, heap.origins)
    if heap.kind == "optimizer" and name == "param_groups":
        inner = containers.new_list(machine, None, Value(SOME, heap.origins))
        return containers.new_list(
            machine, None, Value(Heap("dict", attrs={"params": inner}, origins=heap.origins), heap.origins)
        )
    if heap.cls is not None:
        custom = heap.cls.find("__getattr__")
        if custom is not None and isinstance(custom.p, Function):
            return machine.invoke(custom.p, base, Args((Value(Known(name)),)), node)
    where = node.value if isinstance(node, ir.Attr) else node
    return Value(Method(base, name, where), base.m)


def _counted_up(p: Payload) -> Payload:
    """Return what earlier iterations may have made of a number."""
    if isinstance(p, PerSetting):
        return per_setting([_counted_up(option) for option in p.each])
    return SOME if is_number(p) else p


def is_number(p: Payload) -> bool:
    """Return whether a payload is a constant number."""
    return isinstance(p, Known) and isinstance(p.v, int | float) and not isinstance(p.v, bool)


def bind_method(machine: Machine, found: Value, base: Value, heap: Heap, node: ir.Expr) -> Value:
    """Return a class attribute as seen through an instance."""
    p = found.p
    if isinstance(p, Heap) and heap.cls is not None:
        name = node.attr if isinstance(node, ir.Attr) else ""
        given = classes.read(machine, found, base, heap.cls, name, node)
        return found if given is None else given
    if not isinstance(p, Function):
        return found
    kind = machine.decorated.get(id(p.node), "")
    if kind == "staticmethod":
        return found
    if kind == "classmethod":
        return Value(Bound(p, Value(heap.cls)), found.m)
    if not p.node.params and isinstance(p.node, ir.Lambda):
        return found
    return Value(Bound(p, base), found.m)
