"""Iterators that are pulled on: what the standard library makes of generators, and what runs them to their end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from auditor.program import ir
from auditor.timeline.engine import arguments, calling, containers, generators
from auditor.timeline.values.payloads import (
    NONE,
    SOME,
    UNKNOWN,
    Function,
    Heap,
    Native,
    Stream,
    Value,
    join,
)

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine

# What takes an iterator without pulling on it; every other function that is handed one runs it to its end.
LAZY = frozenset(
    {
        "iter", "aiter", "next", "anext", "enumerate", "zip", "tqdm.tqdm", "tqdm.auto.tqdm", "itertools.islice",
        "itertools.chain", "contextlib.contextmanager", "contextlib.closing", "contextlib.asynccontextmanager",
        "isinstance", "type", "id", "itertools.takewhile", "itertools.tee", "itertools.cycle", "setattr", "map",
        "filter", "threading.Thread", "print",
    }
)  # fmt: skip


def forced(machine: Machine, name: str, args: Args) -> Args:
    """Return the arguments of a library's function, generators run to their end where it runs them."""
    if name in LAZY:
        return args
    for value in args.positional:
        if type(value.p) is Stream:
            break
    else:
        if not args.keywords or not any(type(value.p) is Stream for value in args.keywords.values()):
            return args
    return replace(
        args,
        positional=tuple(generators.collected(machine, v) for v in args.positional),
        keywords={k: generators.collected(machine, v) for k, v in args.keywords.items()},
    )


def wrapped(machine: Machine, args: Args, node: ir.Node) -> Value | None:
    """``enumerate(g)``, ``zip(g, …)``, ``islice(g, n)`` and their like; None where no argument is a generator."""
    kinds = [type(value.p) for value in args.positional]
    if Stream not in kinds:
        return None
    at = kinds.index(Stream)
    stream = args.positional[at]
    assert isinstance(stream.p, Stream)
    name = generators_name(node)
    if name == "enumerate":
        change = generators.pair_up(1, (Value(SOME), stream))
    elif name == "zip":
        others = [v if i == at else containers.element_of(machine, v) for i, v in enumerate(args.positional)]
        change = generators.pair_up(at, tuple(others))
    elif name in ("map", "filter") and at:
        func = args.positional[0]

        def change(item: Value) -> Value:
            out = calling.call(machine, func, arguments.Args((item,), node=node), node)
            return out if name == "map" else item
    else:
        return stream
    return Value(generators.derived(stream.p, change), stream.m)


def generators_name(node: ir.Node) -> str:
    """Return the last word of what a call calls."""
    func = node.func if isinstance(node, ir.Call) else None
    return func.id if isinstance(func, ir.Name) else func.attr if isinstance(func, ir.Attr) else ""


def following(machine: Machine, args: Args, node: ir.Node) -> Value | None:
    """``next(g)``; None where its argument is no generator."""
    first = args.get(0)
    if first is None or not isinstance(first.p, Stream):
        return None
    out = generators.pulled(machine, first.p, None, node)
    default = args.get(1)
    return out if default is None else join(out, default)


def method(machine: Machine, whole: Value, name: str, args: Args, node: ir.Node) -> Value | None:
    """Call a method of a generator."""
    stream = whole.p
    assert isinstance(stream, Stream)
    if name in ("send", "asend", "throw"):
        return generators.pulled(machine, stream, args.get(0) or UNKNOWN, node)
    if name in ("__next__", "__anext__"):
        return generators.pulled(machine, stream, None, node)
    if name in ("__iter__", "__aiter__"):
        return Value(stream)
    if name in ("close", "aclose"):
        return NONE
    return None


def context_manager(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``@contextmanager``: a function whose generators are contexts."""
    func = args.get(0) or UNKNOWN
    if not isinstance(func.p, Function):
        return func

    def run(more: Args, at: ir.Node) -> Value:
        made = calling.call(machine, func, more, at)
        if isinstance(made.p, Stream):
            made.p.context = True
        return made

    if machine.frame.owner is not None and machine.frame.func is None:  # a method, bound to its object first
        machine.contexts.add(id(func.p.node))
        return func
    return Value(Native("contextmanager", run))


def suppress(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``contextlib.suppress(Error)``: a block that an exception leaves without going further."""
    return Value(Heap("external", name="contextlib.suppress", made_at=machine.order))


def closing(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``contextlib.closing(x)`` and ``nullcontext(x)``: ``x`` as a context."""
    return args.get(0) or NONE
