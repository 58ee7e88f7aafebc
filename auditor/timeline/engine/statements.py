"""What a statement does: one function for each kind, and the table that names them.

Loops and imports have modules of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from auditor.program import ir
from auditor.timeline.engine import calling, containers, escapes, expressions, imports, loops, parameters
from auditor.timeline.values.folding import fold_binary
from auditor.timeline.values.frames import Frame
from auditor.timeline.values.payloads import (
    NONE,
    SOME,
    UNKNOWN,
    Class,
    External,
    Function,
    Heap,
    Known,
    PerSetting,
    Value,
    join,
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
        value = calling.decorate(machine, decorator, value)
    if isinstance(value.p, Function) and value.p.owner is None:
        value.p.owner = owner
    machine.frame.names[node.name] = value


def do_class(machine: Machine, node: ir.ClassDef) -> None:
    """Bind a class: its body is followed as a scope of its own."""
    bases: list[Class | str] = []
    for base in node.bases:
        value = machine.eval(base)
        if isinstance(value.p, Class):
            bases.append(value.p)
        elif isinstance(value.p, External):
            bases.append(value.p.name)
        else:
            bases.append(base.attr if isinstance(base, ir.Attr) else getattr(base, "id", "?"))
    cls = Class(node, machine.frame.scope, tuple(bases))
    cls.cursors = machine.relevance.cursors(node)
    cls.counters = machine.relevance.counters(node) | machine.relevance.counted
    outer = machine.frame
    machine.frame = Frame(outer.scope, cls.attrs, parent=outer, owner=cls)
    try:
        for statement in node.body:
            if isinstance(statement, ir.Assign) and len(statement.targets) == 1:
                target = statement.targets[0]
                if isinstance(target, ir.Name):
                    cls.fields.append(target.id)
        machine.block(node.body)
    finally:
        machine.frame = outer
    outer.names[node.name] = Value(cls)


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
    old = containers.old_value(machine, target)
    value = machine.eval(node.value)
    heap = old.p
    if isinstance(heap, Heap) and heap.kind == "list" and node.op == "+":
        containers.extend(machine, heap, value)
        return
    if old.m & machine.params:
        machine.signals.parameters_written(old, value, node)
        return
    if not machine.in_loop and isinstance(old.p, Known | PerSetting) and isinstance(value.p, Known | PerSetting):
        new = machine.fold(lambda a, b: fold_binary(node.op, a, b), old, value)
    else:
        origins = parameters.settle(machine, old.m | containers.deep(value))
        origins = machine.signals.mingled(node, origins)
        new = machine.signals.combined(node, old, value, Value(SOME, origins))
    if isinstance(target, ir.Subscript):
        containers.update_item(machine, target, new)
        return
    frame = machine.frame
    handed = isinstance(target, ir.Name) and target.id not in frame.rebound
    machine.bind(target, new)
    if handed and old.p is SOME and isinstance(target, ir.Name) and new.m & ~old.m & machine.atoms.family("forward"):
        frame.written[target.id] = new  # a tensor that was handed in is changed for the caller, too
        frame.rebound.discard(target.id)


def do_expr(machine: Machine, node: ir.ExprStmt) -> None:
    """Follow an expression for what it does."""
    machine.eval(node.value)


def do_return(machine: Machine, node: ir.Return) -> None:
    """Return from the function under the live settings."""
    value = machine.eval(node.value) if node.value is not None else NONE
    if machine.deciding:
        value = Value(value.p, value.m | machine.deciding)
    value = machine.signals.bound(value)
    frame = machine.frame
    if frame.returned is None:
        frame.returned = value
    else:
        frame.returned = merge(value, frame.returned, machine.live, frame.returned_bits, machine.count)
    frame.returned_bits |= machine.live
    machine.live = 0


def do_raise(machine: Machine, node: ir.Raise) -> None:
    """Raise: what follows is not reached."""
    if node.exc is not None:
        machine.eval(node.exc)
    machine.live = 0


def do_assert(machine: Machine, node: ir.Assert) -> None:
    """Follow an assertion; what it excludes does not go on."""
    machine.eval(node.test)


def do_delete(machine: Machine, node: ir.Delete) -> None:
    """Unbind names."""
    for target in node.targets:
        if isinstance(target, ir.Name):
            machine.frame.names.pop(target.id, None)


def do_scope(machine: Machine, node: ir.Scope) -> None:
    """Note names that are global or nonlocal."""
    for name in node.names:
        machine.frame.scopes[name] = node.kind


def do_jump(machine: Machine, node: ir.Jump) -> None:
    """Leave the iteration or the loop under the live settings."""
    if node.kind == "pass":
        return
    machine.jumped |= machine.live
    if node.kind == "break":
        machine.broken |= machine.live
        machine.break_names.append(dict(machine.frame.names))
    machine.live = 0


def do_if(machine: Machine, node: ir.If) -> None:
    """Follow both branches, each under the settings that may take it, and merge."""
    test = machine.eval(node.test)
    live = machine.live
    yes, no = machine.truth(test)
    yes &= live
    no &= live
    both = yes & no
    undecided = machine.undecided
    if both & ~1 and test.m & machine.atoms.family("setting"):
        machine.undecided |= machine.open_switches(node.test, live)
    if not yes:
        pushed = machine.guard(node.test, test, no, taken=False)
        machine.block(node.orelse)
        if pushed:
            machine.guards.pop()
        machine.undecided = undecided
        return
    if not no:
        pushed = machine.guard(node.test, test, yes, taken=True)
        machine.block(node.body)
        if pushed:
            machine.guards.pop()
        machine.undecided = undecided
        return
    names = machine.frame.names
    before = dict(names)
    weak = machine.weak
    machine.weak |= both
    deciding = machine.deciding
    machine.deciding |= test.m & machine.atoms.family(escapes.FAMILY)
    pushed = machine.guard(node.test, test, yes, taken=True)
    machine.live = yes
    jumped = machine.jumped
    # A way that every setting in play decides is no open condition.
    branch = branch_number(machine, node.test) if both & ~1 else None
    if branch is not None:
        machine.branches.append(branch)
    expressions.pick_files(machine, node.test)
    machine.signals.branch_entered(node.test, test)
    machine.picking.append((test.m & machine.atoms.family("iteration"), machine.depth))
    machine.block(node.body)
    machine.picking.pop()
    machine.signals.branch_left()
    body_live = machine.live
    body_returned = not body_live and machine.jumped == jumped
    if branch is not None:
        machine.branches[-1] ^= 1
    if pushed:
        machine.guards[-1] = machine.other_way(machine.guards[-1], no)
    if node.orelse:
        after_body = dict(names)
        names.clear()
        names.update(before)
        machine.live = no
        machine.block(node.orelse)
        else_live = machine.live
    else:
        after_body = dict(names)
        names.clear()
        names.update(before)
        else_live = no
    if pushed:
        machine.guards.pop()
    if branch is not None:
        machine.branches.pop()
    machine.weak = weak
    machine.undecided = undecided
    machine.live = body_live | else_live
    for branch_names in (after_body, names):
        escapes.decided(machine.deciding, before, branch_names)
    machine.deciding = deciding
    if body_returned and branch is not None:
        machine.passed.append(branch ^ 1)
    if not body_live:
        return
    if not else_live and machine.jumped == jumped and branch is not None:
        machine.passed.append(branch)
    machine.signals.branches_joined(test, before, after_body)
    if not else_live:
        names.clear()
        names.update(after_body)
        return
    for name, value in after_body.items():
        other = names.get(name)
        if other is None:
            names[name] = value
        elif other is not value:
            names[name] = merge(value, other, body_live, else_live, machine.count)


def branch_number(machine: Machine, test: ir.Expr) -> int:
    """Return the number of an open condition: the same one for every condition on the same value."""
    negated = 0
    while isinstance(test, ir.UnaryOp) and test.op == "not":
        test = test.operand
        negated ^= 1
    if isinstance(test, ir.Name | ir.Attr):
        value = machine.eval(test)
        each = value.p.each if isinstance(value.p, PerSetting) else (value.p,)
        if value is not UNKNOWN and all(p is None or p is SOME or isinstance(p, Known) for p in each):
            known = machine.branch_of.get(id(value))
            if known is None:
                machine.branch_count += 2
                known = machine.branch_of[id(value)] = (value, machine.branch_count)
            return known[1] ^ negated
    machine.branch_count += 2
    return machine.branch_count


def do_with(machine: Machine, node: ir.With) -> None:
    """Follow a ``with`` block; some contexts take no gradients."""
    quiet = 0
    for context, target in node.items:
        value = machine.eval(context)
        name = calling.context_name(value)
        if name in ("no_grad", "inference_mode"):
            quiet += 1
        if target is not None:
            machine.bind(target, calling.enter(machine, value))
    machine.no_grad += quiet
    machine.block(node.body)
    machine.no_grad -= quiet


def do_try(machine: Machine, node: ir.Try) -> None:
    """Follow a body and its handlers, any of which may run, and what comes after."""
    live = machine.live
    names = machine.frame.names
    machine.block(node.body)
    body_live = machine.live
    if body_live and node.orelse:
        machine.block(node.orelse)
        body_live = machine.live
    handled = 0
    if node.handlers:
        after_body = dict(names)
        weak = machine.weak
        merged = after_body
        for handler in node.handlers:
            machine.live = live
            machine.weak = weak | live
            machine.branch_count += 2
            machine.branches.append(machine.branch_count)
            names.clear()
            names.update(after_body)
            if handler.type is not None:
                machine.eval(handler.type)
            if handler.name:
                names[handler.name] = UNKNOWN
            machine.block(handler.body)
            machine.branches.pop()
            if machine.live:
                handled |= machine.live
                for name, value in names.items():
                    other = merged.get(name)
                    if other is None:
                        merged[name] = value
                    elif other is not value and not isinstance(handler_import(node), bool):
                        merged[name] = join(other, value) if body_live else value
        machine.weak = weak
        names.clear()
        names.update(merged)
    machine.live = body_live | handled
    if node.finalbody:
        was = machine.live
        machine.live = live
        machine.block(node.finalbody)
        machine.live &= was


def handler_import(node: ir.Try) -> bool | None:
    """Return False when a try only guards an import (its handler's values then don't replace the import)."""
    if all(isinstance(s, ir.Import | ir.ImportFrom) for s in node.body[:1]):
        return False
    return None


STATEMENTS: dict[type[ir.Node], Callable[[Machine, Any], None]] = {
    ir.FunctionDef: do_function,
    ir.ClassDef: do_class,
    ir.Assign: do_assign,
    ir.AugAssign: do_augassign,
    ir.ExprStmt: do_expr,
    ir.Return: do_return,
    ir.Raise: do_raise,
    ir.Assert: do_assert,
    ir.Delete: do_delete,
    ir.Scope: do_scope,
    ir.Jump: do_jump,
    ir.Import: imports.do_import,
    ir.ImportFrom: imports.do_import_from,
    ir.If: do_if,
    ir.For: loops.do_for,
    ir.While: loops.do_while,
    ir.With: do_with,
    ir.Try: do_try,
}
