"""Attributes, calls and construction."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import (
    applying,
    arithmetic,
    classes,
    containers,
    coroutines,
    models,
    parameters,
    stores,
)
from auditor.timeline.engine.arguments import Args
from auditor.timeline.values.constants import is_none
from auditor.timeline.values.frames import CallStep, Frame
from auditor.timeline.values.names import Names
from auditor.timeline.values.payloads import (
    NONE,
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

MAX_DEPTH = 48
MAX_SAME = 2


def eval_call(machine: Machine, node: ir.Call) -> Value:
    """Evaluate a call expression."""
    if type(node.func) is ir.Name and node.func.id == "super" and not node.args:
        return Value(Method(receiver_of(machine.frame), "super", node))
    func = machine.eval(node.func)
    positional: list[Value] = []
    keywords: dict[str, Value] = {}
    rest: Value | None = None
    nodes: list[ir.Expr] = []
    unplaced = False  # after as many as nobody knows, no argument's position is known
    for arg in node.args:
        value = machine.eval(arg.value)
        if not arg.star:
            nodes.append(arg.value)
            if arg.keyword is not None:
                keywords[arg.keyword] = value
            elif unplaced:
                rest = value if rest is None else join(rest, value)
            else:
                positional.append(value)
        elif arg.star == "*":
            items = containers.exact_items(machine, value)
            if items is not None:
                positional.extend(items)
            else:
                element = containers.element_of(machine, value)
                rest = element if rest is None else join(rest, element)
                unplaced = True
        else:
            p = value.p
            if isinstance(p, Heap) and p.kind == "dict" and p.element is None:
                keywords.update(p.attrs)
            else:
                loose = Value(None, containers.deep(value))
                rest = loose if rest is None else join(rest, loose)
    args = Args(tuple(positional), keywords, rest, node, tuple(nodes))
    out = machine.signals.called(func, args, node, call(machine, func, args, node))
    return arithmetic.combined(machine, func, args, node, out)


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
    kind = type(func.p)
    if kind is not PerSetting and kind is not Either:
        return call_payload(machine, func.p, func, args, node)
    options = machine.alternatives(func)
    if len(options) == 1 and options[0][1] & machine.live == machine.live:
        return call_payload(machine, options[0][0], func, args, node)
    live = machine.live
    weak = machine.weak
    out: Value | None = None
    done = 0
    after = live
    for _, bits in options:
        after &= ~bits  # nothing is there to be called
    open_choice = isinstance(func.p, Either)
    for payload, bits in options:
        machine.live = live & bits
        if not machine.live:
            continue
        if open_choice:
            machine.weak = weak | machine.live
            machine.branch_count += 2
            machine.branches.append(machine.branch_count)
        if (payload is None or is_none(payload)) and any(o is not None and not is_none(o) for o, _ in options):
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
    type(p)
    if type(p) is Function:
        return invoke(machine, p, None, args, node)
    if type(p) is Bound:
        receiver = p.receiver.p
        module = isinstance(receiver, Heap) and models.is_module(receiver) and p.func.name != "__init__"
        if isinstance(receiver, Heap) and module and applying.applies(machine, p.func, args, receiver):
            return applying.apply_module(machine, receiver, args, node, p.func.name)
        return invoke(machine, p.func, p.receiver, args, node)
    if type(p) is External:
        return machine.library.call_function(machine, p.name, args, node)
    if type(p) is Method:
        return machine.library.call_method(machine, p, args, node)
    if type(p) is Class:
        return classes.instance(machine, p, args, node)
    if type(p) is Native:
        result = p.call(args, node)
        assert isinstance(result, Value)
        return result
    if type(p) is Heap:
        if p.kind == "dispatcher":
            return call(machine, p.attrs["__call__"], args, node)
        if models.is_module(p):
            forward = p.cls.find("forward") if p.cls is not None else None
            own = forward.p if forward is not None and isinstance(forward.p, Function) else None
            if own is not None and (applying.judges(machine, p, args) or applying.keeps_state(machine, p, own)):
                return invoke(machine, own, Value(p), args, node)
            return applying.apply_module(machine, p, args, node, "forward")
        if p.cls is not None:
            method = p.cls.find("__call__")
            if method is not None and isinstance(method.p, Function):
                return invoke(machine, method.p, Value(p), args, node)
        return applying.opaque(machine, p, func, args, node)
    return applying.opaque(machine, None, func, args, node)


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
        made.made_by = node
        made.learns = machine.relevance.adapts(func.node)
        made.answers = coroutines.answers(func.node) if made.learns else None
        made.given = (*([receiver] if receiver is not None else []), *args.all())
        own = receiver.m if receiver is not None else 0
        return Value(made, parameters.settle(machine, args.origins() | own))
    if machine.depth >= MAX_DEPTH:
        given = [*([receiver] if receiver is not None else []), *args.all()]
        what = f"`{func.name}`, {MAX_DEPTH} calls deep"
        opaque = machine.escape(node, what, given, learns=machine.relevance.adapts(func.node))
        return Value(None, parameters.settle(machine, args.origins()) | opaque)
    key = func.key
    if machine.active.get(key, 0) >= MAX_SAME:
        machine.note_unfollowed(machine.site(node), f"{func.name} calls itself, and is followed {MAX_SAME} calls deep")
        return Value(None, parameters.settle(machine, args.origins()))
    frame = Frame(
        func.scope, Names(), parent=func.closure, func=func, owner=func.owner, consume=consume, pulled_by=stream
    )
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
    machine.entered.add(id(func.node))
    quiet = int(id(func.node) in machine.quiet)
    machine.no_grad += quiet
    out: Value | None = None
    try:
        if isinstance(func.node, ir.Lambda):
            out = machine.eval(func.node.body)
            return out
        answers = stream.answers if stream is not None else None
        machine.block(answers.body if answers is not None and answers.running else func.node.body)
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
        if param.kind == "*":
            if isinstance(value.p, Tup):
                _hand_back_rest(machine, args, index, value.p)
            continue
        where = args.nodes[index] if 0 <= index < min(len(args.positional), len(args.nodes)) else None
        if where is None and isinstance(args.node, ir.Call):
            where = next((a.value for a in args.node.args if a.keyword == param.name), None)
        if isinstance(where, ir.Name | ir.Attr | ir.Subscript):
            base = stores.old_value(machine, where)
            if not isinstance(base.p, Heap | Known):
                stores.update_in_place(machine, where, base, value)
        elif where is None and param.kind == "pos":
            _pack_back(machine, args, index, value)


def _hand_back_rest(machine: Machine, args: Args, first: int, written: Tup) -> None:
    """Let the caller's arrays that were handed on out of ``*args`` be made from what was written into them."""
    for index, value in enumerate(written.items, first):
        where = args.nodes[index] if 0 <= index < min(len(args.positional), len(args.nodes)) else None
        if isinstance(where, ir.Name | ir.Attr | ir.Subscript) and value.m != args.positional[index].m:
            base = stores.old_value(machine, where)
            if not isinstance(base.p, Heap | Known):
                stores.update_in_place(machine, where, base, value)


def _pack_back(machine: Machine, args: Args, index: int, value: Value) -> None:
    """Let what was written into an argument out of ``*names`` be in the tuple of that name."""
    given = args.node.args if isinstance(args.node, ir.Call) else ()
    packed = given[0].value if given and given[0].star == "*" else None
    old = machine.frame.names.get(packed.id) if isinstance(packed, ir.Name) else None
    if old is None or not isinstance(old.p, Tup) or not isinstance(packed, ir.Name) or index >= len(old.p.items):
        return
    item = old.p.items[index]
    if isinstance(item.p, Heap | Known) or index < 0:
        return
    new = Value(item.p, item.m | value.m)
    filled = Value(Tup((*old.p.items[:index], new, *old.p.items[index + 1 :])), old.m | value.m)
    machine.frame.names[packed.id] = filled
    machine.frame.written[packed.id] = filled


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
            more = given[position:]
            position = len(given)
            names[param.name] = Value(Tup(tuple(more)), join_all(more).m)
            if args.rest is not None:
                names[param.name] = containers.new_list(machine, None, join_all([*more, args.rest]))
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
