"""Walking the IR without knowing every node kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from auditor.program import ir


def _none(n: Any) -> Sequence[ir.Node]:
    return ()


def _some(*nodes: ir.Node | None) -> list[ir.Node]:
    return [node for node in nodes if node is not None]


def _value(n: Any) -> Sequence[ir.Node]:
    return (n.value,) if n.value is not None else ()


def _dict(n: ir.DictDisplay) -> Sequence[ir.Node]:
    return _some(*n.keys, *n.values)


def _with(n: ir.With) -> Sequence[ir.Node]:
    return [*_some(*[one for item in n.items for one in item]), *n.body]


# What lies directly below a node, in the order of its fields. A test holds it to the fields of every kind.
BELOW: dict[type, Callable[[Any], Sequence[ir.Node]]] = {
    ir.Name: _none,
    ir.Const: _none,
    ir.FString: lambda n: n.parts,
    ir.Attr: lambda n: (n.value,),
    ir.Subscript: lambda n: (n.value, n.index),
    ir.Slice: lambda n: _some(n.lower, n.upper, n.step),
    ir.Arg: lambda n: (n.value,),
    ir.Call: lambda n: (n.func, *n.args),
    ir.BinOp: lambda n: (n.left, n.right),
    ir.UnaryOp: lambda n: (n.operand,),
    ir.BoolOp: lambda n: n.values,
    ir.Compare: lambda n: (n.left, *n.rights),
    ir.IfExp: lambda n: (n.test, n.body, n.orelse),
    ir.Sequence: lambda n: n.elts,
    ir.DictDisplay: _dict,
    ir.Comprehension: lambda n: (n.elt, *n.clauses) if n.value is None else (n.elt, n.value, *n.clauses),
    ir.CompFor: lambda n: (n.target, n.iter, *n.ifs),
    ir.Lambda: lambda n: (*n.params, n.body),
    ir.Starred: lambda n: (n.value,),
    ir.NamedExpr: lambda n: (n.target, n.value),
    ir.Yield: _value,
    ir.Pattern: lambda n: (*_value(n), *n.parts, *n.keys),
    ir.MatchTest: lambda n: _some(n.subject, n.pattern, n.guard),
    ir.Param: lambda n: (n.default,) if n.default is not None else (),
    ir.FunctionDef: lambda n: (*n.params, *n.body, *n.decorators),
    ir.ClassDef: lambda n: (*n.bases, *n.body, *n.decorators, *n.keywords),
    ir.Assign: lambda n: (*n.targets, *_value(n)),
    ir.AugAssign: lambda n: (n.target, n.value),
    ir.ExprStmt: lambda n: (n.value,),
    ir.Return: _value,
    ir.Raise: lambda n: (n.exc,) if n.exc is not None else (),
    ir.Assert: lambda n: (n.test,),
    ir.Delete: lambda n: n.targets,
    ir.Scope: _none,
    ir.Jump: _none,
    ir.Import: _none,
    ir.ImportFrom: _none,
    ir.If: lambda n: (n.test, *n.body, *n.orelse),
    ir.For: lambda n: (n.target, n.iter, *n.body, *n.orelse),
    ir.While: lambda n: (n.test, *n.body, *n.orelse),
    ir.With: _with,
    ir.Handler: lambda n: (*_some(n.type), *n.body),
    ir.Try: lambda n: (*n.body, *n.handlers, *n.orelse, *n.finalbody),
}


FUNCTIONS = (ir.FunctionDef, ir.Lambda, ir.ClassDef)  # what starts a scope of its own


def children(node: ir.Node) -> Sequence[ir.Node]:
    """Return the nodes directly below ``node``, in source order of its fields."""
    return BELOW[node.__class__](node)


def walk(*roots: ir.Node, into_functions: bool = True) -> Iterator[ir.Node]:
    """Yield ``roots`` and everything below them, parents first; optionally stop at nested functions."""
    stack: list[ir.Node] = list(reversed(roots))
    below = BELOW
    pop = stack.pop
    while stack:
        node = pop()
        yield node
        kind = node.__class__
        if not into_functions and kind in FUNCTIONS:
            continue
        stack += below[kind](node)[::-1]
