"""Walking the IR without knowing every node kind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from auditor.program import ir

_FIELDS: dict[type, tuple[str, ...]] = {}


def children(node: ir.Node) -> Iterator[ir.Node]:
    """Yield the nodes directly below ``node``, in source order of its fields."""
    kind = type(node)
    fields = _FIELDS.get(kind)
    if fields is None:
        fields = tuple(f for f in kind.__struct_fields__ if f not in ("start", "end"))
        _FIELDS[kind] = fields
    for name in fields:
        value = getattr(node, name)
        if isinstance(value, ir.Node):
            yield value
        elif type(value) is tuple:
            for item in value:
                if isinstance(item, ir.Node):
                    yield item
                elif type(item) is tuple:
                    for inner in item:
                        if isinstance(inner, ir.Node):
                            yield inner


def walk(*roots: ir.Node, into_functions: bool = True) -> Iterator[ir.Node]:
    """Yield ``roots`` and everything below them, parents first; optionally stop at nested functions."""
    stack: list[ir.Node] = list(reversed(roots))
    while stack:
        node = stack.pop()
        yield node
        if not into_functions and isinstance(node, ir.FunctionDef | ir.Lambda | ir.ClassDef):
            continue
        stack.extend(reversed(list(children(node))))


class Body(NamedTuple):
    """One function (None: the module's top level) and the nodes in it, parents first, those of nested functions apart.

    What stands in lambdas and class bodies belongs to the function around them.
    """

    function: ir.FunctionDef | None
    nodes: list[ir.Node]


def bodies(*roots: ir.Node) -> tuple[Body, ...]:
    """Return the bodies of ``roots`` and of every function below them, found in one walk."""
    found = [Body(None, [])]
    stack: list[tuple[ir.Node, list[ir.Node]]] = [(root, found[0].nodes) for root in reversed(roots)]
    while stack:
        node, nodes = stack.pop()
        nodes.append(node)
        if isinstance(node, ir.FunctionDef):
            nodes = []
            found.append(Body(node, nodes))
        below = [(child, nodes) for child in children(node)]
        below.reverse()
        stack += below
    return tuple(found)
