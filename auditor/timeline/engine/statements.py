"""What a statement does: one function for each kind, and the table that names them.

Loops and imports have modules of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from auditor.program import ir
from auditor.timeline.engine import (
    branches,
    choices,
    classes,
    containers,
    contexts,
    decorators,
    escapes,
    exceptions,
    expressions,
    forks,
    imports,
    iteration,
    loops,
    parameters,
    picking,
    presence,
    protocols,
    stores,
)
from auditor.timeline.values.frames import Guard
from auditor.timeline.values.names import Before, kept
from auditor.timeline.values.payloads import (
    NONE,
    SOME,
    UNKNOWN,
    Function,
    Heap,
    Known,
    Value,
    merge,
)

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine


def do_function(machine: Machine, node: ir.FunctionDef) -> None:
    """Bind a function, decorated."""
    owner = machine.frame.owner if machine.frame.func is None else None
    func = Function(node, machine.frame.scope, machine.frame, expressions.defaults(machine, node.params), owner)
    value = Value(func)
    for decorator in reversed(node.decorators):
        value = decorators.decorate(machine, decorator, value)
    if isinstance(value.p, Function) and value.p.owner is None:
        value.p.owner = owner
    machine.frame.names[node.name] = value


def do_assign(machine: Machine, node: ir.Assign) -> None:
    """Assign to one or more targets."""
    if node.value is None:
        return
    value = machine.eval(node.value)
    value = machine.signals.bound(value)
    for target in node.targets:
        machine.bind(target, value)


def do_augassign(machine: Machine, node: ir.AugAssign) -> None:
    """Assign in place: parameters are written, lists extended."""
    target = node.target
    old = stores.old_value(machine, target)
    value = machine.eval(node.value)
    if protocols.speaks(old) or protocols.speaks(value):
        own = protocols.in_place(machine, node.op, old, value, node)
        if own is not None:
            machine.bind(target, own)
            return
    heap = old.p
    if isinstance(heap, Heap) and heap.kind == "list" and node.op == "+":
        containers.extend(machine, heap, value)
        return
    if old.m & machine.params:
        if isinstance(target, ir.Subscript):  # which of them are changed says as much as by what
            value = containers.tag(value, containers.deep(machine.eval(target.index)))
        machine.signals.parameters_written(old, value, node)
        return
    constant = None if machine.in_loop else machine.constant(node.op, old, value)
    if constant is not None:
        new = constant
    else:
        origins = parameters.settle(machine, old.m | containers.deep(value))
        origins = machine.signals.mingled(node, origins)
        new = machine.signals.combined(node, old, value, Value(SOME, origins))
    if isinstance(target, ir.Subscript):
        stores.update_item(machine, target, new)
        return
    frame = machine.frame
    handed = isinstance(target, ir.Name) and target.id not in frame.rebound
    machine.bind(target, new)
    counted = machine.atoms.family("counted")
    told = counted if old.p is None else machine.atoms.family("forward") | counted if old.p is SOME else 0
    if handed and isinstance(target, ir.Name) and new.m & ~old.m & told:
        frame.written[target.id] = new  # a tensor that was handed in is changed for the caller, too
        frame.rebound.discard(target.id)


def do_expr(machine: Machine, node: ir.ExprStmt) -> None:
    """Follow an expression for what it does; ``(a if test else b).append(x)`` as the two ways that it is."""
    chosen = _chosen(node.value)
    if chosen is not None:
        do_if(machine, chosen)
        return
    value = machine.eval(node.value)
    if machine.finalizable and not isinstance(node.value, ir.Name | ir.Attr | ir.Subscript):
        classes.finalize(machine, value, node)


def _chosen(node: ir.Expr) -> ir.If | None:
    """Return a call of a method of one object or another as an ``if``; None for another expression."""
    if not isinstance(node, ir.Call) or not isinstance(node.func, ir.Attr) or not isinstance(node.func.value, ir.IfExp):
        return None
    func, choice = node.func, node.func.value

    def way(chosen: ir.Expr) -> tuple[ir.Stmt, ...]:
        method = ir.Attr(func.start, func.end, chosen, func.attr)
        return (ir.ExprStmt(node.start, node.end, ir.Call(node.start, node.end, method, node.args)),)

    return ir.If(node.start, node.end, choice.test, way(choice.body), way(choice.orelse))


def do_return(machine: Machine, node: ir.Return) -> None:
    """Return from the function under the live settings."""
    value = machine.eval(node.value) if node.value is not None else NONE
    if machine.deciding:
        value = Value(value.p, value.m | machine.deciding)
    value = machine.signals.bound(value)
    machine.signals.left(node)
    frame = machine.frame
    if frame.returned is None:
        frame.returned = value
    else:
        merged = merge(value, frame.returned, machine.live, frame.returned_bits, machine.count)
        frame.returned = choices.told_apart(merged, value, frame.returned, frame.turned)
    frame.returned_bits |= machine.live
    machine.live = 0


def do_assert(machine: Machine, node: ir.Assert) -> None:
    """Follow an assertion; what it excludes does not go on."""
    test = protocols.condition(machine, machine.eval(node.test), node.test)
    yes, no = machine.truth(test)
    fails = machine.live & no & ~yes
    if fails and machine.attempts:
        exceptions.throw(machine, UNKNOWN, fails)
        machine.live &= ~fails


def do_delete(machine: Machine, node: ir.Delete) -> None:
    """Unbind names; an object's attribute or item goes as its class says."""
    for target in node.targets:
        if isinstance(target, ir.Name):
            old = machine.frame.names.pop(target.id, None)
            if old is not None and machine.finalizable:
                classes.finalize(machine, old, node)
        elif isinstance(target, ir.Attr):
            protocols.send(machine, machine.eval(target.value), "__delattr__", [Value(Known(target.attr))], node)
        elif isinstance(target, ir.Subscript):
            base = machine.eval(target.value)
            if protocols.speaks(base):
                protocols.send(machine, base, "__delitem__", [machine.eval(target.index)], node)
            elif isinstance(base.p, Heap) and base.p.kind == "dict":
                key = containers.key_of(machine.eval(target.index))
                if key is not None:
                    presence.take_out(machine, base.p, key)


def do_scope(machine: Machine, node: ir.Scope) -> None:
    """Note names that are global or nonlocal."""
    for name in node.names:
        machine.frame.scopes[name] = node.kind


def do_jump(machine: Machine, node: ir.Jump) -> None:
    """Leave the iteration or the loop under the live settings."""
    if node.kind == "pass":
        return
    machine.signals.left(node)
    machine.jumped |= machine.live
    if node.kind == "break":
        machine.broken |= machine.live
        machine.break_names.append(dict(machine.frame.names))
    machine.live = 0


def _only_dies(machine: Machine, node: ir.If) -> bool:
    """Return whether a branch does nothing but end the run."""
    return len(node.body) == 1 and isinstance(node.body[0], ir.Raise) and not node.orelse and not machine.attempts


def _logged(machine: Machine) -> int:
    return sum(1 << index for index, setting in enumerate(machine.settings, start=1) if setting.kind == "log")


def do_if(machine: Machine, node: ir.If) -> None:
    """Follow both branches, each under the settings that may take it, and merge."""
    asked = machine.eval(node.test)
    test = protocols.condition(machine, asked, node.test)
    live = machine.live
    yes, no = machine.truth(test)
    yes &= live
    no &= live
    if yes & ~no and _only_dies(machine, node):
        past = yes & ~no & _logged(machine)  # a run that a log shows went past it, whatever the log doesn't print
        yes, no = yes & ~past, no | past
    both = yes & no
    if both and test.m & machine.atoms.family("fork"):
        forks.both_ways(machine, node)
        return
    undecided = machine.undecided
    if both & ~1 and test.m & machine.atoms.family("setting"):
        machine.undecided |= machine.open_switches(node.test, live)
    if not yes:
        pushed = machine.guard(node.test, test, no, taken=False, branches=node)
        machine.block(node.orelse)
        if pushed:
            machine.guards.pop()
        machine.undecided = undecided
        return
    if not no:
        pushed = machine.guard(node.test, test, yes, taken=True, branches=node)
        died = machine.frame.died
        machine.block(node.body)
        if pushed:
            machine.guards.pop()
        machine.undecided = undecided
        if not machine.live and yes & machine.all & ~1 & ~(machine.frame.died & ~died) == 0:
            machine.live = yes  # a run that dies here reports nothing: the one that is claimed went past it
        return
    names = machine.frame.names
    branch = kept(names)
    branch.watch()
    weak = machine.weak
    machine.weak |= both
    turned, frame, returned_bits = choices.turned(machine, test, yes, no), machine.frame, machine.frame.returned_bits
    turned_before = frame.turned
    frame.turned |= turned
    deciding = machine.deciding
    machine.deciding |= test.m & machine.atoms.family(escapes.FAMILY)
    pushed = machine.guard(node.test, test, yes, taken=True, branches=node)
    machine.live = yes
    fallback = choices.left_empty(machine, node.test, test)
    if fallback and not pushed:
        machine.guards.append(Guard(machine.site(node.test), (fallback.what,), yes, taken=True))
        pushed = True
    if fallback and fallback.taken:
        machine.undecided |= yes
    jumped = machine.jumped
    way = branches.of(machine, node.test, both & ~1 or both, known=asked is test)
    if not both & ~1 or asks_for_parameters(machine, node.test):
        machine.decided.add(way.whole & ~1)
    if test.m and not test.m & ~machine.atoms.family("setting"):
        machine.switched.update((*way.taken, *way.other))
    depth = len(machine.branches)
    machine.branches.extend(way.taken)
    picking.pick_files(machine, node.test)
    machine.signals.branch_entered(node.test, test)
    machine.picking.append((test.m & machine.atoms.family("iteration"), machine.depth))
    machine.block(node.body)
    machine.picking.pop()
    machine.signals.branch_left()
    body_live = machine.live
    body_returned = not body_live and machine.jumped == jumped
    machine.branches[depth:] = way.other
    if pushed:
        machine.guards[-1] = machine.other_way(machine.guards[-1], no)
    if fallback:
        machine.undecided = undecided | (0 if fallback.taken else no)
    held, left = branch.take_back()
    branch.watch()
    machine.live = else_live = no
    picking.pick_files(machine, node.test, taken=False)
    if node.orelse:
        machine.signals.otherwise(test)
        machine.block(node.orelse)
        machine.signals.otherwise(None)
        else_live = machine.live
    if pushed:
        machine.guards.pop()
    del machine.branches[depth:]
    machine.weak = weak
    machine.undecided = undecided
    machine.live = body_live | else_live
    held_else = branch.leave()
    after = {name: value for name, value in left.items() if value is not None}
    escapes.decided(machine.deciding, held, after)
    escapes.decided(machine.deciding, held_else, names)
    machine.deciding = deciding
    if frame.returned_bits == returned_bits:
        frame.turned = turned_before
    if body_returned:
        machine.passed.extend(way.other)
    if not body_live:
        return
    if not else_live and machine.jumped == jumped:
        machine.passed.extend(way.taken)
    machine.signals.branches_joined(test, Before(names, held, held_else), after)
    # What each of the names that one way or the other changed holds after the body, None where it holds nothing.
    found = {**held_else, **dict.fromkeys(left), **after}
    for name, value in found.items():
        other = names.get(name) if else_live else None
        if value is None:
            if not else_live:
                names.pop(name, None)
        elif other is None:
            names[name] = value
        elif other is not value:
            merged = merge(value, other, body_live, else_live, machine.count)
            names[name] = choices.told_apart(merged, value, other, turned)


def asks_for_parameters(machine: Machine, test: ir.Expr) -> bool:
    """Return whether ``x is not None`` asks if parameters are there: what it guards can only matter where they are."""
    if not isinstance(test, ir.Compare) or test.ops != ("is not",) or not isinstance(test.rights[0], ir.Const):
        return False
    asked = parameters.heaps_in(machine.eval(test.left).p)
    return bool(asked) and all(heap.kind == "parameter" for heap in asked)


STATEMENTS: dict[type[ir.Node], Callable[[Machine, Any], None]] = {
    ir.FunctionDef: do_function,
    ir.ClassDef: classes.do_class,
    ir.Assign: do_assign,
    ir.AugAssign: do_augassign,
    ir.ExprStmt: do_expr,
    ir.Return: do_return,
    ir.Raise: exceptions.do_raise,
    ir.Assert: do_assert,
    ir.Delete: do_delete,
    ir.Scope: do_scope,
    ir.Jump: do_jump,
    ir.Import: imports.do_import,
    ir.ImportFrom: imports.do_import_from,
    ir.If: do_if,
    ir.For: iteration.do_for,
    ir.While: loops.do_while,
    ir.With: contexts.do_with,
    ir.Try: exceptions.do_try,
}
