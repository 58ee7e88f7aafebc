"""What an expression is worth: one function for each kind, and the table that names them."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from auditor.program import ir
from auditor.program.source import Source
from auditor.timeline.engine import (
    arguments,
    attributes,
    births,
    calling,
    command_lines,
    conditions,
    containers,
    enums,
    generators,
    imports,
    loops,
    parameters,
    patterns,
    presence,
    protocols,
    turns,
    unset,
)
from auditor.timeline.engine.picking import pick_files
from auditor.timeline.events import Words
from auditor.timeline.values.atoms import BITS
from auditor.timeline.values.constants import LN2, loose_wildcard
from auditor.timeline.values.folding import FoldError, fold_unary, string_origins
from auditor.timeline.values.frames import Frame, ModuleScope
from auditor.timeline.values.payloads import (
    SOME,
    Begins,
    Class,
    Either,
    External,
    Function,
    Heap,
    Known,
    PerSetting,
    Tup,
    Value,
    join,
    join_all,
)

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine

BUILTINS = frozenset(name for name in dir(builtins) if not name.startswith("__")) | {"__import__"}

# What a comprehension outside any function runs in.
COMPREHENSION = Function(ir.Lambda(0, 0, (), ir.Const(0, 0, None)), ModuleScope(Source("", "")), None, {})


def eval_name(machine: Machine, node: ir.Name) -> Value:
    """Return what a name is bound to."""
    value = machine.frame.names.get(node.id)
    if value is None or machine.frame.scopes:
        value = machine.lookup(node.id)
    if value is None:
        if node.id in BUILTINS:
            return Value(External(node.id))
        return unset.unset(machine, node)
    return value


def eval_const(machine: Machine, node: ir.Const) -> Value:
    """Return a constant; a path or ln 2 has origins of its own."""
    v = node.value
    kind = type(v)
    if kind is str:
        return Value(Known(v), string_origins(v))  # type: ignore[arg-type]
    if kind is float and (abs(v - LN2) < 1e-6 or abs(v - 1 / LN2) < 1e-6):  # type: ignore[operator]
        return Value(Known(v), BITS)
    return Value(Known(v))


def eval_fstring(machine: Machine, node: ir.FString) -> Value:
    """Return an f-string, as a constant while its parts are."""
    origins = 0
    texts: list[str] | None = []
    for part in node.parts:
        value = protocols.text(machine, machine.eval(part), part, formatted=True)
        origins |= containers.deep(value) & ~loose_wildcard(value)
        if texts is not None and isinstance(value.p, Known):
            texts.append(str(value.p.v))
        else:
            texts = None
    if machine.guards and not machine.live & ~1:
        parts = tuple(part.value for part in node.parts if isinstance(part, ir.Const) and isinstance(part.value, str))
        key = (machine.frame.scope.source.path, node.start)
        machine.words.setdefault(key, Words(parts, tuple(machine.guards)))
    if texts is not None:
        text = "".join(texts)
        return Value(Known(text), origins | string_origins(text))
    _begin(machine, node)
    return Value(SOME, origins)


def _begin(machine: Machine, node: ir.FString) -> None:
    """Remember how a text begins that starts with a name given at run time (``f"{label} val_bpb:…"``)."""
    first = machine.eval(node.parts[0]).p if isinstance(node.parts[0], ir.Name) else None
    if isinstance(first, Known) and isinstance(first.v, str) and len(node.parts) > 1:
        following = node.parts[1].value if isinstance(node.parts[1], ir.Const) else ""
        machine.begun.setdefault(machine.frame.scope.source.path, {})[node.start] = f"{first.v}{following}"[:80].strip()


def eval_attr(machine: Machine, node: ir.Attr) -> Value:
    """Return an attribute."""
    return attributes.get_attr(machine, machine.eval(node.value), node.attr, node)


def eval_subscript(machine: Machine, node: ir.Subscript) -> Value:
    """Return an item or a slice of something."""
    base = machine.eval(node.value)
    index = machine.eval(node.index)
    if isinstance(base.p, Class) or protocols.speaks(base):
        name = "__class_getitem__" if isinstance(base.p, Class) and base.p.meta is None else "__getitem__"
        own = subscripted(machine, base, index, name, node)
        if own is not None:
            return own
    if isinstance(base.p, External) and base.p.name == "sys.modules":
        module = imports.loaded(machine, index)
        if module is not None:
            return module
    out = command_lines.word(machine, base, index) or containers.get_item(machine, base, index, node)
    return machine.signals.subscripted(base, index, node, out)


def subscripted(machine: Machine, base: Value, index: Value, name: str, node: ir.Subscript) -> Value | None:
    """Return what the program's own ``__getitem__`` or ``__class_getitem__`` gives; None where there is none."""
    if name == "__getitem__":
        return protocols.send(machine, base, name, [index], node)
    assert isinstance(base.p, Class)
    if isinstance(index.p, Known) and isinstance(index.p.v, str) and (known := enums.members(base.p)):
        return known.get(index.p.v)
    found = base.p.find(name)
    if found is None or not isinstance(found.p, Function):
        return None
    return calling.invoke(machine, found.p, base, arguments.Args((index,), node=node), node)


def eval_slice(machine: Machine, node: ir.Slice) -> Value:
    """Return a slice: its bounds are origins of what it picks."""
    lower = machine.eval(node.lower) if node.lower is not None else None
    upper = machine.eval(node.upper) if node.upper is not None else None
    origins = (lower.m if lower is not None else 0) | (upper.m if upper is not None else 0)
    if node.step is not None:
        origins |= machine.eval(node.step).m
    return machine.signals.sliced(lower, upper, Value(SOME, origins))


def eval_unary(machine: Machine, node: ir.UnaryOp) -> Value:
    """Return a unary operation."""
    value = machine.eval(node.operand)
    if protocols.speaks(value):
        own = protocols.unary(machine, node.op, value, node)
        if own is not None:
            return own
        value = protocols.condition(machine, value, node) if node.op == "not" else value
    if node.op == "not":
        yes, no = machine.truth(value)
        return machine.signals.negated(node, Value(conditions.boolean(machine, yes, no), value.m))
    out = machine.fold(lambda a: fold_unary(node.op, a), value)
    return machine.signals.negated(node, out)


def eval_binop(machine: Machine, node: ir.BinOp) -> Value:
    """Return a binary operation."""
    left = machine.eval(node.left)
    right = machine.eval(node.right)
    if node.op == "%" and isinstance(left.p, Known) and isinstance(left.p.v, str):
        right = containers.as_constant(machine, right)
    if node.op == "/" and isinstance(left.p, Known) and isinstance(left.p.v, str):
        out = machine.fold(_beside, left, right)
        return out if isinstance(out.p, Known) else Value(Begins(f"{left.p.v}/"), out.m)
    begins = node.op == "+" and isinstance(left.p, Known) and isinstance(left.p.v, str)
    if begins and not isinstance(right.p, Known | PerSetting | Either) and not protocols.speaks(right):
        return Value(Begins(left.p.v), left.m & ~loose_wildcard(left) | containers.deep(right))  # type: ignore[union-attr,arg-type]
    constant = machine.constant(node.op, left, right)
    if constant is not None:
        return machine.signals.moved(node, left, right, constant) if node.op in ("+", "-", "*") else constant
    if protocols.speaks(left) or protocols.speaks(right):
        own = protocols.binary(machine, node.op, left, right, node)
        if own is not None:
            return own
    if node.op == "+" and (isinstance(left.p, Heap | Tup) or isinstance(right.p, Heap | Tup)):
        first, second = containers.exact_items(machine, left), containers.exact_items(machine, right)
        if first is not None and second is not None:
            return containers.new_list(machine, [*first, *second])
        if isinstance(left.p, Heap) and left.p.kind == "list":
            return containers.new_list(
                machine, None, join(containers.element_of(machine, left), containers.element_of(machine, right))
            )
    if node.op == "*" and isinstance(left.p, Heap) and left.p.kind == "list":
        item = containers.tag(containers.element_of(machine, left), right.m)
        return containers.new_list(machine, None, presence.within(machine, item, machine.truth(right)[0]))
    origins = containers.deep(left) | containers.deep(right)
    origins = parameters.settle(machine, machine.signals.operands(node, left, right, origins))
    origins = machine.signals.mingled(node, origins)
    return machine.signals.combined(node, left, right, Value(SOME, origins))


def _beside(folder: object, name: object) -> object:
    """Return ``folder / name`` of two paths, which we keep as texts."""
    if not isinstance(folder, str) or not isinstance(name, str):
        raise FoldError
    return name if name.startswith("/") else f"{folder.rstrip('/')}/{name}"


def eval_sequence(machine: Machine, node: ir.Sequence) -> Value:
    """Return a tuple, list or set display."""
    items: list[Value] = []
    exact = True
    for elt in node.elts:
        value = machine.eval(elt)
        if isinstance(elt, ir.Starred):
            inner = containers.exact_items(machine, value)
            if inner is None:
                exact = False
                items.append(containers.element_of(machine, value))
            else:
                items.extend(inner)
        else:
            items.append(value)
    if not exact:
        return containers.new_list(machine, None, join_all(items))
    if node.kind == "tuple":
        origins = 0
        for item in items:
            origins |= item.m
        return Value(Tup(tuple(items)), origins)
    return containers.new_list(machine, items)


def eval_dict(machine: Machine, node: ir.DictDisplay) -> Value:
    """Return a dict display."""
    out = Heap("dict", made_at=machine.order)
    for key, value_node in zip(node.keys, node.values, strict=True):
        value = machine.eval(value_node)
        if key is None:
            containers.update_dict(machine, out, value)
            continue
        containers.set_item(machine, out, machine.eval(key), value)
    return Value(out)


def eval_comprehension(machine: Machine, node: ir.Comprehension) -> Value:
    """Return a comprehension: followed item by item while there are few, else once."""
    frame = machine.frame
    machine.frame = Frame(frame.scope, {}, parent=frame, func=frame.func or COMPREHENSION, owner=frame.owner)
    live = machine.live

    def evaluated(part: ir.Expr) -> Value:
        """Evaluate a part; where it ends the run, nothing goes on."""
        nonlocal live
        entered = machine.live
        out = machine.eval(part)
        live &= machine.live | ~entered
        return out

    try:
        alone = len(node.clauses) == 1
        tests: list[Value] = []
        for clause in node.clauses:
            iterable = evaluated(clause.iter)
            items = containers.exact_items(machine, iterable)
            if alone and items is not None and len(items) <= 16 and _told(machine, clause, items):
                made, values = [], []
                for item in items:
                    machine.live = live & presence.there(machine, item)
                    if not machine.live:
                        continue
                    machine.bind(clause.target, item)
                    for test in clause.ifs:
                        machine.live &= machine.truth(machine.eval(test))[0]
                    if not machine.live:
                        continue
                    made.append(presence.put(machine, evaluated(node.elt)))
                    values += [presence.put(machine, evaluated(node.value))] if node.value is not None else []
                machine.live = live
                if node.kind == "dict":
                    return containers.new_dict(machine, list(zip(made, values, strict=True)))
                return containers.new_list(machine, made)
            for index, count in enumerate(turns.trip_counts(machine, iterable)):
                if count == 0:  # it gives nothing there
                    machine.live &= ~(1 << index)
            machine.bind(clause.target, containers.element_of(machine, iterable))
            for test in clause.ifs:
                tests.append(evaluated(test))
                machine.live &= machine.truth(tests[-1])[0]
                pick_files(machine, test)
        if not machine.live:
            return containers.new_dict(machine, []) if node.kind == "dict" else containers.new_list(machine, [])
        elt = presence.put(machine, evaluated(node.elt))
        if node.kind == "dict" and node.value is not None:
            value = presence.put(machine, evaluated(node.value))
            heap = Heap("dict", element=value, origins=elt.m, made_at=machine.order)
            births.note(machine, heap)
            return machine.signals.filtered(tests, Value(heap, value.m))
        return machine.signals.filtered(tests, containers.new_list(machine, None, elt))
    finally:
        machine.frame = frame
        machine.live = live


def _told(machine: Machine, clause: ir.CompFor, items: list[Value]) -> bool:
    """Return whether of each item it can be told, under every setting in play, if a comprehension takes it."""
    if not clause.ifs:
        return True
    if not all(loops.plainly(test) for test in clause.ifs):
        return False
    for item in items:
        machine.bind(clause.target, item)
        for test in clause.ifs:
            yes, no = machine.truth(machine.eval(test))
            if yes & no & machine.live & ~1:
                return False
    return True


def eval_lambda(machine: Machine, node: ir.Lambda) -> Value:
    """Return a lambda with the frame that it closes over."""
    return Value(Function(node, machine.frame.scope, machine.frame, defaults(machine, node.params)))


def defaults(machine: Machine, params: tuple[ir.Param, ...]) -> dict[str, Value]:
    """Return the values of parameter defaults, evaluated where the function is defined."""
    return {p.name: machine.eval(p.default) for p in params if p.default is not None}


def eval_starred(machine: Machine, node: ir.Starred) -> Value:
    """Return what is unpacked."""
    return machine.eval(node.value)


def eval_named(machine: Machine, node: ir.NamedExpr) -> Value:
    """Return the value of ``:=`` and bind it."""
    value = machine.eval(node.value)
    machine.bind(node.target, value)
    return value


EXPRESSIONS: dict[type[ir.Node], Callable[[Machine, Any], Value]] = {
    ir.Name: eval_name,
    ir.Const: eval_const,
    ir.FString: eval_fstring,
    ir.Attr: eval_attr,
    ir.Subscript: eval_subscript,
    ir.Slice: eval_slice,
    ir.Call: calling.eval_call,
    ir.BinOp: eval_binop,
    ir.UnaryOp: eval_unary,
    ir.BoolOp: conditions.eval_boolop,
    ir.Compare: conditions.eval_compare,
    ir.IfExp: conditions.eval_ifexp,
    ir.Sequence: eval_sequence,
    ir.DictDisplay: eval_dict,
    ir.Comprehension: eval_comprehension,
    ir.Lambda: eval_lambda,
    ir.Starred: eval_starred,
    ir.NamedExpr: eval_named,
    ir.Yield: generators.eval_yield,
    ir.MatchTest: patterns.eval_match,
}
