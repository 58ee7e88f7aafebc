"""Tuples, lists, sets and dictionaries, written out or as comprehensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import libcst as cst

from auditor.program import ir
from auditor.program.from_libcst.cursor import Cursor
from auditor.program.from_libcst.dispatch import expr, expression


def _elements(c: Cursor, nodes: Sequence[cst.BaseElement]) -> tuple[ir.Expr, ...]:
    elements = []
    for node in nodes:
        elements.append(_starred(c, node) if type(node) is cst.StarredElement else expr(c, node.value))
        c.comma()
    return tuple(elements)


@expression(cst.StarredElement)
def _starred(c: Cursor, node: cst.StarredElement) -> ir.Expr:
    for _ in node.lpar:
        c.eat(1)
    start = c.at
    c.eat(1)
    value = expr(c, node.value)
    end = c.end
    for _ in node.lpar:
        c.eat(1)
    return ir.Starred(start, end, value)


@expression(cst.Tuple)
def _tuple(c: Cursor, node: cst.Tuple) -> ir.Expr:
    start = c.at
    elements = _elements(c, node.elements)
    return ir.Sequence(start, c.end, "tuple", elements)


@expression(cst.List, cst.Set)
def _bracketed(c: Cursor, node: cst.List | cst.Set) -> ir.Expr:
    start = c.at
    c.eat(1)
    elements = _elements(c, node.elements)
    c.eat(1)
    return ir.Sequence(start, c.end, "list" if isinstance(node, cst.List) else "set", elements)


@expression(cst.Dict)
def _dict(c: Cursor, node: cst.Dict) -> ir.Expr:
    start = c.at
    c.eat(1)
    keys: list[ir.Expr | None] = []
    values = []
    for element in node.elements:
        if isinstance(element, cst.DictElement):
            keys.append(expr(c, element.key))
            c.eat(1)
        else:
            keys.append(None)
            c.eat(2)
        values.append(expr(c, element.value))
        c.comma()
    c.eat(1)
    return ir.DictDisplay(start, c.end, tuple(keys), tuple(values))


@expression(cst.ListComp, cst.SetComp)
def _bracketed_comp(c: Cursor, node: cst.ListComp | cst.SetComp) -> ir.Expr:
    start = c.at
    c.eat(1)
    elt = expr(c, node.elt)
    clauses = _clauses(c, node.for_in)
    c.eat(1)
    kind: Literal["list", "set"] = "list" if isinstance(node, cst.ListComp) else "set"
    return ir.Comprehension(start, c.end, kind, elt, None, clauses)


@expression(cst.GeneratorExp)
def _generator(c: Cursor, node: cst.GeneratorExp) -> ir.Expr:
    start = c.at
    elt = expr(c, node.elt)
    clauses = _clauses(c, node.for_in)
    return ir.Comprehension(start, c.end, "generator", elt, None, clauses)


@expression(cst.DictComp)
def _dict_comp(c: Cursor, node: cst.DictComp) -> ir.Expr:
    start = c.at
    c.eat(1)
    key = expr(c, node.key)
    c.eat(1)
    value = expr(c, node.value)
    clauses = _clauses(c, node.for_in)
    c.eat(1)
    return ir.Comprehension(start, c.end, "dict", key, value, clauses)


@expression(cst.StarredDictComp)
def _starred_dict_comp(c: Cursor, node: cst.StarredDictComp) -> ir.Expr:
    start = c.at
    c.eat(1)
    inside = c.at
    c.eat(2)
    value = expr(c, node.value)
    elt = ir.Starred(inside, c.end, value)
    clauses = _clauses(c, node.for_in)
    c.eat(1)
    return ir.Comprehension(start, c.end, "dict", elt, None, clauses)


def _clauses(c: Cursor, node: cst.CompFor | None) -> tuple[ir.CompFor, ...]:
    clauses = []
    while node is not None:
        start = c.at
        if node.asynchronous is not None:
            c.word("async")
        c.word("for")
        target = expr(c, node.target)
        c.word("in")
        iterable = expr(c, node.iter)
        ifs = []
        for test in node.ifs:
            c.word("if")
            ifs.append(expr(c, test.test))
        clauses.append(ir.CompFor(start, c.end, target, iterable, tuple(ifs)))
        node = node.inner_for_in
    return tuple(clauses)
