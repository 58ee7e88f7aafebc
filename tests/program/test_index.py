"""The index answers what a walk of the whole tree would."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from test_lower import PROGRAM
from test_readers import STATEMENTS

from auditor.program import ir
from auditor.program.index import Index, within
from auditor.program.parse import read_module
from auditor.program.source import Source
from auditor.program.walk import BELOW, children, walk

NESTED = """\
x = 1
def f(a=(lambda b: b)(2), *, c: int = 3):
    y = a
    for i in range(y):
        def g(d=i):
            z = [k for k in d if k]
            while z:
                z = z[1:]
            else:
                y = 5
            return lambda e: (e, y)
        class A(B, metaclass=M):
            t = 6
            @h(7)
            def m(self):
                self.n = 8
        y += 9
    else:
        y = 10
    @j
    def k(): pass
    return y
def last(): return 11
z = 12
"""
EXAMPLE = next((Path(__file__).parents[2] / "examples" / "records").glob("*/*HashedNgram/train_gpt.py"))
KINDS = (ir.Name, ir.Const, ir.Call, ir.Assign, ir.AugAssign, ir.FunctionDef, ir.Lambda, ir.Yield, ir.Jump)


def module(text: str) -> ir.Module:
    found = read_module(Source("t.py", text))
    assert isinstance(found, ir.Module)
    return found


@pytest.fixture(
    params=[
        NESTED,
        STATEMENTS.replace("from .. x . y import *", "from .. x . y import z"),
        PROGRAM,
        EXAMPLE.read_text("utf-8"),
    ],
    ids=["nested", "forms", "all", "script"],
)
def body(request: pytest.FixtureRequest) -> tuple[ir.Stmt, ...]:
    return module(request.param).body


def fields(node: ir.Node) -> Iterator[ir.Node]:
    """Yield what lies below a node, by the fields of its kind alone."""
    waiting: list[object] = [getattr(node, name) for name in reversed(node.__struct_fields__)]
    while waiting:
        value = waiting.pop()
        if isinstance(value, ir.Node):
            yield value
        elif isinstance(value, tuple):
            waiting.extend(reversed(value))


def test_children_are_all_fields_that_hold_nodes(body: tuple[ir.Stmt, ...]) -> None:
    for node in walk(*body):
        assert [id(one) for one in children(node)] == [id(one) for one in fields(node)]


def test_every_kind_has_its_children() -> None:
    assert set(ir.Node.__subclasses__()) == set(BELOW)


def test_the_index_holds_what_a_walk_finds(body: tuple[ir.Stmt, ...]) -> None:
    index, walked = Index(body), list(walk(*body))
    assert [id(node) for node in index.nodes] == [id(node) for node in walked]
    for kind in KINDS:
        assert index.of(kind) == [node for node in walked if isinstance(node, kind)]
    assert index.of(*KINDS) == [node for node in walked if isinstance(node, KINDS)]


@pytest.mark.parametrize("into_functions", [True, False])
def test_what_lies_within_a_body_is_what_a_walk_of_it_finds(body: tuple[ir.Stmt, ...], into_functions: bool) -> None:
    index = Index(body)
    regions = [node for node in walk(*body) if isinstance(node, ir.FunctionDef | ir.ClassDef | ir.For | ir.While)]
    assert regions
    for node in regions:
        expected = [one for one in walk(*node.body, into_functions=into_functions) if isinstance(one, KINDS)]
        assert within([Index(()), index], node, *KINDS, into_functions=into_functions) == expected
        assert within([], node, *KINDS, into_functions=into_functions) == expected  # of a module without an index
    for node in index.of(ir.Lambda):
        assert within([index], node, ir.Name) == [one for one in walk(node.body) if isinstance(one, ir.Name)]


def test_bodies_are_those_of_functions_apart(body: tuple[ir.Stmt, ...]) -> None:
    expected: dict[int, list[int]] = {0: []}

    def visit(node: ir.Node, own: int) -> None:
        expected[own].append(id(node))
        if isinstance(node, ir.FunctionDef):
            own = id(node)
            expected[own] = []
        for child in children(node):
            visit(child, own)

    for statement in body:
        visit(statement, 0)
    found = Index(body).bodies
    assert {id(f) if f is not None else 0: [id(n) for n in nodes] for f, nodes in found} == expected
    assert [id(f) if f is not None else 0 for f, _ in found] == list(expected)
    for _, nodes in found:
        assert nodes.of(ir.Call, ir.Name) == [node for node in nodes if isinstance(node, ir.Call | ir.Name)]


def test_calls_are_found_by_name_in_their_order() -> None:
    module = read_module(Source("a.py", "a.cat(b.cat(1))\ncat(2)\nx[0](3)\npad(4)\n"))
    assert isinstance(module, ir.Module)
    nodes = Index(module.body).bodies[0].nodes
    assert [call.start for call in nodes.calls("cat")] == [0, 6, 16]
    assert [call.start for call in nodes.calls("pad", "cat")] == [0, 6, 16, 31]
    assert [call.start for call in nodes.calls("")] == [23]
    assert nodes.calls("none") == []
