"""Attributes, calls and construction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import classes, containers, insides, parameters, protocols, recording
from auditor.timeline.values.atoms import SIZE, TRAIN, VAL
from auditor.timeline.values.constants import is_none
from auditor.timeline.values.frames import CallStep, Frame
from auditor.timeline.values.payloads import (
    NONE,
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
    Stream,
    Tup,
    Value,
    join,
    join_all,
    merge,
)

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine

# Decorators of the standard library that give something else than the function.
DECORATORS = frozenset(
    {
        "property", "abc.abstractproperty", "functools.cached_property", "functools.lru_cache", "functools.cache",
        "functools.singledispatch", "functools.singledispatchmethod", "contextlib.contextmanager",
        "contextlib.asynccontextmanager", "atexit.register",
    }
)  # fmt: skip
MAX_DEPTH = 48
MAX_SAME = 2


@dataclass(frozen=True)
class Args:
    """The arguments of one call. ``rest`` joins what came through ``*args`` or ``**kwargs`` of unknown length."""

    positional: tuple[Value, ...] = ()
    keywords: dict[str, Value] = field(default_factory=dict)
    rest: Value | None = None
    node: ir.Node | None = None
    nodes: tuple[ir.Expr, ...] = ()

    def get(self, index: int, name: str | None = None) -> Value | None:
        """Return an argument by keyword or position, or None."""
        if name is not None and name in self.keywords:
            return self.keywords[name]
        if 0 <= index < len(self.positional):
            return self.positional[index]
        return None

    def all(self) -> list[Value]:
        """Return every argument."""
        out = [*self.positional, *self.keywords.values()]
        if self.rest is not None:
            out.append(self.rest)
        return out

    def origins(self) -> int:
        """Return the origins of all arguments, containers opened."""
        out = 0
        for value in self.all():
            out |= containers.deep(value)
        return out


def eval_call(machine: Machine, node: ir.Call) -> Value:
    """Evaluate a call expression."""
    if isinstance(node.func, ir.Name) and node.func.id == "super" and not node.args:
        return Value(Method(receiver_of(machine.frame), "super", node))
    func = machine.eval(node.func)
    positional: list[Value] = []
    keywords: dict[str, Value] = {}
    rest: Value | None = None
    for arg in node.args:
        value = machine.eval(arg.value)
        if arg.star == "*":
            items = containers.exact_items(machine, value)
            if items is not None:
                positional.extend(items)
            else:
                element = containers.element_of(machine, value)
                rest = element if rest is None else join(rest, element)
        elif arg.star == "**":
            p = value.p
            if isinstance(p, Heap) and p.kind == "dict" and p.element is None:
                keywords.update(p.attrs)
            else:
                loose = Value(None, containers.deep(value))
                rest = loose if rest is None else join(rest, loose)
        elif arg.keyword is not None:
            keywords[arg.keyword] = value
        else:
            positional.append(value)
    args = Args(tuple(positional), keywords, rest, node, tuple(a.value for a in node.args if not a.star))
    return machine.signals.called(func, args, node, call(machine, func, args, node))


def receiver_of(frame: Frame) -> Value:
    """Return the first parameter of the method in progress, whatever it is called."""
    method: Frame | None = frame
    while method is not None and not (method.owner is not None and method.func is not None and method.func.node.params):
        method = method.parent
    if method is None or method.func is None:
        return UNKNOWN
    return method.names.get(method.func.node.params[0].name, UNKNOWN)


def call(machine: Machine, func: Value, args: Args, node: ir.Node) -> Value:
    """Call whatever ``func`` may be; the results of several possibilities are joined."""
    options = machine.alternatives(func)
    if len(options) == 1:
        return call_payload(machine, options[0][0], func, args, node)
    live = machine.live
    weak = machine.weak
    out: Value | None = None
    done = 0
    after = 0
    open_choice = isinstance(func.p, Either)
    for payload, bits in options:
        machine.live = live & bits
        if not machine.live:
            continue
        if open_choice:
            machine.weak = weak | machine.live
            machine.branch_count += 2
            machine.branches.append(machine.branch_count)
        if payload is None and any(o is not None for o, _ in options):
            after |= machine.live
        else:
            value = call_payload(machine, payload, Value(payload, func.m), args, node)
            after |= machine.live
            out = value if out is None else merge(value, out, bits, done, machine.count)
            done |= bits
        if open_choice:
            machine.branches.pop()
    machine.live = after or live
    machine.weak = weak
    return UNKNOWN if out is None else out


def call_payload(machine: Machine, p: Payload, func: Value, args: Args, node: ir.Node) -> Value:
    """Call one payload."""
    kind = type(p)
    if kind is Function:
        assert isinstance(p, Function)
        return invoke(machine, p, None, args, node)
    if kind is Bound:
        assert isinstance(p, Bound)
        receiver = p.receiver.p
        module = isinstance(receiver, Heap) and is_module(receiver) and p.func.name != "__init__"
        if isinstance(receiver, Heap) and module and applies(machine, p.func, args):
            return apply_module(machine, receiver, args, node, p.func.name)
        return invoke(machine, p.func, p.receiver, args, node)
    if kind is External:
        assert isinstance(p, External)
        return machine.library.call_function(machine, p.name, args, node)
    if kind is Method:
        assert isinstance(p, Method)
        return machine.library.call_method(machine, p, args, node)
    if kind is Class:
        assert isinstance(p, Class)
        return classes.instance(machine, p, args, node)
    if kind is Native:
        assert isinstance(p, Native)
        result = p.call(args, node)
        assert isinstance(result, Value)
        return result
    if kind is Heap:
        assert isinstance(p, Heap)
        if p.kind == "dispatcher":
            return call(machine, p.attrs["__call__"], args, node)
        if is_module(p):
            forward = p.cls.find("forward") if p.cls is not None else None
            if forward is not None and isinstance(forward.p, Function) and keeps_state(machine, p, forward.p):
                return invoke(machine, forward.p, Value(p), args, node)
            return apply_module(machine, p, args, node, "forward")
        if p.cls is not None:
            method = p.cls.find("__call__")
            if method is not None and isinstance(method.p, Function):
                return invoke(machine, method.p, Value(p), args, node)
        return opaque(machine, p, func, args, node)
    return opaque(machine, None, func, args, node)


def opaque(machine: Machine, heap: Heap | None, func: Value, args: Args, node: ir.Node) -> Value:
    """Call something that can't be followed: its result is made from its arguments."""
    origins = args.origins() | func.m
    if heap is not None:
        origins |= heap.origins
    if origins & VAL and (heap is not None or func.m & machine.params or func.m & machine.atoms.family("adapted")):
        return apply(machine, heap, origins, shown(machine, node), node, extra_heaps(args))
    what = f"`{shown(machine, node)}()`, and what is called there could not be told"
    bit = machine.escape(node, what, args.all(), args.nodes)
    return Value(None, parameters.settle(machine, origins) | bit)


def extra_heaps(args: Args) -> list[Heap]:
    """Return objects with parameters among the arguments (a LoRA handed to forward, say)."""
    kinds = ("instance", "external", "parameter", "list", "dict")
    return [h for v in args.all() for h in parameters.heaps_in(v.p) if h.kind in kinds]


def is_module(heap: Heap) -> bool:
    """Return whether an object is a neural module."""
    if heap.kind == "external":
        return True
    if heap.kind != "instance" or heap.cls is None:
        return False
    if any(base.rpartition(".")[2].endswith("Module") for base in heap.cls.external_bases()):
        return True
    return heap.cls.find("forward") is not None


def applies(machine: Machine, func: Function, args: Args) -> bool:
    """Return whether calling a module's method applies the model to data (rather than setting it up)."""
    if machine.relevance.adapts(func.node):
        return False
    return bool(args.origins() & (VAL | TRAIN))


def keeps_state(machine: Machine, heap: Heap, forward: Function) -> bool:
    """Return whether applying a module changes it, or one that it holds."""
    if machine.relevance.adapts(forward.node):
        return True
    if not machine.relevance.stateful:
        return False
    below = [
        h.cls.find("forward") for h in parameters.reach(machine, heap) if h.cls is not None and h.kind == "instance"
    ]
    return any(
        f is not None and isinstance(f.p, Function) and id(f.p.node) in machine.relevance.stateful for f in below
    )


def apply_module(machine: Machine, heap: Heap, args: Args, node: ir.Node, method: str) -> Value:
    """Apply a module to data: one event, its inside is not followed."""
    name = recording.name_of(heap)
    told = name if method == "forward" else f"{name}.{method}"
    origins = args.origins() | insides.opaque(machine, heap)
    origins |= machine.signals.inside_read(heap, origins, node)
    return apply(machine, heap, origins, told, node, extra_heaps(args))


def apply(
    machine: Machine, model: Heap | None, origins: int, name: str, node: ir.Node, extra: Sequence[Heap] = ()
) -> Value:
    """Apply a model to something made from ``origins``."""
    out = machine.signals.applied(model, origins, name, node, extra)
    return Value(SOME, parameters.settle(machine, origins)) if out is None else out


def shown(machine: Machine, node: ir.Node) -> str:
    """Return a short quotation of a call's function."""
    text = machine.frame.scope.source.text[node.start : node.end]
    return " ".join(text.split("(", 1)[0].split())[:60]


def context_name(value: Value) -> str:
    """Return the last part of a library's name ("" where the value is not a library's)."""
    p = value.p
    return p.name.rpartition(".")[2] if isinstance(p, External | Heap) else ""


def callee_name(func: Value) -> str:
    """Return what a call outside the program calls: the last part of a library's name, or the method's name."""
    p = func.p
    if isinstance(p, External):
        return "add.at" if p.name.endswith("add.at") else p.name.rpartition(".")[2]
    return p.name if isinstance(p, Method) else ""


def given_to(func: Value, args: Args) -> list[Value]:
    """Return the positional arguments of a call, a method's receiver first."""
    return [func.p.receiver, *args.positional] if isinstance(func.p, Method) else list(args.positional)


# ------------------------------------------------------------------ functions


def invoke(
    machine: Machine,
    func: Function,
    receiver: Value | None,
    args: Args,
    node: ir.Node,
    stream: Stream | None = None,
    consume: Callable[[Value], Value] | None = None,
) -> Value:
    """Follow a call of the program's own function; a generator's when something pulls on it (``consume``)."""
    if stream is None and isinstance(func.node, ir.FunctionDef) and func.node.is_generator:
        made = Stream(lambda each: invoke(machine, func, receiver, args, node, made, each))
        made.learns = machine.relevance.adapts(func.node)
        made.given = (*([receiver] if receiver is not None else []), *args.all())
        own = receiver.m if receiver is not None else 0
        return Value(made, parameters.settle(machine, args.origins() | own))
    key = id(func.node)
    if machine.depth >= MAX_DEPTH or machine.active.get(key, 0) >= MAX_SAME:
        machine.note_unfollowed(machine.site(node), f"{func.name} calls itself or nests too deeply")
        return Value(None, parameters.settle(machine, args.origins()))
    frame = Frame(func.scope, {}, parent=func.closure, func=func, owner=func.owner, consume=consume, pulled_by=stream)
    bind_parameters(machine, func, receiver, args, frame.names)
    outer = machine.frame
    saved = (machine.live, machine.jumped, machine.broken, machine.break_names)
    live0 = machine.live
    passed = len(machine.passed)
    machine.calls.append(CallStep(machine.site(node), func.name))
    machine.frame = frame
    machine.jumped = machine.broken = 0
    machine.break_names = []
    machine.depth += 1
    machine.active[key] = machine.active.get(key, 0) + 1
    machine.entered.add(key)
    quiet = int(key in machine.quiet)
    machine.no_grad += quiet
    out: Value | None = None
    try:
        if isinstance(func.node, ir.Lambda):
            out = machine.eval(func.node.body)
            return out
        machine.block(func.node.body)
        fell = machine.live & ~0
        out = frame.returned
        if fell:
            out = NONE if out is None else merge(NONE, out, fell, frame.returned_bits, machine.count)
        return UNKNOWN if out is None else out
    finally:
        after = (frame.returned_bits | machine.live) & live0
        if frame.thrown & live0 & ~after:
            outer.thrown |= frame.thrown & live0 & ~after
        elif not after:
            after = live0
        machine.live = after
        _, machine.jumped, machine.broken, machine.break_names = saved
        del machine.passed[passed:]
        machine.active[key] -= 1
        machine.no_grad -= quiet
        machine.depth -= 1
        machine.frame = outer
        machine.calls.pop()
        if machine.finalizable:
            classes.finalize_frame(machine, frame, out, node)
        if frame.written:
            hand_back(machine, func, receiver, args, frame)


def hand_back(machine: Machine, func: Function, receiver: Value | None, args: Args, frame: Frame) -> None:
    """Let the caller's arrays that the call wrote into be made from what it wrote, too."""
    offset = 0 if receiver is None else 1
    for position, param in enumerate(func.node.params):
        value = frame.written.get(param.name)
        if value is None:
            continue
        index = position - offset
        where = args.nodes[index] if 0 <= index < min(len(args.positional), len(args.nodes)) else None
        if where is None and isinstance(args.node, ir.Call):
            where = next((a.value for a in args.node.args if a.keyword == param.name), None)
        if isinstance(where, ir.Name | ir.Attr | ir.Subscript):
            base = containers.old_value(machine, where)
            if not isinstance(base.p, Heap | Known):
                containers.update_in_place(machine, where, base, value)


def bind_parameters(
    machine: Machine, func: Function, receiver: Value | None, args: Args, names: dict[str, Value]
) -> None:
    """Bind a call's arguments to a function's parameters."""
    given = list(args.positional)
    if receiver is not None:
        given.insert(0, receiver)
    params = func.node.params
    keywords = dict(args.keywords)
    position = 0
    for param in params:
        if param.kind == "pos":
            if position < len(given):
                names[param.name] = given[position]
                position += 1
            elif param.name in keywords:
                names[param.name] = keywords.pop(param.name)
            elif param.name in func.defaults:
                value = func.defaults[param.name]
                names[param.name] = value if args.rest is None else join(value, args.rest)
            else:
                names[param.name] = args.rest if args.rest is not None else UNKNOWN
        elif param.kind == "*":
            names[param.name] = Value(Tup(tuple(given[position:])), join_all(given[position:]).m)
            position = len(given)
            if args.rest is not None:
                names[param.name] = containers.new_list(machine, None, args.rest)
        elif param.kind == "kw":
            if param.name in keywords:
                names[param.name] = keywords.pop(param.name)
            else:
                names[param.name] = func.defaults.get(param.name, args.rest or UNKNOWN)
        else:
            rest = {k: v for k, v in keywords.items() if not any(p.name == k for p in params)}
            names[param.name] = Value(Heap("dict", attrs=rest, element=args.rest, made_at=machine.order))


def call_method_of(machine: Machine, receiver: Value, name: str, given: list[Value]) -> Value:
    """Call a method of the program's own class by name."""
    p = receiver.p
    if isinstance(p, Heap) and p.cls is not None:
        method = p.cls.find(name)
        if method is not None and isinstance(method.p, Function):
            node = method.p.node
            return invoke(machine, method.p, receiver, Args(tuple(given)), ir.Name(node.start, node.start, name))
    return UNKNOWN


def construct(machine: Machine, cls: Class, args: Args, node: ir.Node) -> Value:
    """Make an instance of a class of the program."""
    bases = cls.external_bases()
    if any(machine.library.is_optimizer(base) for base in bases):
        heap = Heap("optimizer", cls=cls, origins=args.origins(), made_at=machine.order)
        return Value(heap, heap.origins & machine.params)
    return initialise(machine, Value(classes.bare(machine, cls, args)), cls, args, node)


def initialise(machine: Machine, value: Value, cls: Class, args: Args, node: ir.Node) -> Value:
    """Run ``__init__`` of a class on a new instance."""
    heap = value.p
    assert isinstance(heap, Heap)
    init = cls.find("__init__")
    if init is not None and isinstance(init.p, Function):
        invoke(machine, init.p, value, args, node)
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
        invoke(machine, post.p, value, Args(), node)
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


# ------------------------------------------------------------------ attributes


def get_attr(machine: Machine, base: Value, name: str, node: ir.Expr) -> Value:
    """Return ``base.name``."""
    p = base.p
    kind = type(p)
    if kind is Heap:
        assert isinstance(p, Heap)
        return heap_attr(machine, p, base, name, node)
    if kind is External:
        assert isinstance(p, External)
        return Value(External(f"{p.name}.{name}"), base.m)
    if kind is PerSetting or kind is Either:
        return machine.per_option(base, lambda option: get_attr(machine, option, name, node))
    if kind is Class:
        assert isinstance(p, Class)
        found = p.find(name)
        if found is not None:
            if isinstance(found.p, Function) and machine.decorated.get(id(found.p.node)) == "classmethod":
                return Value(Bound(found.p, base), found.m)
            given = classes.read(machine, found, base, p, name, node) if not is_property(found) else None
            return found if given is None else given
        meta = protocols.find(machine, p, name) or protocols.find(machine, p, "__getattr__")
        if meta is not None and not name.startswith("__"):
            if p.meta is not None and p.meta.find(name) is None:
                return call(machine, meta, Args((Value(Known(name)),), node=node), node)
            return meta
        if name == "__dict__":
            return Value(Heap("dict", attrs=p.attrs, made_at=machine.order))
        if name == "__name__":
            return Value(Known(p.node.name))
        return Value(Method(base, name, node))
    if isinstance(p, Function | Bound | Native):
        known = function_attr(machine, p, base, name)
        if known is not None:
            return known
    if isinstance(p, Function | Bound) and name in (
        "remote",
        "local",
        "spawn",
        "remote_gen",
        "__wrapped__",
        "callback",
    ):
        return base
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
        if every is not None and isinstance(every.p, Function) and not machine.active.get(id(every.p.node)):
            return invoke(machine, every.p, base, Args((Value(Known(name)),), node=node), node)
        over = heap.cls.find(name)
        if over is not None and classes.is_data(over.p):
            return classes.read(machine, over, base, heap.cls, name, node) or UNKNOWN
    return stored_attr(machine, heap, base, name, node)


def stored_attr(machine: Machine, heap: Heap, base: Value, name: str, node: ir.Expr) -> Value:
    """Return an attribute of an object as it is stored, in the object or in its class."""
    found = heap.attrs.get(name) if heap.kind not in ("dict", "property") or heap.cls is not None else None
    if found is not None:
        if heap.cls is not None and name in heap.cls.counters and machine.in_loop and is_number(found.p):
            found = Value(SOME, found.m)  # earlier iterations have counted it up
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
    if name == "training" and (mode := machine.library.mode_of(machine, heap)) is not None:
        return mode
    if heap.kind == "property" and name in ("getter", "setter", "deleter"):
        return Value(Native(name, lambda args, node: classes.property_part(heap, name, args.get(0) or UNKNOWN)))
    if name in ("module", "_orig_mod") and heap.kind in ("instance", "external"):
        return base
    if name in ("weight", "bias") and heap.kind == "instance" and is_module(heap):
        return Value(SOME, parameters.param(machine, heap))  # inherited from a library's layer
    if heap.kind == "external":
        if name in ("weight", "bias"):
            return Value(SOME, parameters.param(machine, heap))
        if name in machine.library.shape_attributes:
            return Value(SOME)
    if heap.kind == "parameter":
        if name in machine.library.shape_attributes:
            return Value(SOME)
        if name == "grad":
            return Value(SOME, machine.signals.gradients_waiting())
        if name in machine.library.view_attributes:
            return base
    if heap.kind in ("instance", "external") and name in ("__dict__", "_modules", "_parameters", "_buffers"):
        # The object's own fields: what is written there is written to the object.
        return Value(Heap("dict", attrs=heap.attrs, made_at=machine.order), base.m)
    if heap.kind in ("instance", "external") and name in ("__dict__", "_modules", "_parameters", "_buffers"):
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
            return invoke(machine, custom.p, base, Args((Value(Known(name)),)), node)
    where = node.value if isinstance(node, ir.Attr) else node
    return Value(Method(base, name, where), base.m)


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


def decorate(machine: Machine, decorator: ir.Expr, value: Value) -> Value:
    """Return a decorated function; decorators of libraries leave it as it is."""
    func = value.p
    if isinstance(decorator, ir.Name) and decorator.id in ("staticmethod", "classmethod"):
        if isinstance(func, Function):
            machine.decorated[id(func.node)] = decorator.id
        return value
    target = decorator.func if isinstance(decorator, ir.Call) else decorator
    if isinstance(target, ir.Attr) and target.attr in ("local_entrypoint", "main") and isinstance(func, Function):
        machine.entry_points.append(func)
    found = machine.eval(target)
    if isinstance(func, Function) and context_name(found) in ("no_grad", "inference_mode"):
        machine.quiet.add(id(func.node))
    name = found.p.name if isinstance(found.p, External) else ""
    if name in DECORATORS:
        return machine.library.call_function(machine, name, Args((value,), node=decorator), decorator)
    registers = isinstance(found.p, Method) and found.p.name == "register" and isinstance(decorator, ir.Call)
    if found.p is None or isinstance(found.p, External) or (isinstance(found.p, Method) and not registers):
        return value
    if isinstance(decorator, ir.Call):
        found = machine.eval(decorator)
    result = call(machine, found, Args((value,), node=decorator), decorator)
    return value if result.p is None or result.p is SOME or isinstance(result.p, Method) else result


def enter(machine: Machine, value: Value) -> Value:
    """Return what ``with value as x`` binds."""
    entered = protocols.send(machine, value, "__enter__", [], ir.Name(0, 0, "__enter__"))
    return value if entered is None else entered
