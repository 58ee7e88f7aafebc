"""Statements without a body of their own, and the blocks that hold them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import libcst as cst

from auditor.program import ir
from auditor.program.from_libcst.cursor import Cursor
from auditor.program.from_libcst.dispatch import COMPOUND, SMALL, expr, small_statement
from auditor.program.from_libcst.functions import annotation, type_parameters

_AUGMENTED: dict[type[cst.BaseAugOp], str] = {
    cst.AddAssign: "+=",
    cst.SubtractAssign: "-=",
    cst.MultiplyAssign: "*=",
    cst.DivideAssign: "/=",
    cst.FloorDivideAssign: "//=",
    cst.ModuloAssign: "%=",
    cst.PowerAssign: "**=",
    cst.MatrixMultiplyAssign: "@=",
    cst.LeftShiftAssign: "<<=",
    cst.RightShiftAssign: ">>=",
    cst.BitAndAssign: "&=",
    cst.BitOrAssign: "|=",
    cst.BitXorAssign: "^=",
}


def statements(c: Cursor, nodes: Sequence[Any]) -> tuple[ir.Stmt, ...]:
    """Return statements in the IR; an ``elif`` is nested in its ``if``."""
    body: list[ir.Stmt] = []
    for node in nodes:
        kind = type(node)
        if kind is cst.SimpleStatementLine:
            _small_statements(c, node.body, body)
        else:
            COMPOUND[kind](c, node, body)
    return tuple(body)


def _small_statements(c: Cursor, nodes: Sequence[Any], body: list[ir.Stmt]) -> None:
    for node in nodes:
        statement = SMALL[type(node)](c, node)
        if statement is not None:
            body.append(statement)
        if c.text[c.at] == ";":
            end = c.end
            c.eat(1)
            c.end = end  # a statement ends before its semicolon, and so does the block it closes


def suite(c: Cursor, node: cst.BaseSuite) -> tuple[ir.Stmt, ...]:
    """Lower ``: body``."""
    c.eat(1)
    if type(node) is cst.IndentedBlock:
        return statements(c, node.body)
    body: list[ir.Stmt] = []
    _small_statements(c, node.body, body)
    return tuple(body)


def keyword_suite(c: Cursor, keyword: str, node: Any) -> tuple[ir.Stmt, ...]:
    """Lower ``else: body`` or ``finally: body``; nothing when ``node`` is None."""
    if node is None:
        return ()
    c.word(keyword)
    return suite(c, node.body)


@small_statement(cst.Expr)
def _expr_statement(c: Cursor, node: cst.Expr) -> ir.Stmt:
    start = c.at
    value = expr(c, node.value)
    return ir.ExprStmt(start, c.end, value)


@small_statement(cst.Assign)
def _assign(c: Cursor, node: cst.Assign) -> ir.Stmt:
    start = c.at
    targets = []
    for target in node.targets:
        targets.append(expr(c, target.target))
        c.eat(1)
    value = expr(c, node.value)
    return ir.Assign(start, c.end, tuple(targets), value)


@small_statement(cst.AnnAssign)
def _ann_assign(c: Cursor, node: cst.AnnAssign) -> ir.Stmt:
    start = c.at
    target = expr(c, node.target)
    annotation(c, node.annotation)
    value = None
    if node.value is not None:
        c.eat(1)
        value = expr(c, node.value)
    return ir.Assign(start, c.end, (target,), value)


@small_statement(cst.AugAssign)
def _aug_assign(c: Cursor, node: cst.AugAssign) -> ir.Stmt:
    start = c.at
    target = expr(c, node.target)
    op = _AUGMENTED[type(node.operator)]
    c.word(op)
    value = expr(c, node.value)
    return ir.AugAssign(start, c.end, target, op[:-1], value)


@small_statement(cst.Return)
def _return(c: Cursor, node: cst.Return) -> ir.Stmt:
    start = c.at
    c.word("return")
    value = None if node.value is None else expr(c, node.value)
    return ir.Return(start, c.end, value)


@small_statement(cst.Raise)
def _raise(c: Cursor, node: cst.Raise) -> ir.Stmt:
    start = c.at
    c.word("raise")
    exc = None if node.exc is None else expr(c, node.exc)
    if node.cause is not None:
        c.word("from")
        expr(c, node.cause.item)
    return ir.Raise(start, c.end, exc)


@small_statement(cst.Assert)
def _assert(c: Cursor, node: cst.Assert) -> ir.Stmt:
    start = c.at
    c.word("assert")
    test = expr(c, node.test)
    if node.msg is not None:
        c.eat(1)
        expr(c, node.msg)
    return ir.Assert(start, c.end, test)


@small_statement(cst.Del)
def _del(c: Cursor, node: cst.Del) -> ir.Stmt:
    start = c.at
    c.word("del")
    target = expr(c, node.target)
    targets = target.elts if isinstance(target, ir.Sequence) else (target,)
    return ir.Delete(start, c.end, targets)


@small_statement(cst.Global, cst.Nonlocal)
def _scope(c: Cursor, node: cst.Global | cst.Nonlocal) -> ir.Stmt:
    start = c.at
    kind: Literal["global", "nonlocal"] = "global" if isinstance(node, cst.Global) else "nonlocal"
    c.word(kind)
    names = []
    for item in node.names:
        names.append(item.name.value)
        c.word(item.name.value)
        c.comma()
    return ir.Scope(start, c.end, kind, tuple(names))


_JUMPS: dict[type[cst.CSTNode], Literal["pass", "break", "continue"]] = {
    cst.Pass: "pass",
    cst.Break: "break",
    cst.Continue: "continue",
}


@small_statement(*_JUMPS)
def _jump(c: Cursor, node: cst.Pass | cst.Break | cst.Continue) -> ir.Stmt:
    start, kind = c.at, _JUMPS[type(node)]
    c.word(kind)
    return ir.Jump(start, c.end, kind)


@small_statement(cst.Import, cst.LazyImport)
def _import(c: Cursor, node: cst.Import | cst.LazyImport) -> ir.Stmt:
    start = c.at
    if isinstance(node, cst.LazyImport):
        c.word("lazy")
    c.word("import")
    names = _aliases(c, node.names)
    return ir.Import(start, c.end, names)


@small_statement(cst.ImportFrom, cst.LazyImportFrom)
def _import_from(c: Cursor, node: cst.ImportFrom | cst.LazyImportFrom) -> ir.Stmt:
    start = c.at
    if isinstance(node, cst.LazyImportFrom):
        c.word("lazy")
    c.word("from")
    for _ in node.relative:
        c.word(".")
    module = "" if node.module is None else dotted(c, node.module)
    c.word("import")
    if isinstance(node.names, cst.ImportStar):
        c.word("*")
        return ir.ImportFrom(start, c.end, module, len(node.relative), (("*", None),))
    parenthesised = c.text[c.at] == "("
    if parenthesised:
        c.eat(1)
    names = _aliases(c, node.names)
    if parenthesised:
        c.eat(1)
    return ir.ImportFrom(start, c.end, module, len(node.relative), names)


def _aliases(c: Cursor, nodes: Sequence[cst.ImportAlias]) -> tuple[tuple[str, str | None], ...]:
    names: list[tuple[str, str | None]] = []
    for node in nodes:
        name = dotted(c, node.name)
        alias = None
        if node.asname is not None:
            c.word("as")
            alias = dotted(c, node.asname.name)
        names.append((name, alias))
        c.comma()
    return tuple(names)


def dotted(c: Cursor, node: Any) -> str:
    """Step over a dotted name and return it without blanks."""
    words: list[str] = []
    while isinstance(node, cst.Attribute):
        words.append(node.attr.value)
        node = node.value
    words.append(node.value)
    words.reverse()
    c.word(words[0])
    for word in words[1:]:
        c.word(".")
        c.word(word)
    return ".".join(words)


@small_statement(cst.TypeAlias)
def _type_alias(c: Cursor, node: cst.TypeAlias) -> None:
    """Step over ``type Name[T] = value``, which computes nothing that the analysis follows."""
    c.word("type")
    c.word(node.name.value)
    type_parameters(c, node.type_parameters)
    c.word("=")
    expr(c, node.value)
