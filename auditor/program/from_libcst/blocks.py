"""Statements with a body: branches, loops, functions and classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import libcst as cst

from auditor.program import ir
from auditor.program.from_libcst.cursor import Cursor
from auditor.program.from_libcst.dispatch import compound_statement, expr
from auditor.program.from_libcst.functions import annotation, parameters, type_parameters
from auditor.program.from_libcst.operations import arguments
from auditor.program.from_libcst.statements import dotted, keyword_suite, suite


@compound_statement(cst.If)
def _if(c: Cursor, node: cst.If, body: list[ir.Stmt]) -> None:
    branches: list[tuple[int, ir.Expr, tuple[ir.Stmt, ...]]] = []
    branch: Any = node
    while isinstance(branch, cst.If):
        start = c.at
        c.word("elif" if branches else "if")
        test = expr(c, branch.test)
        branches.append((start, test, suite(c, branch.body)))
        branch = branch.orelse
    orelse = keyword_suite(c, "else", branch)
    body.extend(chain(branches, orelse, c.end))


def chain(
    branches: list[tuple[int, ir.Expr, tuple[ir.Stmt, ...]]], orelse: tuple[ir.Stmt, ...], end: int
) -> tuple[ir.Stmt, ...]:
    """Nest ``if``/``elif`` branches (start, test, body) in one another; all end where the chain does."""
    for start, test, block in reversed(branches):
        orelse = (ir.If(start, end, test, block, orelse),)
    return orelse


@compound_statement(cst.For)
def _for(c: Cursor, node: cst.For, body: list[ir.Stmt]) -> None:
    start = c.at
    if node.asynchronous is not None:
        c.word("async")
    c.word("for")
    target = expr(c, node.target)
    c.word("in")
    iterable = expr(c, node.iter)
    block = suite(c, node.body)
    orelse = keyword_suite(c, "else", node.orelse)
    body.append(ir.For(start, c.end, target, iterable, block, orelse))


@compound_statement(cst.While)
def _while(c: Cursor, node: cst.While, body: list[ir.Stmt]) -> None:
    start = c.at
    c.word("while")
    test = expr(c, node.test)
    block = suite(c, node.body)
    orelse = keyword_suite(c, "else", node.orelse)
    body.append(ir.While(start, c.end, test, block, orelse))


@compound_statement(cst.With)
def _with(c: Cursor, node: cst.With, body: list[ir.Stmt]) -> None:
    start = c.at
    if node.asynchronous is not None:
        c.word("async")
    c.word("with")
    parenthesised = isinstance(node.lpar, cst.LeftParen)
    if parenthesised:
        c.eat(1)
    items: list[tuple[ir.Expr, ir.Expr | None]] = []
    for item in node.items:
        context = expr(c, item.item)
        target = None
        if item.asname is not None:
            c.word("as")
            target = expr(c, item.asname.name)
        items.append((context, target))
        c.comma()
    if parenthesised:
        c.eat(1)
    block = suite(c, node.body)
    body.append(ir.With(start, c.end, tuple(items), block))


@compound_statement(cst.Try, cst.TryStar)
def _try(c: Cursor, node: cst.Try | cst.TryStar, body: list[ir.Stmt]) -> None:
    start = c.at
    c.word("try")
    block = suite(c, node.body)
    handlers = tuple(_handler(c, handler) for handler in node.handlers)
    orelse = keyword_suite(c, "else", node.orelse)
    final = keyword_suite(c, "finally", node.finalbody)
    body.append(ir.Try(start, c.end, block, handlers, orelse, final))


def _handler(c: Cursor, node: cst.ExceptHandler | cst.ExceptStarHandler) -> ir.Handler:
    start = c.at
    c.word("except")
    if isinstance(node, cst.ExceptStarHandler):
        c.word("*")
    kind = None if node.type is None else expr(c, node.type)
    name = None
    if node.name is not None:
        c.word("as")
        name = dotted(c, node.name.name)
    block = suite(c, node.body)
    return ir.Handler(start, c.end, kind, name, block)


def _decorators(c: Cursor, nodes: Sequence[cst.Decorator]) -> tuple[ir.Expr, ...]:
    decorators = []
    for node in nodes:
        c.word("@")
        decorators.append(expr(c, node.decorator))
    return tuple(decorators)


@compound_statement(cst.FunctionDef)
def _function(c: Cursor, node: cst.FunctionDef, body: list[ir.Stmt]) -> None:
    decorators = _decorators(c, node.decorators)
    start = c.at
    if node.asynchronous is not None:
        c.word("async")
    c.word("def")
    c.word(node.name.value)
    type_parameters(c, node.type_parameters)
    c.eat(1)
    params = parameters(c, node.params)
    c.eat(1)
    if node.returns is not None:
        annotation(c, node.returns)
    outer, c.yields = c.yields, False
    block = suite(c, node.body)
    is_generator, c.yields = c.yields, outer
    body.append(ir.FunctionDef(start, c.end, node.name.value, params, block, decorators, is_generator))


@compound_statement(cst.ClassDef)
def _class(c: Cursor, node: cst.ClassDef, body: list[ir.Stmt]) -> None:
    decorators = _decorators(c, node.decorators)
    start = c.at
    c.word("class")
    c.word(node.name.value)
    type_parameters(c, node.type_parameters)
    bases: list[ir.Expr] = []
    keywords: list[ir.Arg] = []
    if c.text[c.at] == "(":
        c.eat(1)
        for arg in arguments(c, (*node.bases, *node.keywords)):
            if arg.star == "*":
                bases.append(ir.Starred(arg.start, arg.end, arg.value))
            elif arg.keyword is None and not arg.star:
                bases.append(arg.value)
            else:
                keywords.append(arg)
        c.eat(1)
    block = suite(c, node.body)
    body.append(ir.ClassDef(start, c.end, node.name.value, tuple(bases), block, decorators, tuple(keywords)))
