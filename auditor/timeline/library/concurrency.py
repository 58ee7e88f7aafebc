"""What runs beside the script or later: threads, executors, processes, timers, signals, exit functions, queues, pipes.

Each function is followed once, where it is started (a thread or process), asked for (an executor), reached by its
signal, or at the end of the run (an exit function). What goes through a queue or pipe comes out as it went in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from auditor.program import ir
from auditor.timeline.engine import arguments, calling, containers, presence
from auditor.timeline.values.payloads import (
    NONE,
    SOME,
    UNKNOWN,
    Class,
    Function,
    Heap,
    Known,
    Method,
    Tup,
    Value,
    join,
)

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine

THREADS = frozenset({"threading.Thread", "threading.Timer", "multiprocessing.Process", "torch.multiprocessing.Process"})
QUEUES = frozenset(
    {
        "queue.Queue", "queue.SimpleQueue", "queue.LifoQueue", "queue.PriorityQueue", "multiprocessing.Queue",
        "multiprocessing.SimpleQueue", "multiprocessing.JoinableQueue", "torch.multiprocessing.Queue",
        "torch.multiprocessing.SimpleQueue", "asyncio.Queue",
    }
)  # fmt: skip
EXECUTORS = frozenset(
    {
        "concurrent.futures.ThreadPoolExecutor", "concurrent.futures.ProcessPoolExecutor", "multiprocessing.Pool",
        "multiprocessing.pool.ThreadPool", "multiprocessing.pool.Pool", "multiprocessing.dummy.Pool",
        "torch.multiprocessing.Pool",
    }
)  # fmt: skip
_MAPS = frozenset({"map", "imap", "imap_unordered", "map_async", "starmap", "starmap_async"})
_SUBMITS = frozenset({"submit", "apply", "apply_async"})


def made(machine: Machine, name: str, args: Args, node: ir.Node) -> Value | None:
    """Return a thread, an executor, a queue …; None when ``name`` is something else."""
    if name in THREADS:
        heap = Heap("task", name=name, origins=args.origins(), made_at=machine.order)
        timer = name == "threading.Timer"
        target = args.get(1 if timer else -1, "function" if timer else "target")
        given = args.get(2 if timer else -1, "args")
        if target is not None:
            heap.attrs["target"] = target
        if given is not None:
            heap.attrs["args"] = given
        if args.keywords.get("kwargs") is not None:
            heap.attrs["kwargs"] = args.keywords["kwargs"]
        return Value(heap)
    if name in EXECUTORS:
        first = args.get(1 if "Pool" in name and "Executor" not in name else -1, "initializer")
        if first is not None:
            initial = containers.exact_items(machine, args.keywords.get("initargs") or UNKNOWN) or []
            calling.call(machine, first, arguments.Args(tuple(initial), node=node), node)
        return Value(Heap("executor", name=name, made_at=machine.order))
    if name in QUEUES:
        return Value(Heap("queue", name=name, made_at=machine.order))
    return None


def start(machine: Machine, heap: Heap, node: ir.Node) -> Value:
    """Start a thread, timer or process: its function is followed here."""
    target = heap.attrs.get("target")
    if target is not None:
        given = heap.attrs.get("args")
        items = containers.exact_items(machine, given) if given is not None else []
        rest = containers.element_of(machine, given) if given is not None and items is None else None
        keywords = heap.attrs.get("kwargs")
        named = dict(keywords.p.attrs) if keywords is not None and isinstance(keywords.p, Heap) else {}
        calling.call(machine, target, arguments.Args(tuple(items or ()), named, rest, node), node)
    return NONE


def start_own(machine: Machine, receiver: Value, node: ir.Node) -> Value | None:
    """Start an instance of the program's own class of threads: its ``run`` is followed here."""
    p = receiver.p
    if not isinstance(p, Heap) or p.cls is None or not any(base in THREADS for base in p.cls.external_bases()):
        return None
    run = p.cls.find("run")
    if run is not None and isinstance(run.p, Function):
        return calling.invoke(machine, run.p, receiver, arguments.Args(node=node), node)
    return None


def method(machine: Machine, heap: Heap, name: str, args: Args, node: ir.Node) -> Value | None:
    """Call a method of a task, an executor, a future or a queue."""
    if heap.kind == "task":
        return start(machine, heap, node) if name in ("start", "run") else Value(SOME)
    if heap.kind == "queue":
        return _queue(machine, heap, name, args)
    if heap.kind == "future":
        return _future(machine, heap, name, args, node)
    func = args.get(0) or UNKNOWN
    if name in _SUBMITS:
        more = replace(args, positional=args.positional[1:])
        if name != "submit":
            items = containers.exact_items(machine, args.get(1) or Value(Tup(())))
            more = arguments.Args(tuple(items or ()), node=node)
        return future(machine, calling.call(machine, func, more, node))
    if name in _MAPS:
        return _mapped(machine, name, func, args, node)
    return Value(heap) if name == "__enter__" else Value(SOME)


def future(machine: Machine, value: Value) -> Value:
    """Return a future whose result is ``value``."""
    return Value(Heap("future", attrs={"result": value}, made_at=machine.order), value.m)


def _mapped(machine: Machine, name: str, func: Value, args: Args, node: ir.Node) -> Value:
    spread = name.startswith("starmap")
    columns = args.positional[1:2] if spread or "imap" in name or "async" in name else args.positional[1:]
    known = [containers.exact_items(machine, column) for column in columns]
    if known and all(column is not None and len(column) <= 16 for column in known):
        rows = list(zip(*[column for column in known if column is not None], strict=False))
    else:
        rows = [tuple(containers.element_of(machine, column) for column in columns)]
    out = []
    for row in rows:
        given = tuple(containers.exact_items(machine, row[0]) or row) if spread else tuple(row)
        out.append(calling.call(machine, func, arguments.Args(given, node=node), node))
    exact = out if len(rows) > 1 or all(column is not None for column in known) else None
    made = containers.new_list(machine, exact, None if exact is not None else out[0])
    return future(machine, made) if name.endswith("async") else made


def _future(machine: Machine, heap: Heap, name: str, args: Args, node: ir.Node) -> Value | None:
    result = heap.attrs.get("result", UNKNOWN)
    if name in ("result", "get", "__await__"):
        return result
    if name == "add_done_callback":
        calling.call(machine, args.get(0) or UNKNOWN, arguments.Args((Value(heap),), node=node), node)
        return NONE
    if name == "set_result":
        heap.attrs["result"] = args.get(0) or UNKNOWN
        return NONE
    return Value(SOME)


def _queue(machine: Machine, heap: Heap, name: str, args: Args) -> Value | None:
    if name in ("put", "put_nowait", "send", "send_bytes"):
        value = args.get(0, "obj") or args.get(0, "item") or UNKNOWN
        value = presence.put(machine, value)
        heap.element = value if heap.element is None else join(heap.element, value)
        machine.heap_version += 1
        return NONE
    if name in ("get", "get_nowait", "recv", "recv_bytes"):
        out = heap.element or UNKNOWN
        return containers.tag(out, machine.iteration_bits[-1]) if machine.iteration_bits else out
    return Value(SOME)


def two_ends(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``multiprocessing.Pipe()``, ``os.pipe()``, ``socket.socketpair()``: what goes in comes out at the other end."""
    end = Value(Heap("queue", name="pipe", made_at=machine.order))
    return Value(Tup((end, end)))


def write_end(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``os.write(fd, data)``."""
    end = args.get(0) or UNKNOWN
    if isinstance(end.p, Heap) and end.p.kind == "queue":
        _queue(machine, end.p, "put", arguments.Args(args.positional[1:]))
    elif isinstance(end.p, Heap) and end.p.kind == "file":
        where = ir.Name(node.start, node.end, "_")
        rest = replace(args, positional=args.positional[1:])
        return machine.library.call_method(machine, Method(end, "write", where), rest, node)
    return Value(SOME)


def read_end(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``os.read(fd, n)``."""
    end = args.get(0) or UNKNOWN
    if isinstance(end.p, Heap) and end.p.kind == "queue":
        return end.p.element or UNKNOWN
    return Value(None, args.origins())


def completed(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``as_completed(futures)``: the same futures."""
    first = args.get(0) or UNKNOWN
    if isinstance(first.p, Heap) and first.p.kind == "dict":
        return containers.new_list(machine, None, first.p.element or Value(SOME, first.p.origins))
    return first


def waited(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``futures.wait(futures)``: those that are done, and those that are not."""
    return Value(Tup((completed(machine, args, node), containers.new_list(machine, []))))


# ------------------------------------------------------------------ asyncio


def awaited(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``asyncio.run(x)``, ``create_task(x)`` …: what the coroutine gives; it was followed when it was called."""
    return args.get(0) or UNKNOWN


def gathered(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``asyncio.gather(*xs)``."""
    if args.rest is not None:
        return containers.new_list(machine, None, args.rest)
    return containers.new_list(machine, list(args.positional))


def handed_over(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``asyncio.to_thread(f, …)``: the function is followed here."""
    more = replace(args, positional=args.positional[1:])
    return calling.call(machine, args.get(0) or UNKNOWN, more, node)


# ------------------------------------------------------------------ the end of the run, signals, forks


def at_exit(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``atexit.register(f, …)`` and ``weakref.finalize(x, f, …)``: ``f`` runs when the script ends."""
    func = args.get(0) or UNKNOWN
    machine.leaving.append((func, replace(args, positional=args.positional[1:]), node))
    return func


def finalizer(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``weakref.finalize(x, f, …)``."""
    return at_exit(machine, replace(args, positional=args.positional[1:]), node)


def on_signal(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``signal.signal(number, f)``: ``f`` runs when the script sends itself that signal."""
    number, handler = args.get(0) or UNKNOWN, args.get(1) or UNKNOWN
    name = getattr(number.p, "name", None) or (number.p.v if isinstance(number.p, Known) else None)
    machine.handlers[str(name)] = handler
    return UNKNOWN


def raised(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``os.kill(pid, n)``, ``signal.alarm(s)`` and their like: the script's own handler is followed here."""
    number = args.positional[-1] if args.positional else UNKNOWN
    name = str(getattr(number.p, "name", None) or (number.p.v if isinstance(number.p, Known) else None))
    wanted = [machine.handlers[name]] if name in machine.handlers else list(machine.handlers.values())
    for handler in wanted:
        if handler.p is not None and not isinstance(handler.p, Known | Class):
            calling.call(machine, handler, arguments.Args((Value(SOME), UNKNOWN), node=node), node)
    return NONE


def fork(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``os.fork()``: the script goes on twice, as the child and as its parent."""
    return Value(SOME, machine.atoms.bit("fork", "os.fork()"))
