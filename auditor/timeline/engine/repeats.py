"""Loops that go over something several times without another loop around them: the loops that they stand for.

``for at in starts * 2``, ``for epoch, at in product(range(2), starts)``, ``for at in chain(starts, starts)`` and a loop
over a comprehension with two clauses are followed as the two loops, one in the other, that they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from auditor.program import ir
from auditor.program.walk import walk
from auditor.timeline.engine import containers
from auditor.timeline.values.payloads import External, Heap

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine

_HELD: Final = "items of a loop"  # no name that a program can have
_SAME: Final = frozenset({"list", "tuple", "iter", "tqdm.tqdm", "tqdm.auto.tqdm"})


def spelled_out(machine: Machine, node: ir.For) -> ir.For | None:
    """Return the outer of the two loops that ``node`` is, with the other as its body; None for a plain loop."""
    known = machine.spelled.get(id(node))
    if known is None:
        known = machine.spelled[id(node)] = (node, _outer(machine, node))
    return known[1]


def _outer(machine: Machine, node: ir.For) -> ir.For | None:
    if node.orelse:
        return None
    over = node.iter
    while isinstance(over, ir.Call) and len(over.args) == 1 and _called(machine, over) in _SAME:
        over = over.args[0].value
    if isinstance(over, ir.Comprehension):
        return _of_clauses(machine, node, over)
    if isinstance(over, ir.BinOp):
        return _of_product(machine, node, over)
    name = _called(machine, over) if isinstance(over, ir.Call) else ""
    given = [arg.value for arg in over.args] if isinstance(over, ir.Call) else []
    if isinstance(over, ir.Call) and any(arg.star or arg.keyword for arg in over.args):
        return None
    if name == "itertools.product" and len(given) == 2:
        if isinstance(node.target, ir.Sequence) and len(node.target.elts) == 2:
            return _nested(node, node.target.elts[0], given[0], node.target.elts[1], given[1])
    elif name == "itertools.chain" and len(given) == 2 and _text(machine, given[0]) == _text(machine, given[1]):
        return _nested(node, _unnamed(node), _numbers(node, 2), node.target, given[0])
    elif name == "itertools.chain.from_iterable" and len(given) == 1:
        inner = given[0]
        again = isinstance(inner, ir.Call) and _called(machine, inner) == "itertools.repeat" and len(inner.args) == 2
        if isinstance(inner, ir.Call) and again:
            times = _range(node, inner.args[1].value)
            return _nested(node, _unnamed(node), times, node.target, inner.args[0].value)
    return None


def _of_product(machine: Machine, node: ir.For, over: ir.BinOp) -> ir.For | None:
    """Return the loops that one over ``items * n`` or ``items + items`` is."""
    if over.op == "+" and _text(machine, over.left) == _text(machine, over.right):
        return _nested(node, _unnamed(node), _numbers(node, 2), node.target, over.left)
    for items, times in ((over.left, over.right), (over.right, over.left)):
        if over.op == "*" and _is_list(machine, items):
            return _nested(node, _unnamed(node), _range(node, times), node.target, items)
    return None


def _of_clauses(machine: Machine, node: ir.For, over: ir.Comprehension) -> ir.For | None:
    """Return the loops that one over a comprehension with two clauses is."""
    if len(over.clauses) != 2 or over.kind not in ("list", "generator"):
        return None
    first, second = over.clauses
    own = {name.id for clause in over.clauses for name in walk(clause.target) if isinstance(name, ir.Name)}
    if any(name in machine.frame.names for name in own):
        return None  # a comprehension's names are its own
    made = ir.Assign(over.elt.start, over.elt.end, (node.target,), over.elt)
    body: tuple[ir.Stmt, ...] = (made, *node.body)
    for test in (*first.ifs, *second.ifs):
        body = (ir.If(test.start, node.end, test, body, ()),)
    inner = ir.For(over.start, node.end, second.target, second.iter, body, ())
    return ir.For(node.start, node.end, first.target, first.iter, (inner,), ())


def _nested(node: ir.For, outer: ir.Expr, over: ir.Expr, inner: ir.Expr, items: ir.Expr) -> ir.For:
    loop = ir.For(node.iter.start, node.end, inner, items, node.body, ())
    return ir.For(node.start, node.end, outer, over, (loop,), ())


def _unnamed(node: ir.For) -> ir.Name:
    return ir.Name(node.iter.start, node.iter.start, _HELD)


def _numbers(node: ir.For, count: int) -> ir.Call:
    return _range(node, ir.Const(node.iter.start, node.iter.start, count))


def _range(node: ir.For, times: ir.Expr) -> ir.Call:
    at = node.iter.start
    return ir.Call(at, at, ir.Name(at, at, "range"), (ir.Arg(times.start, times.end, times, None, ""),))


def _called(machine: Machine, node: ir.Call) -> str:
    """Return the dotted name of a library's function that is called, "" for another."""
    func = machine.eval(node.func).p if isinstance(node.func, ir.Name | ir.Attr) else None
    return func.name if isinstance(func, External) else ""


def _is_list(machine: Machine, node: ir.Expr) -> bool:
    if isinstance(node, ir.Call):
        return _called(machine, node) in ("list", "tuple", "sorted")
    if not isinstance(node, ir.Name | ir.Attr):
        return isinstance(node, ir.Sequence)
    value = machine.eval(node)
    return (isinstance(value.p, Heap) and value.p.kind == "list") or containers.exact_items(machine, value) is not None


def _text(machine: Machine, node: ir.Expr) -> str:
    return machine.frame.scope.source.text[node.start : node.end]
