"""Functions of libraries: the table of those that are known exactly, and what the names of others say."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import (
    applying,
    arguments,
    classes,
    containers,
    exceptions,
    imports,
    parameters,
    stores,
)
from auditor.timeline.library import (
    averages,
    code,
    computed,
    concurrency,
    config_files,
    databases,
    datasets,
    disk,
    exit_stacks,
    files,
    functools_,
    iterators,
    objects,
    operators,
    options,
    ordered,
    processes,
    sequences,
    tensors,
    texts,
    unmodelled,
)
from auditor.timeline.library.names import (
    ALIASES,
    FRESH_TENSORS,
    LOGGERS,
    MODULE_CONTAINERS,
    NATIVE,
    READERS,
    is_optimizer_name,
)
from auditor.timeline.values.atoms import BITS, CLOCK, RANDOM
from auditor.timeline.values.payloads import (
    NONE,
    SOME,
    UNKNOWN,
    External,
    Heap,
    Known,
    Method,
    Payload,
    PerSetting,
    Value,
    join_all,
)

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine

EXACT: dict[str, Callable[[Machine, Args, ir.Node], Value]] = {
    "print": processes.printed,
    "int": computed.constant(int),
    "float": computed.constant(float),
    "bool": computed.constant(bool),
    "str": processes.as_text,
    "abs": computed.constant(abs),
    "min": ordered.extreme(min),
    "max": ordered.extreme(max),
    "round": computed.constant(round),
    "sum": computed.constant(sum),
    "pow": computed.constant(lambda a, b: a**b if abs(a) < 1e6 and abs(b) < 64 else None),
    "len": sequences.length,
    "list": sequences.make_list,
    "tuple": sequences.make_tuple,
    "set": sequences.same_elements,
    "frozenset": sequences.same_elements,
    "sorted": ordered.in_order,
    "reversed": sequences.same_elements,
    "iter": lambda machine, args, node: args.get(0) or UNKNOWN,
    "next": sequences.first_or_default,
    "dict": sequences.make_dict,
    "collections.OrderedDict": sequences.make_dict,
    "enumerate": sequences.enumerated,
    "zip": sequences.zipped,
    "itertools.pairwise": sequences.pairs,
    "filter": sequences.filtered,
    "map": sequences.mapped,
    "itertools.chain": sequences.chained,
    "itertools.chain.from_iterable": lambda machine, args, node: containers.new_list(
        machine, None, containers.element_of(machine, containers.element_of(machine, args.get(0) or UNKNOWN))
    ),
    "getattr": objects.get_attribute,
    "setattr": objects.set_attribute,
    "hasattr": objects.has_attribute,
    "isinstance": objects.is_instance,
    "callable": lambda machine, args, node: Value(SOME),
    "range": sequences.number_range,
    "tqdm.trange": sequences.number_range,
    "tqdm.tqdm": lambda machine, args, node: args.get(0) or UNKNOWN,
    "tqdm.auto.tqdm": lambda machine, args, node: args.get(0) or UNKNOWN,
    "open": files.open_file,
    "os.environ.get": options.environ_get,
    "os.getenv": options.environ_get,
    "os.environ.copy": options.environ_copy,
    "os.environ.setdefault": options.environ_setdefault,
    "os.environ.update": options.environ_update,
    "os.environ.pop": options.environ_get,
    "os.path.join": files.join_path,
    "pathlib.Path": files.join_path,
    "copy.deepcopy": objects.deep_copy,
    "copy.copy": objects.deep_copy,
    "io.BytesIO": files.make_buffer,
    "io.StringIO": files.make_buffer,
    "torch.save": files.save_object,
    "pickle.dump": files.save_object,
    "safetensors.torch.save_file": files.save_object,
    "numpy.save": files.save_array,
    "numpy.savez": files.save_array,
    "numpy.savez_compressed": files.save_array,
    "sqlite3.connect": databases.connect,
    "struct.Struct": lambda machine, args, node: Value(External("struct")),  # its methods are the module's functions
    "argparse.ArgumentParser": options.argument_parser,
    "argparse.Namespace": objects.namespace,
    "types.SimpleNamespace": objects.namespace,
    "functools.partial": objects.partial,
    "contextlib.contextmanager": iterators.context_manager,
    "contextlib.asynccontextmanager": iterators.context_manager,
    "contextlib.suppress": iterators.suppress,
    "contextlib.ExitStack": exit_stacks.made,
    "contextlib.closing": iterators.closing,
    "contextlib.nullcontext": iterators.closing,
    "functools.partialmethod": functools_.partial_method,
    "functools.reduce": functools_.reduce,
    "functools.lru_cache": functools_.cached,
    "functools.cache": functools_.cached,
    "functools.cached_property": functools_.cached_property,
    "functools.singledispatch": functools_.dispatching,
    "functools.singledispatchmethod": functools_.dispatching,
    "property": lambda machine, args, node: classes.make_property(machine, args),
    "abc.abstractproperty": lambda machine, args, node: classes.make_property(machine, args),
    "operator.methodcaller": functools_.method_caller,
    "operator.attrgetter": functools_.attribute_getter,
    "operator.itemgetter": functools_.item_getter,
    "types.MethodType": objects.bind,
    "object.__new__": objects.new_object,
    "object.__setattr__": objects.set_raw,
    "object.__getattribute__": objects.get_raw,
    "type.__new__": objects.new_class,
    "type.__call__": objects.call_class,
    "repr": processes.as_text,
    "format": processes.as_text,
    "importlib.util.spec_from_file_location": lambda machine, args, node: imports.import_path(
        machine, args.get(1, "location") or UNKNOWN
    ),
    "importlib.util.module_from_spec": lambda machine, args, node: args.get(0, "spec") or UNKNOWN,
    "torch.autograd.grad": tensors.gradient_of,
    "torch.func.grad": tensors.grad_function,
    "time.time": processes.clock,
    "time.perf_counter": processes.clock,
    "time.monotonic": processes.clock,
    "sys.exit": processes.leave,
    "exit": processes.leave,
    "quit": processes.leave,
    "os._exit": processes.leave,
    "torch.distributed.get_rank": processes.launched(0),
    "torch.distributed.get_world_size": processes.launched(8),
    "torch.distributed.is_initialized": processes.launched(True),
    "torch.distributed.is_available": processes.launched(True),
    "torch.cuda.is_available": processes.launched(True),
    "torch.cuda.device_count": processes.launched(8),
    "torch.arange": tensors.number_tensor,
    "numpy.arange": tensors.number_tensor,
    "torch.distributed.all_reduce": processes.all_reduce,
    "torch.distributed.broadcast": processes.broadcast,
    "torch.distributed.broadcast_object_list": processes.broadcast,
    "torch.distributed.all_gather": processes.gather_objects,
    "torch.distributed.all_gather_object": processes.gather_objects,
    "torch.distributed.gather_object": processes.gather_objects,
    "torch.distributed.gather": processes.gather_tensors,
    "torch.nn.Parameter": lambda machine, args, node: tensors.make_parameter(machine, args),
    "torch.nn.parameter.Parameter": lambda machine, args, node: tensors.make_parameter(machine, args),
    "torch.multiprocessing.spawn": processes.spawn,
    "threading._start_new_thread": concurrency.handed_over,
    "_thread.start_new_thread": processes.submit_spread,
    "concurrent.futures.as_completed": concurrency.completed,
    "concurrent.futures.wait": concurrency.waited,
    "asyncio.run": concurrency.awaited,
    "asyncio.create_task": concurrency.awaited,
    "asyncio.ensure_future": concurrency.awaited,
    "asyncio.wait_for": concurrency.awaited,
    "asyncio.shield": concurrency.awaited,
    "asyncio.gather": concurrency.gathered,
    "asyncio.to_thread": concurrency.handed_over,
    "asyncio.as_completed": concurrency.awaited,
    "torch.utils.data.DataLoader": datasets.loader,
    "torch.utils.data.TensorDataset": datasets.tensors,
    "torch.utils.data.Subset": datasets.part,
    "torch.utils.data.ConcatDataset": datasets.part,
    "torch.utils.data.ChainDataset": datasets.part,
    **config_files.READERS,
    "json.dump": files.dump_object,
    "compile": code.compiled,
    "importlib.import_module": code.import_module,
    "__import__": code.import_module,
    "atexit.register": concurrency.at_exit,
    "weakref.finalize": concurrency.finalizer,
    "signal.signal": concurrency.on_signal,
    "signal.raise_signal": concurrency.raised,
    "signal.alarm": concurrency.raised,
    "signal.setitimer": concurrency.raised,
    "signal.pause": concurrency.raised,
    "os.kill": concurrency.raised,
    "os.fork": concurrency.fork,
    "os.pipe": concurrency.two_ends,
    "multiprocessing.Pipe": concurrency.two_ends,
    "torch.multiprocessing.Pipe": concurrency.two_ends,
    "socket.socketpair": concurrency.two_ends,
    "os.write": concurrency.write_end,
    "os.read": concurrency.read_end,
    "os.fdopen": concurrency.awaited,
    "fire.Fire": processes.submit,
    "typer.run": processes.submit,
    "os.listdir": files.listing,
    "os.scandir": files.listing,
    "glob.glob": files.listing,
    "glob.iglob": files.listing,
    "sys.stdout.write": processes.printed,
    "sys.stderr.write": processes.printed,
    "super": lambda machine, args, node: Value(
        Method(args.get(1) or UNKNOWN, "super", ir.Name(node.start, node.end, "self"))
    ),
    "dataclasses.field": lambda machine, args, node: args.keywords.get("default")
    or objects.field_factory(machine, args, node),
    "type": objects.class_of,
    "exec": code.executed,
    "eval": code.evaluated,
    "execfile": unmodelled.any_code,
    "runpy.run_path": code.run_path,
    "runpy.run_module": code.run_module,
    "globals": objects.global_names,
    "locals": objects.local_names,
    "vars": objects.local_names,
    "numpy.vectorize": objects.itself,
    "numpy.frompyfunc": objects.itself,
    "torch.vmap": objects.itself,
    "torch.func.vmap": objects.itself,
    "numpy.apply_along_axis": objects.along_axis,
    "torch.optim.swa_utils.AveragedModel": averages.make,
    "torch.optim.swa_utils.update_bn": averages.statistics,
    "torch.nn.utils.vector_to_parameters": averages.from_vector,
    "torch.nn.utils.convert_parameters.vector_to_parameters": averages.from_vector,
    "torch.utils.swap_tensors": averages.swapped,
    "torch.library.custom_op": operators.registered,
    "torch.library.triton_op": operators.registered,
    "torch.library.impl": operators.registered,
    "train_gpt.load_validation_tokens": files.validation_tokens,
}  # fmt: skip


def call_external(machine: Machine, name: str, args: Args, node: ir.Node) -> Value:
    """Call a library function by dotted name."""
    machine.signals.library_called(name, args, node)
    into = args.keywords.get("out")
    if into is not None and into.m & machine.params:
        machine.signals.parameters_written(into, Value(None, args.origins()), node)
    if name in iterators.LAZY:
        lazy = iterators.following(machine, args, node) if name == "next" else iterators.wrapped(machine, args, node)
        if lazy is not None:
            return lazy
    exact = EXACT.get(name)
    if exact is not None:
        return exact(machine, args, node)
    raised = exceptions.made(name, args, machine)
    if raised is not None:
        return raised
    if name in disk.COPIES:
        return disk.copied(machine, args, node)
    if name in code.RUNS:
        started = code.ran(machine, name, args, node)
        if started is not None:
            return started
    own = operators.called(machine, name, args, node)
    if own is not None:
        return own
    beside = concurrency.made(machine, name, args, node)
    if beside is not None:
        return beside
    spelled = texts.FUNCTIONS.get(name)
    if spelled is not None and args.positional:
        out = machine.fold(texts.bounded(spelled), *[containers.as_constant(machine, v) for v in args.positional])
        if name == "os.path.dirname":
            return files.folder(out)
        if isinstance(out.p, Known | PerSetting):
            return out
    if unmodelled.missing(name):
        compiled = machine.signals.extension_called(name, args, node)
        return unmodelled.call_missing(machine, args, node) if compiled is None else compiled
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
    compute = computed.MATH.get(name)
    if compute is not None and args.positional:
        out = machine.fold(computed.guarded(compute), *args.positional)
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
        return files.read_data(machine, name, args, node)
    if last in FRESH_TENSORS:
        return tensors.fresh_tensor(machine, name, args, node)
    origins = args.origins()
    if name.startswith(("time.", "datetime.")):
        return Value(SOME, CLOCK)
    if "rand" in last or last in ("bernoulli", "multinomial") or name.startswith("random."):
        return Value(SOME, parameters.settle(machine, origins) | RANDOM)
    if last == "log2":
        return Value(SOME, parameters.settle(machine, origins) | BITS)
    if last == "log" and args.positional and isinstance(args.positional[0].p, Known) and args.positional[0].p.v == 2:
        return Value(SOME, BITS)
    if last == "grad" and ("autograd" in name or "torch" in name):
        return tensors.gradient_of(machine, args, node)
    if last in ("value_and_grad", "grad_and_value", "grad"):
        return tensors.grad_function(machine, args, node)
    if last == "backward":
        tensors.backward(machine, args.origins(), node)
        return NONE
    if last == "functional_call":
        model = args.get(0)
        heap_model = model.p if model is not None and isinstance(model.p, Heap) else None
        return applying.apply(machine, heap_model, origins, arguments.shown(machine, node), node, [])
    if LOGGERS.match(name):
        machine.signals.printed(origins, node)
        return NONE
    if last.endswith("_") and not last.endswith("__") and args.positional:
        return tensors.in_place(machine, last, args.positional[0], args, node, args.nodes[0] if args.nodes else None)
    if last in ("scatter_add", "index_add", "add.at", "at") and args.positional and args.nodes:
        stores.update_in_place(machine, args.nodes[0], args.positional[0], Value(None, origins))
        return NONE
    opaque = unmodelled.call(machine, name, args, node)
    classlike = last[:1].isupper() and not last.isupper()
    if (
        classlike
        or name in ("torch.nn.GRU", "torch.nn.LSTM", "torch.nn.RNN")
        or name in ("sentencepiece.SentencePieceProcessor", "train_gpt.GPT")
    ):
        heap = Heap("external", name=name, origins=origins, made_at=machine.order)
        heap.made_with = {str(at): value for at, value in enumerate(args.positional)} | args.keywords
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
        heap.origins |= opaque
        return Value(heap, origins & ~machine.params | opaque)
    if last in ("Parameter",):
        return tensors.make_parameter(machine, args)
    p: Payload = SOME if name.startswith(("torch.", "numpy.", "math.", "mlx.")) else None
    return Value(p, parameters.settle(machine, origins) | opaque)
