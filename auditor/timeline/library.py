"""What calls into libraries do, as far as the challenge's scripts use them."""

from __future__ import annotations

import builtins
import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline import calibration, containers, effects, network, opened, slots, switches
from auditor.timeline.atoms import BITS, CLOCK, LISTING, RANDOM, SIZE, TEXT_FILE, TRAIN, VAL
from auditor.timeline.folding import FoldError, fold_text_method, string_origins
from auditor.timeline.values import (
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
    from auditor.timeline.calling import Args
    from auditor.timeline.machine import Machine

BUILTINS = frozenset(name for name in dir(builtins) if not name.startswith("__")) | {"__import__"}

SHAPE_ATTRIBUTES = frozenset(
    {
        "shape",
        "ndim",
        "dtype",
        "device",
        "requires_grad",
        "is_cuda",
        "itemsize",
        "nbytes",
        "layout",
        "is_leaf",
    }
)
SHAPE_METHODS = frozenset(
    {
        "numel",
        "size",
        "dim",
        "nelement",
        "stride",
        "element_size",
        "data_ptr",
        "is_contiguous",
        "get_device",
        "storage_offset",
        "tell",
        "is_floating_point",
    }
)
# Views and containers: what they give is still the live parameter.
VIEW_ATTRIBUTES = frozenset({"data", "T", "mT", "real", "values", "flat"})
VIEW_METHODS = frozenset(
    {
        "detach",
        "view",
        "view_as",
        "reshape",
        "flatten",
        "unsqueeze",
        "squeeze",
        "t",
        "requires_grad_",
        "expand",
        "contiguous",
        "values",
        "items",
        "keys",
        "__iter__",
    }
)
SELF_METHODS = frozenset(
    {
        "to",
        "cuda",
        "cpu",
        "train",
        "eval",
        "half",
        "float",
        "double",
        "bfloat16",
        "requires_grad_",
        "apply",
        "share_memory",
        "to_empty",
        "type",
        "compile",
        "prepare",
    }
)
PARAMETER_METHODS = frozenset(
    {
        "parameters",
        "named_parameters",
        "state_dict",
        "named_modules",
        "modules",
        "children",
        "named_children",
        "buffers",
        "named_buffers",
        "get_submodule",
        "trainable_parameters",
        "get_parameter",
    }
)
RESET_METHODS = frozenset(
    {
        "zero_",
        "normal_",
        "uniform_",
        "fill_",
        "copy_",
        "set_",
        "kaiming_uniform_",
        "orthogonal_",
        "trunc_normal_",
        "xavier_uniform_",
        "constant_",
        "zeros_",
        "ones_",
        "eye_",
        "reset_parameters",
        "kaiming_normal_",
    }
)
ALIASES = frozenset(
    {
        "torch.compile", "torch.jit.script", "torch.nn.parallel.DistributedDataParallel", "torch.jit.trace",
        "torch.nn.DataParallel", "torch.distributed.fsdp.FullyShardedDataParallel", "torch.compiler.disable",
        "torch._dynamo.disable", "torch._dynamo.optimize", "functools.wraps", "functools.lru_cache", "functools.cache",
        "typing.cast", "torch.no_grad", "torch.inference_mode", "torch.fx.wrap", "mlx.core.compile",
        "torch.cuda.make_graphed_callables",
    }
)  # fmt: skip
MODULE_CONTAINERS = frozenset({"ModuleList", "ModuleDict", "Sequential", "ParameterList", "ParameterDict"})
# What these load is machine code: nothing that it does can be read here.
NATIVE = frozenset(
    {
        "ctypes.CDLL", "ctypes.PyDLL", "ctypes.cdll.LoadLibrary", "numpy.ctypeslib.load_library", "cffi.FFI",
        "torch.utils.cpp_extension.load", "torch.utils.cpp_extension.load_inline",
    }
)  # fmt: skip
READERS = frozenset(
    {
        "fromfile",
        "memmap",
        "load",
        "from_file",
        "loadtxt",
        "frombuffer",
        "read_parquet",
        "load_dataset",
        "open_memmap",
        "mmap",
        "read_csv",
        "genfromtxt",
        "load_file",
        "read_bytes",
    }
)
FRESH_TENSORS = frozenset(
    {
        "zeros",
        "ones",
        "empty",
        "full",
        "randn",
        "rand",
        "zeros_like",
        "ones_like",
        "empty_like",
        "tensor",
        "full_like",
        "randn_like",
    }
)
MATH: dict[str, Callable[..., object]] = {
    "math.log": math.log, "math.exp": math.exp, "math.sqrt": math.sqrt, "math.log2": math.log2,
    "math.floor": math.floor, "math.ceil": math.ceil, "math.cos": math.cos, "math.sin": math.sin,
    "math.log10": math.log10, "numpy.log": math.log, "numpy.sqrt": math.sqrt, "numpy.exp": math.exp,
    "math.gcd": math.gcd, "math.isnan": math.isnan, "numpy.log2": math.log2,
}  # fmt: skip
_LOGGERS = re.compile(r"^(?:logging|logger|log|wandb|loguru|rich|tqdm)\b")


def is_optimizer_name(name: str) -> bool:
    """Return whether a dotted library name is an optimizer class."""
    last = name.rpartition(".")[2]
    if "scheduler" in name.lower():
        return False
    if last.endswith("Optimizer") or name.startswith(("torch.optim.", "mlx.optimizers.", "bitsandbytes.optim.")):
        return True
    return last in {
        "Adam", "AdamW", "SGD", "RMSprop", "Adagrad", "LBFGS", "Muon", "Lion", "Adafactor", "RAdam", "NAdam",
        "Shampoo", "SOAP",
    }  # fmt: skip


def shown(machine: Machine, node: ir.Node) -> str:
    """Return a short quotation of a call's function."""
    text = machine.frame.scope.source.text[node.start : node.end]
    return text.split("(", 1)[0][:60]


def context_name(value: Value) -> str:
    """Return the last part of a context manager's library name ("" when it is not a library's)."""
    p = value.p
    if isinstance(p, External):
        return p.name.rpartition(".")[2]
    if isinstance(p, Heap):
        return p.name.rpartition(".")[2]
    return ""


def in_environment(machine: Machine, name: Value, where: Value) -> Value | None:
    """Return whether a variable is in ``os.environ``, None when that is not what is asked."""
    if isinstance(where.p, External) and where.p.name == "os.environ":
        return switches.present(machine, name)
    return None


def parse_printed(text: str, model: Payload) -> object:
    """Return a logged value as a constant of the kind that the script computes."""
    return switches.like(text, model)


# ------------------------------------------------------------------ functions of libraries


def call_external(machine: Machine, name: str, args: Args, node: ir.Node) -> Value:
    """Call a library function by dotted name."""
    network.called(machine, name, args, node)
    exact = EXACT.get(name)
    if exact is not None:
        return exact(machine, args, node)
    last = name.rpartition(".")[2]
    if (
        name in ALIASES
        or last in ("DistributedDataParallel", "FullyShardedDataParallel", "compile", "fully_shard")
        or last == "DDP"
    ):
        first = args.get(0)
        if first is not None:
            return first
        inner = args.get(-1, "model") or args.get(-1, "module")
        return inner if inner is not None else Value(External(name))
    compute = MATH.get(name)
    if compute is not None and args.positional:
        out = machine.fold(_guarded(compute), *args.positional)
        if last == "log" and isinstance(args.positional[0].p, Known) and args.positional[0].p.v == 2:
            return Value(out.p, out.m | BITS)
        if last == "log2":
            return Value(out.p, out.m | BITS)
        return out
    if is_optimizer_name(name):
        heap = Heap("optimizer", name=name, origins=args.origins(), made_at=machine.order)
        return Value(heap, heap.origins & machine.params)
    if "scheduler" in name.lower() and last[:1].isupper():
        return Value(Heap("scheduler", name=name, made_at=machine.order))
    if name in NATIVE:
        return Value(Heap("external", name=name, made_at=machine.order))
    if last in READERS:
        return read_data(machine, name, args, node)
    if last in FRESH_TENSORS:
        return fresh_tensor(machine, name, args, node)
    origins = args.origins()
    if name.startswith(("time.", "datetime.")):
        return Value(SOME, CLOCK)
    if "rand" in last or name.startswith("random."):
        return Value(SOME, effects.settle(machine, origins) | RANDOM)
    if last == "log2":
        return Value(SOME, effects.settle(machine, origins) | BITS)
    if last == "log" and args.positional and isinstance(args.positional[0].p, Known) and args.positional[0].p.v == 2:
        return Value(SOME, BITS)
    if last == "grad" and ("autograd" in name or "torch" in name):
        return gradient_of(machine, args, node)
    if last in ("value_and_grad", "grad_and_value", "grad"):
        return grad_function(machine, args, node)
    if last == "backward":
        effects.pend(machine, effects.backward(machine, args.origins(), node))
        return NONE
    if last == "functional_call":
        model = args.get(0)
        heap_model = model.p if model is not None and isinstance(model.p, Heap) else None
        return effects.forward(machine, heap_model, origins, shown(machine, node), node, [])
    if _LOGGERS.match(name):
        effects.report(machine, origins, node)
        return NONE
    if last.endswith("_") and not last.endswith("__") and args.positional:
        return in_place(machine, last, args.positional[0], args, node, args.nodes[0] if args.nodes else None)
    if last in ("scatter_add", "index_add", "add.at", "at") and args.positional and args.nodes:
        containers.update_in_place(machine, args.nodes[0], args.positional[0], Value(None, origins))
        return NONE
    if (last[:1].isupper() and not last.isupper()) or name in ("sentencepiece.SentencePieceProcessor",):
        heap = Heap("external", name=name, origins=origins, made_at=machine.order)
        if last in MODULE_CONTAINERS:
            # Its modules keep their identity: what is trained through one way is trained for all.
            first = args.get(0)
            single = first is not None and last in (
                "ModuleList",
                "ModuleDict",
                "ParameterList",
                "ParameterDict",
            )
            parts = [containers.element_of(machine, first)] if single and first is not None else list(args.positional)
            if single and first is not None and isinstance(first.p, Heap) and first.p.kind == "dict":
                parts = [*first.p.attrs.values(), *([first.p.element] if first.p.element is not None else [])]
            heap.element = join_all(parts) if parts else None
            heap.origins = 0
        return Value(heap, origins & ~machine.params)
    if last in ("Parameter",):
        return parameter(machine, args)
    p: Payload = SOME if name.startswith(("torch.", "numpy.", "math.", "mlx.")) else None
    return Value(p, effects.settle(machine, origins))


def _guarded(compute: Callable[..., object]) -> Callable[..., object]:
    def run(*values: object) -> object:
        try:
            return compute(*values)
        except (TypeError, ValueError, OverflowError, ZeroDivisionError) as error:
            raise FoldError from error

    return run


def fresh_tensor(machine: Machine, name: str, args: Args, node: ir.Node) -> Value:
    """Make a tensor; with ``requires_grad=True`` it is a parameter."""
    origins = 0
    last = name.rpartition(".")[2]
    if last in ("tensor", "full") or last.endswith("_like"):
        origins = args.origins() if last in ("tensor", "full") else 0
    if "rand" in last:
        origins |= RANDOM
    flag = args.keywords.get("requires_grad")
    if flag is not None and isinstance(flag.p, Known) and flag.p.v is True:
        heap = Heap("parameter", name=shown(machine, node), made_at=machine.order)
        slots.made(machine, heap, node)
        return Value(heap, effects.param(machine, heap) | origins)
    return Value(SOME, effects.settle(machine, origins))


def parameter(machine: Machine, args: Args) -> Value:
    """Make an ``nn.Parameter``."""
    heap = Heap("parameter", name="Parameter", made_at=machine.order)
    first = args.get(0)
    origins = effects.settle(machine, first.m) if first is not None else 0
    for number in machine.atoms.meanings(origins, "adapted"):
        if isinstance(number, int):
            heap.adapted[number] = machine.live
    slots.made(machine, heap, args.nodes[0] if args.nodes else None)
    return Value(heap, effects.param(machine, heap))


def read_data(machine: Machine, name: str, args: Args, node: ir.Node) -> Value:
    """Read an array or a saved object from a file (or a buffer)."""
    first = args.get(0)
    origins = args.origins()
    if first is not None:
        if isinstance(first.p, Heap) and first.p.kind in ("buffer", "file"):
            return content(machine, first.p, origins)
        saved = machine.files.get(path_key(first)) if not name.endswith("frombuffer") else None
        if saved is not None and not origins & (VAL | TRAIN):
            return saved
    effects.load(machine, origins, node)
    origins |= opened.opened(machine, origins, node)
    # What is in a file doesn't depend on the setting that named it, as far as switches go.
    origins &= ~machine.atoms.family("setting")
    return Value(SOME, effects.settle(machine, origins) & ~LISTING | TEXT_FILE)


def path_key(path: Value) -> str:
    """Return the key of a path in the model of the disk ("*" when it is not a constant)."""
    if isinstance(path.p, Known) and isinstance(path.p.v, str):
        return path.p.v
    return "*"


def content(machine: Machine, heap: Heap, origins: int) -> Value:
    """Return what a file or buffer holds."""
    if heap.kind == "file":
        saved = machine.files.get(heap.name)
        if saved is not None:
            return saved
        return Value(None, heap.origins & ~LISTING | TEXT_FILE)
    return heap.element if heap.element is not None else Value(None, origins)


def read_into(machine: Machine, held: Value, args: Args) -> Value:
    """``file.readinto(buffer)``: what the buffer is a view of now holds what the file ``held``."""
    where = args.nodes[0] if args.nodes else None
    while isinstance(where, ir.Call) and not isinstance(where.func, ir.Attr) and where.args:
        where = where.args[0].value  # memoryview(array)
    if where is not None:
        containers.update_in_place(machine, where, args.positional[0], Value(None, containers.deep(held)))
    return Value(SOME, SIZE)


def write_file(machine: Machine, key: str, value: Value) -> None:
    """Keep what the script writes to a path, so that reading it back gives the same."""
    opened.saved(machine, containers.deep(value))
    kept = Value(value.p, effects.settle(machine, value.m))
    old = machine.files.get(key)
    if old is not None and (machine.weak or machine.live != machine.all):
        kept = join(old, kept)
    machine.files[key] = kept


def _print(machine: Machine, args: Args, node: ir.Node) -> Value:
    effects.report(machine, args.origins(), node)
    return NONE


def _constant(function: Callable[..., object]) -> Callable[[Machine, Args, ir.Node], Value]:
    def run(machine: Machine, args: Args, node: ir.Node) -> Value:
        if not args.positional:
            try:
                return Value(Known(function()))
            except TypeError:
                return UNKNOWN
        values = [containers.as_constant(machine, v) for v in args.positional]
        out = machine.fold(_guarded(_bounded(function)), *values)
        return Value(out.p, effects.settle(machine, out.m | args.origins()))

    return run


def _bounded(function: Callable[..., object]) -> Callable[..., object]:
    def run(*values: object) -> object:
        for value in values:
            if isinstance(value, str | bytes | tuple | range) and len(value) > 5000:
                raise FoldError
        result = function(*values)
        return tuple(result) if isinstance(result, list) else result

    return run


def _len(machine: Machine, args: Args, node: ir.Node) -> Value:
    value = args.get(0) or UNKNOWN
    items = containers.exact_items(machine, value)
    if items is not None and (not isinstance(value.p, Heap) or not machine.in_loop):
        return Value(Known(len(items)))
    keep = machine.atoms.family("iteration")
    cls = value.p.cls if isinstance(value.p, Heap) and value.p.kind == "instance" else None
    if cls is not None and cls.find("__len__") is not None:
        from auditor.timeline import calling

        return calling.call_method_of(machine, value, "__len__", [])
    if isinstance(value.p, Known | PerSetting):
        return machine.fold(_guarded(len), value)
    return Value(SOME, value.m & keep | SIZE)


def _list(machine: Machine, args: Args, node: ir.Node) -> Value:
    value = args.get(0)
    if value is None:
        return containers.new_list(machine, [])
    items = containers.exact_items(machine, value)
    if items is not None:
        return containers.new_list(machine, list(items))
    return containers.new_list(machine, None, containers.element_of(machine, value))


def _tuple(machine: Machine, args: Args, node: ir.Node) -> Value:
    value = args.get(0)
    if value is None:
        return Value(Known(()))
    items = containers.exact_items(machine, value)
    if items is not None:
        return Value(Tup(tuple(items)), value.m)
    return containers.new_list(machine, None, containers.element_of(machine, value))


def _dict(machine: Machine, args: Args, node: ir.Node) -> Value:
    heap = Heap("dict", made_at=machine.order)
    first = args.get(0)
    if first is not None:
        if isinstance(first.p, Heap) and first.p.kind == "dict":
            containers.update_dict(machine, heap, first)
        else:
            heap.element = Value(None, containers.deep(first))
    for key, value in args.keywords.items():
        heap.attrs[key] = value
    return Value(heap, args.origins())


def _enumerate(machine: Machine, args: Args, node: ir.Node) -> Value:
    value = args.get(0) or UNKNOWN
    items = containers.exact_items(machine, value)
    if items is not None:
        pairs = [Value(Tup((Value(Known(i)), item)), item.m) for i, item in enumerate(items)]
        return containers.new_list(machine, pairs)
    element = containers.element_of(machine, value)
    if isinstance(element.p, Known):
        element = Value(SOME, element.m)
    return containers.new_list(machine, None, Value(Tup((Value(SOME), element)), element.m))


def _zip(machine: Machine, args: Args, node: ir.Node) -> Value:
    columns = [containers.exact_items(machine, v) for v in args.positional]
    if columns and all(c is not None for c in columns) and args.rest is None:
        rows = zip(*[c for c in columns if c is not None], strict=False)
        return containers.new_list(machine, [Value(Tup(row), join_all(row).m) for row in rows])
    elements = tuple(containers.element_of(machine, v) for v in args.positional)
    return containers.new_list(machine, None, Value(Tup(elements), args.origins()))


def _same_elements(machine: Machine, args: Args, node: ir.Node) -> Value:
    value = args.get(0) or UNKNOWN
    items = containers.exact_items(machine, value)
    if items is not None and all(not isinstance(i.p, Known) for i in items):
        return containers.new_list(machine, list(items))
    return containers.new_list(machine, None, containers.element_of(machine, value))


def _filter(machine: Machine, args: Args, node: ir.Node) -> Value:
    return containers.new_list(machine, None, containers.element_of(machine, args.get(1) or UNKNOWN))


def _map(machine: Machine, args: Args, node: ir.Node) -> Value:
    from auditor.timeline import calling

    function = args.get(0) or UNKNOWN
    elements = tuple(containers.element_of(machine, v) for v in args.positional[1:])
    return containers.new_list(machine, None, calling.call(machine, function, calling.Args(elements, node=node), node))


def _chain(machine: Machine, args: Args, node: ir.Node) -> Value:
    return containers.new_list(
        machine, None, join_all([containers.element_of(machine, v) for v in args.all()] or [UNKNOWN])
    )


def _first_or_default(machine: Machine, args: Args, node: ir.Node) -> Value:
    out = containers.element_of(machine, args.get(0) or UNKNOWN)
    value = args.get(0)
    if value is not None and isinstance(value.p, Heap) and value.p.cls is not None and value.p.cls.find("__next__"):
        from auditor.timeline import calling

        return calling.call_method_of(machine, value, "__next__", [])
    default = args.get(1)
    return out if default is None else join(out, default)


def _getattr(machine: Machine, args: Args, node: ir.Node) -> Value:
    from auditor.timeline import calling

    base = args.get(0) or UNKNOWN
    name = args.get(1)
    default = args.get(2)
    if name is not None and isinstance(name.p, Known) and isinstance(name.p.v, str):
        where = args.nodes[0] if args.nodes else ir.Name(node.start, node.end, "?")
        found = calling.get_attr(machine, base, name.p.v, ir.Attr(node.start, node.end, where, name.p.v))
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


def _setattr(machine: Machine, args: Args, node: ir.Node) -> Value:
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


def _hasattr(machine: Machine, args: Args, node: ir.Node) -> Value:
    base = args.get(0) or UNKNOWN
    name = args.get(1)
    asked = name.p.v if name is not None and isinstance(name.p, Known) else None
    if isinstance(asked, str) and isinstance(base.p, Heap) and base.p.kind == "instance" and base.p.cls is not None:
        if asked in base.p.attrs or base.p.cls.find(asked) is not None:
            return TRUE
        if not base.p.cls.external_bases() and asked not in ("module", "_orig_mod"):
            return FALSE
    return Value(SOME)


def _isinstance(machine: Machine, args: Args, node: ir.Node) -> Value:
    base, cls = args.get(0), args.get(1)
    own = base.p.cls if base is not None and isinstance(base.p, Heap) else None
    if own is not None and cls is not None and isinstance(cls.p, Class):
        return Value(Known(cls.p in own.lineage()))
    return Value(SOME)


def _range(machine: Machine, args: Args, node: ir.Node) -> Value:
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


def _environ_get(machine: Machine, args: Args, node: ir.Node) -> Value:
    return switches.read(machine, args.get(0, "key") or UNKNOWN, args.get(1, "default") or NONE, node)


def _environ_setdefault(machine: Machine, args: Args, node: ir.Node) -> Value:
    name, value = args.get(0), args.get(1)
    if name is not None and value is not None:
        switches.write(machine, name, value, only_default=True)
        return switches.read(machine, name, value, node)
    return UNKNOWN


def _environ_update(machine: Machine, args: Args, node: ir.Node) -> Value:
    for name, value in args.keywords.items():
        switches.write(machine, Value(Known(name)), value)
    first = args.get(0)
    if first is not None and isinstance(first.p, Heap) and first.p.kind == "dict":
        for name, value in first.p.attrs.items():
            switches.write(machine, Value(Known(name)), value)
    return NONE


def _deepcopy(machine: Machine, args: Args, node: ir.Node) -> Value:
    value = args.get(0) or UNKNOWN
    return clone(machine, value, {})


def clone(machine: Machine, value: Value, seen: dict[int, Heap]) -> Value:
    """Return a deep copy: new identity, the same adaptations until now."""
    p = value.p
    if isinstance(p, Heap):
        known = seen.get(id(p))
        if known is None:
            known = Heap(p.kind, p.cls, p.name, made_at=machine.order)
            seen[id(p)] = known
            known.adapted = dict(p.adapted)
            known.origins = effects.settle(machine, p.origins)
            known.attrs = {k: clone(machine, v, seen) for k, v in p.attrs.items()}
            known.items = [clone(machine, v, seen) for v in p.items] if p.items is not None else None
            known.element = clone(machine, p.element, seen) if p.element is not None else None
        origins = effects.settle(machine, value.m)
        return Value(known, origins | (effects.param(machine, known) if p.kind == "parameter" else 0))
    if isinstance(p, Tup):
        return Value(Tup(tuple(clone(machine, v, seen) for v in p.items)), effects.settle(machine, value.m))
    if isinstance(p, PerSetting):
        each = [clone(machine, Value(option), seen).p for option in p.each]
        return Value(per_setting(each), effects.settle(machine, value.m))
    if isinstance(p, Either):
        copies = tuple(clone(machine, Value(option), seen).p for option in p.options)
        return Value(Either(copies), effects.settle(machine, value.m))
    return Value(p, effects.settle(machine, value.m))


def _open(machine: Machine, args: Args, node: ir.Node) -> Value:
    path = args.get(0, "file") or UNKNOWN
    mode = args.get(1, "mode")
    text = mode.p.v if mode is not None and isinstance(mode.p, Known) and isinstance(mode.p.v, str) else "r"
    heap = Heap("file", name=path_key(path), origins=containers.deep(path), made_at=machine.order)
    if "w" not in text and "a" not in text and heap.origins & (VAL | TRAIN):
        effects.load(machine, heap.origins, node)
        heap.origins |= opened.opened(machine, heap.origins, node)
    return Value(heap, heap.origins)


def _buffer(machine: Machine, args: Args, node: ir.Node) -> Value:
    heap = Heap("buffer", made_at=machine.order)
    heap.element = args.get(0)
    return Value(heap)


def _save(machine: Machine, args: Args, node: ir.Node) -> Value:
    value, target = args.get(0, "obj") or UNKNOWN, args.get(1, "f") or args.get(1)
    if target is None:
        return NONE
    calibration.kept(machine, containers.deep(value), node, "a file")
    opened.saved(machine, containers.deep(value))
    # What is saved doesn't follow what is learned later.
    origins = effects.settle(machine, value.m | containers.deep(value) & machine.params)
    frozen = Value(clone(machine, value, {}).p, origins)
    if isinstance(target.p, Heap) and target.p.kind == "buffer":
        target.p.element = frozen
    elif isinstance(target.p, Heap) and target.p.kind == "file":
        write_file(machine, target.p.name, frozen)
    else:
        write_file(machine, path_key(target), frozen)
    effects.save(machine, "a checkpoint", node)
    return NONE


def _np_save(machine: Machine, args: Args, node: ir.Node) -> Value:
    path, value = args.get(0), args.get(1)
    if path is not None and value is not None:
        write_file(machine, path_key(path), value)
    return NONE


def _argument_parser(machine: Machine, args: Args, node: ir.Node) -> Value:
    return Value(Heap("parser", made_at=machine.order))


def _namespace(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``SimpleNamespace(a=…)``: an object that is nothing but its attributes."""
    space = Heap("namespace", attrs=dict(args.keywords), made_at=machine.order)
    first = args.get(0)
    if first is not None and isinstance(first.p, Heap) and first.p.kind == "dict":
        space.attrs = {**first.p.attrs, **space.attrs}
    if args.rest is not None:
        space.origins = containers.deep(args.rest)
    return Value(space)


def _partial(machine: Machine, args: Args, node: ir.Node) -> Value:
    from auditor.timeline import calling

    func = args.get(0) or UNKNOWN
    bound = args.positional[1:]
    keywords = dict(args.keywords)

    def run(more: calling.Args, at: ir.Node) -> Value:
        merged = calling.Args((*bound, *more.positional), {**keywords, **more.keywords}, more.rest, at)
        return calling.call(machine, func, merged, at)

    return Value(Native("partial", run), func.m)


def gradient_of(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``torch.autograd.grad(loss, params)``: gradients as values."""
    loss = args.get(0, "outputs") or UNKNOWN
    bit = effects.backward(machine, containers.deep(loss), node)
    item = Value(SOME, bit)
    return containers.new_list(machine, None, item)


def grad_function(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``value_and_grad(model, fn)``: a function that gives the loss and its gradients."""
    from auditor.timeline import calling

    functions = [v for v in args.positional if isinstance(v.p, Function | Bound | Native | Class | Method)]
    func = functions[-1] if functions else (args.get(0) or UNKNOWN)
    single = "value" not in shown(machine, node)

    def run(more: calling.Args, at: ir.Node) -> Value:
        loss = calling.call(machine, func, more, at)
        gradient = Value(SOME, effects.backward(machine, containers.deep(loss), at))
        return gradient if single else Value(Tup((loss, gradient)), loss.m | gradient.m)

    return Value(Native("value_and_grad", run))


def _clock(machine: Machine, args: Args, node: ir.Node) -> Value:
    return Value(SOME, CLOCK)


def _launch(value: object) -> Callable[[Machine, Args, ir.Node], Value]:
    def run(machine: Machine, args: Args, node: ir.Node) -> Value:
        return Value(Known(value))

    return run


def _exit(machine: Machine, args: Args, node: ir.Node) -> Value:
    machine.live = 0
    return NONE


def _join_path(machine: Machine, args: Args, node: ir.Node) -> Value:
    def put(*parts: object) -> object:
        if not all(isinstance(p, str) for p in parts):
            raise FoldError
        return "/".join(str(p).rstrip("/") for p in parts)

    out = machine.fold(put, *args.positional)
    return Value(out.p, out.m | (args.rest.m if args.rest is not None else 0))


def _vocabulary_range(machine: Machine, args: Args, node: ir.Node) -> Value:
    return Value(SOME, args.origins() & ~(VAL | TRAIN))


def _all_reduce(machine: Machine, args: Args, node: ir.Node) -> Value:
    return NONE


def _gather_objects(machine: Machine, args: Args, node: ir.Node) -> Value:
    target, source = args.get(0), args.get(1)
    if target is not None and source is not None:
        for payload, _ in machine.alternatives(target):
            if isinstance(payload, Heap) and payload.kind == "list":
                payload.items = None
                payload.element = source if payload.element is None else join(payload.element, source)
                return NONE
        if args.nodes:
            containers.update_in_place(machine, args.nodes[0], target, Value(None, containers.deep(source)))
    return NONE


def _gather_tensors(machine: Machine, args: Args, node: ir.Node) -> Value:
    source, target = args.get(0, "tensor"), args.get(1, "gather_list")
    if source is not None and target is not None:
        for payload, _ in machine.alternatives(target):
            if isinstance(payload, Heap) and payload.kind == "list":
                payload.items, payload.element = None, source
                machine.heap_version += 1
    return NONE


def _broadcast(machine: Machine, args: Args, node: ir.Node) -> Value:
    return NONE


def _spawn(machine: Machine, args: Args, node: ir.Node) -> Value:
    """Start a function in another process or thread: follow it here, as the first of them."""
    from auditor.timeline import calling

    target = args.get(0, "fn") if args.positional else args.keywords.get("target") or args.keywords.get("fn")
    given = args.keywords.get("args") or (args.get(1) if len(args.positional) > 1 else None)
    items = containers.exact_items(machine, given) if given is not None else None
    first = [] if args.keywords.get("target") is not None else [Value(Known(0))]
    if target is not None:
        calling.call(machine, target, calling.Args((*first, *(items or ())), node=node), node)
    return Value(Heap("external", name="process", made_at=machine.order))


def _submit(machine: Machine, args: Args, node: ir.Node) -> Value:
    """Call the function that is handed over, with the arguments that follow it."""
    from auditor.timeline import calling

    if not args.positional:
        return UNKNOWN
    more = calling.Args(args.positional[1:], dict(args.keywords), args.rest, node)
    return calling.call(machine, args.positional[0], more, node)


def _listing(machine: Machine, args: Args, node: ir.Node) -> Value:
    return containers.new_list(machine, None, Value(None, args.origins() | LISTING))


EXACT: dict[str, Callable[[Machine, Args, ir.Node], Value]] = {
    "print": _print,
    "int": _constant(int),
    "float": _constant(float),
    "bool": _constant(bool),
    "str": _constant(str),
    "abs": _constant(abs),
    "min": _constant(min),
    "max": _constant(max),
    "round": _constant(round),
    "sum": _constant(sum),
    "pow": _constant(lambda a, b: a**b if abs(a) < 1e6 and abs(b) < 64 else None),
    "len": _len,
    "list": _list,
    "tuple": _tuple,
    "set": _same_elements,
    "frozenset": _same_elements,
    "sorted": _same_elements,
    "reversed": _same_elements,
    "iter": lambda machine, args, node: args.get(0) or UNKNOWN,
    "next": _first_or_default,
    "dict": _dict,
    "collections.OrderedDict": _dict,
    "enumerate": _enumerate,
    "zip": _zip,
    "filter": _filter,
    "map": _map,
    "itertools.chain": _chain,
    "itertools.chain.from_iterable": lambda machine, args, node: containers.new_list(
        machine, None, containers.element_of(machine, containers.element_of(machine, args.get(0) or UNKNOWN))
    ),
    "getattr": _getattr,
    "setattr": _setattr,
    "hasattr": _hasattr,
    "isinstance": _isinstance,
    "callable": lambda machine, args, node: Value(SOME),
    "range": _range,
    "tqdm.trange": _range,
    "tqdm.tqdm": lambda machine, args, node: args.get(0) or UNKNOWN,
    "tqdm.auto.tqdm": lambda machine, args, node: args.get(0) or UNKNOWN,
    "open": _open,
    "os.environ.get": _environ_get,
    "os.getenv": _environ_get,
    "os.environ.setdefault": _environ_setdefault,
    "os.environ.update": _environ_update,
    "os.environ.pop": _environ_get,
    "os.path.join": _join_path,
    "pathlib.Path": _join_path,
    "copy.deepcopy": _deepcopy,
    "copy.copy": _deepcopy,
    "io.BytesIO": _buffer,
    "io.StringIO": _buffer,
    "torch.save": _save,
    "pickle.dump": _save,
    "safetensors.torch.save_file": _save,
    "numpy.save": _np_save,
    "numpy.savez": _np_save,
    "argparse.ArgumentParser": _argument_parser,
    "argparse.Namespace": _namespace,
    "types.SimpleNamespace": _namespace,
    "functools.partial": _partial,
    "torch.autograd.grad": gradient_of,
    "torch.func.grad": grad_function,
    "time.time": _clock,
    "time.perf_counter": _clock,
    "time.monotonic": _clock,
    "sys.exit": _exit,
    "exit": _exit,
    "quit": _exit,
    "os._exit": _exit,
    "torch.distributed.get_rank": _launch(0),
    "torch.distributed.get_world_size": _launch(8),
    "torch.distributed.is_initialized": _launch(True),
    "torch.distributed.is_available": _launch(True),
    "torch.cuda.is_available": _launch(True),
    "torch.cuda.device_count": _launch(8),
    "torch.arange": _vocabulary_range,
    "numpy.arange": _vocabulary_range,
    "torch.distributed.all_reduce": _all_reduce,
    "torch.distributed.broadcast": _broadcast,
    "torch.distributed.broadcast_object_list": _broadcast,
    "torch.distributed.all_gather": _gather_objects,
    "torch.distributed.all_gather_object": _gather_objects,
    "torch.distributed.gather_object": _gather_objects,
    "torch.distributed.gather": _gather_tensors,
    "torch.nn.Parameter": lambda machine, args, node: parameter(machine, args),
    "torch.nn.parameter.Parameter": lambda machine, args, node: parameter(machine, args),
    "torch.multiprocessing.spawn": _spawn,
    "torch.multiprocessing.Process": _spawn,
    "multiprocessing.Process": _spawn,
    "threading.Thread": _spawn,
    "fire.Fire": _submit,
    "typer.run": _submit,
    "os.listdir": _listing,
    "os.scandir": _listing,
    "glob.glob": _listing,
    "glob.iglob": _listing,
    "sys.stdout.write": _print,
    "sys.stderr.write": _print,
    "super": lambda machine, args, node: Value(
        Method(args.get(1) or UNKNOWN, "super", ir.Name(node.start, node.end, "self"))
    ),
    "dataclasses.field": lambda machine, args, node: args.keywords.get("default")
    or _factory(machine, args, node),
    "type": lambda machine, args, node: Value(
        args.positional[0].p.cls
        if args.positional and isinstance(args.positional[0].p, Heap) and args.positional[0].p.cls
        else SOME
    ),
    "vars": lambda machine, args, node: Value(SOME, (args.get(0) or UNKNOWN).m),
}  # fmt: skip


def _factory(machine: Machine, args: Args, node: ir.Node) -> Value:
    from auditor.timeline import calling

    factory = args.keywords.get("default_factory")
    return UNKNOWN if factory is None else calling.call(machine, factory, calling.Args(node=node), node)


# ------------------------------------------------------------------ methods of values of libraries


def call_method(machine: Machine, method: Method, args: Args, node: ir.Node) -> Value:
    """Call a method of a value whose class the program doesn't define."""
    receiver, name = method.receiver, method.name
    p = receiver.p
    if name in calibration.HOOKS:
        return calibration.hook(machine, receiver, args)
    if name == "remove" and not args.positional:
        calibration.unhook(machine)
    if name == "super":
        return Value(Method(receiver, "super", method.where), receiver.m)
    if isinstance(p, Method) and p.name == "super":
        return super_call(machine, p.receiver, name, args, node)
    if name == "backward":
        effects.pend(machine, effects.backward(machine, containers.deep(receiver), node))
        return NONE
    kind = p.kind if isinstance(p, Heap) else ""
    if kind == "optimizer" or (name in ("step", "zero_grad") and kind not in ("scheduler",)):
        handled = optimizer_method(machine, receiver, name, args, node)
        if handled is not None:
            return handled
    if isinstance(p, Heap):
        if p.name in NATIVE and args.origins() & VAL and machine.live & ~1:
            what = f"compiled code is given validation tokens: {name}()"
            machine.note_unfollowed(machine.site(node), what, decisive=True)
        handled = heap_method(machine, p, receiver, name, args, node)
        if handled is not None:
            return handled
    if name in PARAMETER_METHODS:
        return Value(SOME, effects.settle(machine, receiver.m) if not receiver.m & machine.params else receiver.m)
    if isinstance(p, Known | PerSetting) and _all_text(p):
        return text_method(machine, receiver, name, args)
    if name in SHAPE_METHODS:
        return Value(SOME, SIZE)
    if name == "requires_grad_" and receiver.m & machine.params:
        return receiver
    if name == "requires_grad_" and p is SOME:
        heap = Heap("parameter", name=shown(machine, node), made_at=machine.order)
        slots.made(machine, heap, method.where)
        made = Value(heap, effects.param(machine, heap) | receiver.m)
        if isinstance(method.where, ir.Name):
            machine.rebind(method.where.id, made)
        return made
    if name.endswith("_") and not name.endswith("__"):
        return in_place(machine, name, receiver, args, node, method.where)
    if name in ("append", "extend", "add", "update", "insert", "put", "appendleft", "push"):
        containers.update_in_place(machine, method.where, receiver, Value(None, args.origins()))
        return NONE
    if name == "apply" and isinstance(p, Class):
        return Value(SOME, effects.settle(machine, args.origins()))
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
        effects.report(machine, args.origins(), node)
        if name == "write_text" or name == "write_bytes":
            write_file(machine, path_key(receiver), args.get(0) or UNKNOWN)
        return NONE
    if name == "write_bytes":
        write_file(machine, path_key(receiver), args.get(0) or UNKNOWN)
        return NONE
    if name in ("read_bytes", "read_text", "open"):
        saved = machine.files.get(path_key(receiver))
        if saved is not None:
            return saved
        effects.load(machine, receiver.m, node)
        return Value(SOME, receiver.m | TEXT_FILE | opened.opened(machine, receiver.m, node))
    if name == "readinto" and args.positional and not isinstance(p, Heap):
        return read_into(machine, Value(None, containers.deep(receiver)), args)
    if name in ("iterdir", "glob", "rglob") and not isinstance(p, Heap):
        return _listing(machine, _with_receiver(receiver, args), node)
    if name in ("scale",) and args.positional:
        return Value(SOME, containers.deep(args.positional[0]))
    origins = containers.deep(receiver) | args.origins()
    if name in VIEW_METHODS:
        return Value(SOME, origins)
    if name == "item" or name == "tolist":
        return Value(SOME, effects.settle(machine, origins))
    if name in ("items", "values"):
        return containers.new_list(
            machine, None, Value(Tup((UNKNOWN, Value(None, origins))) if name == "items" else None, origins)
        )
    if origins & VAL and receiver.m & (machine.params | machine.atoms.family("adapted")) and args.origins() & VAL:
        return effects.forward(machine, None, origins, shown(machine, node), node, [])
    return Value(SOME if p is SOME else None, effects.settle(machine, origins))


def _with_receiver(receiver: Value, args: Args) -> Args:
    from auditor.timeline import calling

    return calling.Args((receiver, *args.positional), args.keywords, args.rest, args.node, args.nodes)


def _all_text(p: Payload) -> bool:
    each = p.each if isinstance(p, PerSetting) else (p,)
    return any(isinstance(o, Known) and isinstance(o.v, str) for o in each)


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
        return Value(SOME, receiver.m | args.origins())

    def run(text: object, *rest: object) -> object:
        if not isinstance(text, str):
            raise FoldError
        return fold_text_method(text, name, list(rest))

    out = machine.fold(run, receiver, *args.positional)
    return Value(out.p, out.m | args.origins())


def optimizer_method(machine: Machine, receiver: Value, name: str, args: Args, node: ir.Node) -> Value | None:
    """Call a method of an optimizer; None when it is not one of an optimizer."""
    p = receiver.p
    if name == "step":
        origins = containers.deep(receiver) | args.origins()
        closure = args.get(0)
        if closure is not None and isinstance(closure.p, Function | Bound):
            from auditor.timeline import calling

            calling.call(machine, closure, calling.Args(node=node), node)
        if not isinstance(p, Heap) and closure is not None and closure.p is not None:
            origins |= containers.deep(closure)
        if isinstance(p, Heap) and p.kind != "optimizer" and closure is not None and isinstance(closure.p, Heap):
            origins |= closure.p.origins
        if origins & machine.params or (isinstance(p, Heap) and p.kind == "optimizer"):
            effects.step(machine, origins, node)
        return NONE
    if name == "zero_grad":
        effects.forget_gradients(machine)
        return NONE
    if name == "update" and args.positional and isinstance(p, Heap):
        gradient = args.get(1)
        if gradient is not None and gradient.m & machine.atoms.family("gradient"):
            model = args.positional[0]
            if isinstance(model.p, Heap):
                bits = effects.param(machine, model.p)
                effects.write_params(machine, Value(model.p, bits), gradient, node)
        return NONE
    if name == "load_state_dict":
        return NONE
    if name == "add_param_group":
        if isinstance(p, Heap):
            p.origins |= args.origins()
        return NONE
    if isinstance(p, Heap) and name in ("state_dict", "state", "param_groups"):
        return Value(SOME, 0)
    return None


def heap_method(machine: Machine, p: Heap, receiver: Value, name: str, args: Args, node: ir.Node) -> Value | None:
    """Call a method that objects of libraries have; None when there is nothing special to it."""
    first = args.get(0)
    kind = p.kind
    if kind in ("instance", "external", "parameter"):
        if name in PARAMETER_METHODS and kind != "parameter":
            bits = effects.param(machine, p)
            if name in ("parameters", "modules", "children", "buffers"):
                return containers.new_list(machine, None, Value(SOME, bits))
            if name == "state_dict":
                return Value(Heap("dict", element=Value(SOME, bits), made_at=machine.order), bits)
            return containers.new_list(machine, None, Value(Tup((Value(SOME), Value(SOME, bits))), bits))
        if name == "load_state_dict":
            effects.restore(machine, [p], args.origins(), node)
            return Value(SOME)
        if name in SELF_METHODS and kind != "parameter":
            return receiver
        if name == "update" and kind == "external" and first is not None and isinstance(first.p, Heap):
            return optimizer_method(machine, receiver, name, args, node)
        if p.name.rpartition(".")[2] in MODULE_CONTAINERS and name in ("append", "extend", "insert"):
            added = args.positional[-1] if args.positional else UNKNOWN
            if name == "extend":
                added = containers.element_of(machine, added)
            p.element = added if p.element is None else join(p.element, added)
            machine.heap_version += 1
            return NONE
        if kind == "parameter" and name in RESET_METHODS:
            effects.write_params(machine, Value(p, effects.param(machine, p)), first or UNKNOWN, node, replace=True)
            return receiver
        if kind == "parameter" and name in ("detach", "view", "reshape", "flatten", "requires_grad_"):
            return receiver
        if kind == "parameter" and name in ("clone", "to", "float", "half", "double", "bfloat16", "expand", "cpu"):
            return Value(SOME, effects.settle(machine, receiver.m))
        if (
            kind == "external"
            and args.origins() & VAL
            and p.name.startswith(("fla.", "mamba", "transformers", "torch.nn"))
        ):
            return effects.forward(machine, p, args.origins() | p.origins, shown(machine, node), node, [])
        return None
    if kind == "list":
        return list_method(machine, p, receiver, name, args)
    if kind == "dict":
        return dict_method(machine, p, receiver, name, args)
    if kind == "file":
        if name == "write":
            effects.report(machine, args.origins(), node)
            write_file(machine, p.name, first or UNKNOWN)
            return NONE
        if name in ("read", "readlines", "readline", "read1"):
            return content(machine, p, 0)
        if name == "readinto":
            return read_into(machine, content(machine, p, 0), args)
        if name in ("flush", "close", "seek"):
            return NONE
        return Value(None, p.origins)
    if kind == "buffer":
        if name in ("getvalue", "read", "getbuffer"):
            return p.element if p.element is not None else UNKNOWN
        if name == "write":
            value = first or UNKNOWN
            p.element = value if p.element is None else join(p.element, value)
        return NONE
    if kind == "parser":
        return parser_method(machine, p, name, args, node)
    return None


def list_method(machine: Machine, p: Heap, receiver: Value, name: str, args: Args) -> Value | None:
    """Call a list method."""
    first = args.get(0)
    if name in ("append", "appendleft", "add"):
        containers.append(machine, p, first or UNKNOWN)
        return NONE
    if name == "insert":
        containers.append(machine, p, args.get(1) or UNKNOWN)
        return NONE
    if name in ("extend", "update"):
        containers.extend(machine, p, first or UNKNOWN)
        return NONE
    if name in ("pop", "popleft"):
        out = containers.element_of(machine, receiver)
        if p.items is not None and machine.in_loop:
            containers.append_any(p, out)
        elif p.items:
            return p.items.pop() if first is None else out
        return out
    if name == "clear":
        if not machine.weak and machine.live == machine.all:
            p.items, p.element = [], None
            machine.heap_version += 1
        return NONE
    if name in ("sort", "reverse", "remove"):
        return NONE
    if name == "copy":
        return containers.new_list(machine, list(p.items) if p.items is not None else None, p.element)
    if name in ("parameters", "state_dict", "named_parameters"):
        bits = effects.param(machine, p)
        return containers.new_list(machine, None, Value(SOME, bits))
    if name in ("index", "count"):
        return Value(SOME)
    return None


def dict_method(machine: Machine, p: Heap, receiver: Value, name: str, args: Args) -> Value | None:
    """Call a dict method."""
    first = args.get(0)
    if name == "get" and first is not None and isinstance(first.p, PerSetting):
        rest = args.positional[1:]

        def entry(key: Value) -> Value:
            return dict_method(machine, p, receiver, name, replace(args, positional=(key, *rest))) or UNKNOWN

        chosen = machine.per_option(first, entry)
        return Value(chosen.p, chosen.m | first.m & machine.atoms.family("setting"))
    if name in ("get", "pop", "setdefault"):
        key = containers.key_of(first) if first is not None else None
        default = args.get(1)
        if name == "setdefault" and default is not None and first is not None and key not in p.attrs:
            containers.set_item(machine, p, first, default)
        if key is not None and key in p.attrs:
            found = p.attrs[key]
            return found if p.element is None else join(found, p.element)
        if key is not None and p.element is None and not p.origins:
            return default if default is not None else NONE
        parts = [*p.attrs.values()] if key is None else []
        if p.element is not None:
            parts.append(p.element)
        elif key is None and machine.in_loop:
            parts.append(Value(None, p.origins))  # what earlier iterations put there
        if default is not None:
            parts.append(default)
        out = join_all(parts) if parts else Value(None, p.origins)
        return containers.tag(out, first.m if first is not None else 0)
    if name == "items":
        if p.element is None and len(p.attrs) <= 32 and not p.origins:
            pairs = [Value(Tup((Value(Known(k)), v)), v.m) for k, v in p.attrs.items()]
            return containers.new_list(machine, pairs)
        element = join_all([*p.attrs.values(), *([p.element] if p.element is not None else [])] or [UNKNOWN])
        return containers.new_list(machine, None, Value(Tup((Value(SOME, p.origins), element)), element.m | p.origins))
    if name == "values":
        parts = [*p.attrs.values(), *([p.element] if p.element is not None else [])]
        if p.element is None and len(parts) <= 32:
            return containers.new_list(machine, parts)
        return containers.new_list(machine, None, join_all(parts))
    if name == "keys":
        return containers.new_list(machine, None, Value(SOME, p.origins))
    if name == "update":
        if first is not None:
            containers.update_dict(machine, p, first)
        for key, value in args.keywords.items():
            machine.store_field(p.attrs, key, value, machine.all, p)
        return NONE
    if name == "clear":
        if not machine.weak and machine.live == machine.all:
            p.attrs.clear()
            p.element = None
            machine.heap_version += 1
        return NONE
    if name == "copy":
        made = Heap("dict", attrs=dict(p.attrs), element=p.element, origins=p.origins, made_at=machine.order)
        return Value(made, receiver.m)
    return None


def parser_method(machine: Machine, p: Heap, name: str, args: Args, node: ir.Node) -> Value | None:
    """Call a method of an argparse parser."""
    if name == "add_argument":
        names = [v.p.v for v in args.positional if isinstance(v.p, Known) and isinstance(v.p.v, str)]
        long = next((n for n in names if n.startswith("--")), names[0] if names else "")
        dest = args.keywords.get("dest")
        key = (
            dest.p.v
            if dest is not None and isinstance(dest.p, Known) and isinstance(dest.p.v, str)
            else long.lstrip("-").replace("-", "_")
        )
        action = args.keywords.get("action")
        act = action.p.v if action is not None and isinstance(action.p, Known) else None
        default = args.keywords.get("default")
        if default is None:
            default = FALSE if act == "store_true" else TRUE if act == "store_false" else NONE
        if key:
            p.attrs[str(key)] = switches.option(machine, str(key), default, node, None)
        return UNKNOWN
    if name in ("parse_args", "parse_known_args"):
        space = Value(Heap("namespace", attrs=p.attrs, made_at=machine.order))
        return space if name == "parse_args" else Value(Tup((space, UNKNOWN)))
    if name in ("add_argument_group", "add_mutually_exclusive_group"):
        return Value(p)
    if name == "set_defaults":
        p.attrs.update(args.keywords)
        return NONE
    return None


def super_call(machine: Machine, receiver: Value, name: str, args: Args, node: ir.Node) -> Value:
    """Call ``super().name(…)``: the program's own base class, else nothing."""
    from auditor.timeline import calling

    owner = machine.frame.owner or (machine.frame.func.owner if machine.frame.func else None)
    if owner is not None:
        for base in owner.bases:
            if isinstance(base, Class):
                found = base.find(name)
                if found is not None and isinstance(found.p, Function):
                    return calling.invoke(machine, found.p, receiver, args, node)
    if isinstance(receiver.p, Heap) and name != "__init__":
        handled = heap_method(machine, receiver.p, receiver, name, args, node)
        if handled is not None:
            return handled
    return NONE


def in_place(machine: Machine, name: str, receiver: Value, args: Args, node: ir.Node, where: ir.Expr | None) -> Value:
    """Call an in-place tensor method (``add_``, ``copy_`` …) or ``init`` function."""
    origins = args.origins()
    if receiver.m & machine.params:
        replace = name in RESET_METHODS
        rest = 0
        for value in args.all():
            if value is not receiver:
                rest |= containers.deep(value)
        effects.write_params(machine, receiver, Value(None, rest), node, replace=replace)
        return receiver
    if where is not None and not isinstance(where, ir.Call):
        if name in ("zero_", "fill_", "copy_") and isinstance(where, ir.Name | ir.Subscript | ir.Attr):
            cleared = Value(receiver.p, receiver.m & (VAL | TRAIN if not machine.weak else receiver.m))
            if name == "zero_" and not machine.weak and machine.live == machine.all:
                cleared = Value(receiver.p, 0)
            if isinstance(where, ir.Name):
                machine.rebind(where.id, cleared)
                receiver = cleared
        kept = slots.filled(machine, where, name, args) if machine.slots.watching else 0
        containers.update_in_place(machine, where, receiver, Value(None, origins | kept))
    elif isinstance(where, ir.Call) and isinstance(where.func, ir.Attr):
        containers.update_in_place(machine, where, receiver, Value(None, origins))
    return Value(receiver.p, receiver.m | effects.settle(machine, origins))


_ = (at_setting, string_origins)
