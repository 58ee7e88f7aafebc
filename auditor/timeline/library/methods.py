"""Methods of values whose class the program does not define."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import (
    applying,
    arguments,
    calling,
    containers,
    contexts,
    environments,
    parameters,
    presence,
    stores,
)
from auditor.timeline.library import (
    autograd,
    averages,
    computed,
    concurrency,
    databases,
    disk,
    exit_stacks,
    files,
    functools_,
    iterators,
    lists,
    modes,
    objects,
    options,
    tensors,
    unmodelled,
    written,
)
from auditor.timeline.library.names import (
    GRADIENT_HOOKS,
    HOOKS,
    MODULE_CONTAINERS,
    NATIVE,
    OPENS_NATIVE,
    PARAMETER_METHODS,
    RESET_METHODS,
    SELF_METHODS,
    SHAPE_METHODS,
    VIEW_METHODS,
)
from auditor.timeline.values.atoms import SIZE, TEXT_FILE, TRAIN, VAL
from auditor.timeline.values.payloads import (
    NONE,
    SOME,
    UNKNOWN,
    Bound,
    Class,
    Function,
    Heap,
    Known,
    Method,
    PerSetting,
    Stream,
    Tup,
    Value,
    join,
)

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine


def call_method(machine: Machine, method: Method, args: Args, node: ir.Node) -> Value:
    """Call a method of a value whose class the program doesn't define."""
    receiver, name = method.receiver, method.name
    p = receiver.p
    if type(p) is Heap and p.kind in ("task", "executor", "future", "queue"):
        beside = concurrency.method(machine, p, name, args, node)
        if beside is not None:
            return beside
    if name == "start":
        started = concurrency.start_own(machine, receiver, node)
        if started is not None:
            return started
    if name in disk.METHODS and args.positional and receiver.m & (VAL | TRAIN) and len(args.positional) == 1:
        other = args.positional[0]
        disk.lay(machine, *((other, receiver) if disk.METHODS[name] else (receiver, other)))
    if name == "replace" and len(args.positional) >= 2 and not isinstance(p, Known | PerSetting | Heap):
        renamed = computed.renamed(receiver, args)
        if renamed is not None:
            return renamed
    if name in ("share_memory", "share_memory_"):
        machine.shares_memory = True
    if name == "run_in_executor":
        return calling.call(machine, args.get(1) or UNKNOWN, arguments.Args(args.positional[2:], node=node), node)
    if name == "run_until_complete":
        return args.get(0) or UNKNOWN
    if type(p) is Stream:
        out = iterators.method(machine, receiver, name, args, node)
        if out is not None:
            return out
    args = iterators.forced(machine, name, args)
    if name in GRADIENT_HOOKS and (receiver.m & machine.params or name != "register_hook"):
        machine.signals.gradient_hooked(receiver, name, args)
        function = args.get(0, "hook")
        if function is not None and isinstance(function.p, Function | Bound):
            return Value(Heap("handle", name="hook", made_at=machine.order))  # it is called with each gradient
    if name in HOOKS:
        machine.signals.hooked(receiver, args)
        return Value(Heap("handle", name="hook", made_at=machine.order))
    if name == "remove" and not args.positional:
        machine.signals.unhooked()
    if name == "super":
        return Value(Method(receiver, "super", method.where), receiver.m)
    if type(p) is Method and p.name == "super":
        return super_call(machine, p.receiver, name, args, node)
    undefined = unmodelled.undefined_method(machine, method, args, node)
    if undefined is not None:
        return undefined
    unmodelled.handed_to_opaque(machine, method, args)
    if name == "backward":
        tensors.backward(machine, containers.deep(receiver), node)
        return NONE
    address = machine.signals.address_taken(name, receiver, method.where)
    if address is not None:
        return address
    kind = p.kind if type(p) is Heap else ""
    if kind == "optimizer" or (name in ("step", "zero_grad") and kind not in ("scheduler",)):
        handled = tensors.optimizer_method(machine, receiver, name, args, node)
        if handled is not None:
            return handled
    if type(p) is Heap:
        if p.name in NATIVE or p.kind == "extension":
            if name in OPENS_NATIVE:
                return receiver
            followed = machine.signals.compiled_called(name, args, node)
            if followed is not None:
                return followed
        handled = heap_method(machine, p, receiver, name, args, node)
        if handled is not None:
            return handled
    if name in PARAMETER_METHODS:
        return Value(SOME, parameters.settle(machine, receiver.m) if not receiver.m & machine.params else receiver.m)
    if name in ("iterdir", "glob", "rglob") and type(p) is not Heap:
        return files.listing(machine, _with_receiver(receiver, args), node)
    if isinstance(p, Known | PerSetting) and computed.all_text(p) and name not in ("read_text", "read_bytes"):
        return computed.text_method(machine, receiver, name, args)
    if name in SHAPE_METHODS:
        return Value(SOME, SIZE)
    if name == "requires_grad_" and receiver.m & machine.params:
        return receiver
    if name == "requires_grad_" and p is SOME:
        heap = Heap("parameter", name=arguments.shown(machine, node), made_at=machine.order)
        machine.signals.parameter_made(heap, method.where)
        made = Value(heap, parameters.param(machine, heap) | receiver.m)
        machine.made_trainable(method.where, made)
        return made
    if name.endswith("_") and not name.endswith("__"):
        return tensors.in_place(machine, name, receiver, args, node, method.where)
    if name in ("append", "extend", "add", "update", "insert", "put", "appendleft", "push") and not (
        name == "add" and p is SOME
    ):
        stores.update_in_place(machine, method.where, receiver, Value(None, args.origins()))
        return NONE
    if name == "apply" and type(p) is Class:
        return autograd.apply(machine, p, args, node)
    if args.positional and name in (
        "write",
        "info",
        "debug",
        "warning",
        "log",
        "error",
        "log_metrics",
        "add_scalar",
        "write_text",
        "dump",
    ):
        machine.signals.printed(args.origins(), node)
        if name == "write_text":
            files.write_file(machine, written.key(receiver, written.TEXT), args.get(0) or UNKNOWN)
        return NONE
    if name == "tofile" and args.positional:
        files.append_array(machine, receiver, args.positional[0])
        return NONE
    if name == "write_bytes":
        files.write_file(machine, written.key(receiver), args.get(0) or UNKNOWN)
        return NONE
    if name in ("read_bytes", "read_text", "open"):
        key = written.key(receiver, written.TEXT if name == "read_text" else written.BYTES)
        saved = written.held(machine, key)
        if saved is not None:
            return saved
        text = files.shipped(machine, key) if name != "open" else None
        if text is not None:
            return Value(Known(text))
        return Value(SOME, receiver.m | TEXT_FILE | machine.signals.read(receiver.m, node))
    if name == "readinto" and args.positional and type(p) is not Heap:
        return files.read_into(machine, Value(None, containers.deep(receiver)), args)
    if name in ("scale",) and args.positional:
        return Value(SOME, containers.deep(args.positional[0]))
    origins = containers.deep(receiver) | args.origins()
    if name in VIEW_METHODS:
        return Value(SOME, origins)
    if name == "item" or name == "tolist":
        return Value(SOME, parameters.settle(machine, origins))
    if name in ("items", "values"):
        return containers.new_list(
            machine, None, Value(Tup((UNKNOWN, Value(None, origins))) if name == "items" else None, origins)
        )
    own = unmodelled.own_method(machine, method, args, node)
    if own is not None:
        return own
    if origins & VAL and receiver.m & (machine.params | machine.atoms.family("adapted")) and args.origins() & VAL:
        return applying.apply(machine, None, origins, arguments.shown(machine, node), node, [])
    opaque = unmodelled.method(machine, method, args, node)
    return Value(SOME if p is SOME else None, parameters.settle(machine, origins) | opaque)


def _with_receiver(receiver: Value, args: Args) -> Args:
    return arguments.Args((receiver, *args.positional), args.keywords, args.rest, args.node, args.nodes)


def _registered(machine: Machine, receiver: Value, first: Value, args: Args, node: ir.Node) -> None:
    """``module.register_buffer(name, value)``."""
    value = args.get(1, "tensor") or args.get(1, "param")
    if isinstance(first.p, Known) and isinstance(first.p.v, str) and value is not None:
        where = ir.Name(node.start, node.end, "?")
        machine.store_attr(receiver, first.p.v, value, ir.Attr(node.start, node.end, where, first.p.v))


def _loaded(machine: Machine, module: Heap, state: Value | None, args: Args) -> int:
    """Return the origins of what ``module.load_state_dict(…)`` takes: of one of its class, no more than it has itself.

    A module that was hung on the other one since it was copied is not among what is loaded (``strict=False``).
    """
    source = state.p.made_with.get("self") if state is not None and isinstance(state.p, Heap) else None
    of = source.p if source is not None else None
    if not isinstance(of, Heap) or of is module or of.cls is not module.cls or of.attrs.keys() <= module.attrs.keys():
        return args.origins()
    out = 0
    for name in of.attrs.keys() & module.attrs.keys():
        value = of.attrs[name]
        for held in (*parameters.heaps_in(value.p), *parameters.heaps_of(machine, value.m)):
            out |= parameters.param(machine, held)
    return args.origins() & ~parameters.param(machine, of) | out


def heap_method(machine: Machine, p: Heap, receiver: Value, name: str, args: Args, node: ir.Node) -> Value | None:
    """Call a method that objects of libraries have; None when there is nothing special to it."""
    first = args.get(0)
    kind = p.kind
    if kind in ("instance", "external", "parameter"):
        if name in PARAMETER_METHODS and kind != "parameter":
            bits = parameters.param(machine, p)
            if name in ("parameters", "modules", "children", "buffers"):
                return containers.new_list(machine, None, Value(SOME, bits))
            if name == "state_dict":
                of = {"self": receiver}
                return Value(Heap("dict", element=Value(SOME, bits), made_with=of, made_at=machine.order), bits)
            return containers.new_list(machine, None, Value(Tup((Value(SOME), Value(SOME, bits))), bits))
        if name in averages.FOLLOWS and kind == "external":
            return averages.follow(machine, p, args, node)
        if name in ("register_buffer", "register_parameter") and first is not None and kind == "instance":
            _registered(machine, receiver, first, args, node)
            return NONE
        if name == "load_state_dict":
            machine.signals.parameters_restored([p], _loaded(machine, p, first, args), node)
            return Value(SOME)
        if name in SELF_METHODS and kind != "parameter":
            if name in ("train", "eval"):
                modes.set_mode(machine, p, name, args)
            return receiver
        if name == "update" and kind == "external" and first is not None and isinstance(first.p, Heap):
            return tensors.optimizer_method(machine, receiver, name, args, node)
        if p.name.rpartition(".")[2] in MODULE_CONTAINERS and name in ("append", "extend", "insert"):
            added = args.positional[-1] if args.positional else UNKNOWN
            if name == "extend":
                added = containers.element_of(machine, added)
            p.element = added if p.element is None else join(p.element, added)
            machine.heap_version += 1
            return NONE
        if kind == "parameter" and name in RESET_METHODS:
            machine.signals.parameters_written(
                Value(p, parameters.param(machine, p)), first or UNKNOWN, node, replace=True
            )
            return receiver
        if kind == "parameter" and name in ("detach", "view", "reshape", "flatten", "requires_grad_"):
            return receiver
        if kind == "parameter" and name in ("clone", "to", "float", "half", "double", "bfloat16", "expand", "cpu"):
            return Value(SOME, parameters.settle(machine, receiver.m))
        if (
            kind == "external"
            and args.origins() & VAL
            and p.name.startswith(("fla.", "mamba", "transformers", "torch.nn", "train_gpt."))
        ):
            return applying.apply(machine, p, args.origins() | p.origins, arguments.shown(machine, node), node, [])
        return None
    if kind == databases.KIND:
        return databases.method(machine, p, name, args, node)
    if kind == "list":
        if name.startswith("fetch") and (rows := databases.fetched(machine, receiver, name)) is not None:
            return rows
        return lists.list_method(machine, p, receiver, name, args)
    if kind == "dict":
        if name in ("get", "pop") and environments.is_copy(p):
            return options.copied_environ_get(machine, p, args, node)
        return lists.dict_method(machine, p, receiver, name, args)
    if kind == "file":
        if name == "write":
            machine.signals.printed(args.origins(), node)
            files.write_file(machine, p.name, first or UNKNOWN)
            return NONE
        if name in ("read", "readlines", "readline", "read1"):
            return files.content(machine, p, 0)
        if name == "readinto":
            return files.read_into(machine, files.content(machine, p, 0), args)
        if name in ("flush", "close", "seek"):
            return NONE
        return Value(None, p.origins)
    if kind == "buffer":
        if name in ("getvalue", "read", "getbuffer"):
            return p.element if p.element is not None else UNKNOWN
        if name == "write":
            value = presence.put(machine, first or UNKNOWN)
            p.element = value if p.element is None else join(p.element, value)
        return NONE
    if kind == contexts.STACK:
        return exit_stacks.method(machine, p, name, args, node)
    if kind == "dispatcher":
        return functools_.register(machine, p, args, node) if name == "register" else None
    if kind == "parser":
        return options.parser_method(machine, p, name, args, node)
    return None


def super_call(machine: Machine, receiver: Value, name: str, args: Args, node: ir.Node) -> Value:
    """Call ``super().name(…)``: the program's own base class, else nothing."""
    owner = machine.frame.owner or (machine.frame.func.owner if machine.frame.func else None)
    if owner is not None:
        for base in owner.bases:
            if isinstance(base, Class):
                found = base.find(name)
                if found is not None and isinstance(found.p, Function):
                    own = None if name == "__new__" else receiver
                    return calling.invoke(machine, found.p, own, args, node)
    raw = objects.raw_method(machine, receiver, name, args, node)
    if raw is not None:
        return raw
    if isinstance(receiver.p, Heap) and name != "__init__":
        handled = heap_method(machine, receiver.p, receiver, name, args, node)
        if handled is not None:
            return handled
    return NONE
