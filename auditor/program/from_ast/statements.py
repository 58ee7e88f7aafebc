"""Statements of Python's own tree, in the IR."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from auditor.program import ir
from auditor.program.from_ast.expressions import end_of, expr, exprs, operator, parameters
from auditor.program.from_ast.patterns import pattern
from auditor.program.from_ast.places import Places

_Branch: TypeAlias = "tuple[int, ir.Expr, tuple[ir.Stmt, ...]]"


def statements(p: Places, nodes: list[Any]) -> tuple[ir.Stmt, ...]:
    """Return statements in the IR."""
    return _block(p, nodes, 0)[0]


def _block(p: Places, nodes: list[Any], end: int) -> tuple[tuple[ir.Stmt, ...], int]:
    """Return statements, and where the last of them ends: before its semicolon (``end`` where there are none)."""
    body = []
    for node in nodes:
        statement = _STATEMENTS[node.__class__](p, node)
        if statement is None:
            end = end_of(p, node)
        else:
            body.append(statement)
            end = statement.end
    return tuple(body), end


def _start(p: Places, node: Any) -> int:
    return p.starts[node.lineno] + node.col_offset  # type: ignore[no-any-return]


def _expr_statement(p: Places, n: ast.Expr) -> ir.Stmt:
    return ir.ExprStmt(_start(p, n), end_of(p, n), expr(p, n.value))


def _assign(p: Places, n: ast.Assign) -> ir.Stmt:
    return ir.Assign(_start(p, n), end_of(p, n), exprs(p, n.targets), expr(p, n.value))


def _ann_assign(p: Places, n: ast.AnnAssign) -> ir.Stmt:
    value = None if n.value is None else expr(p, n.value)
    return ir.Assign(_start(p, n), end_of(p, n), (expr(p, n.target),), value)


def _aug_assign(p: Places, n: ast.AugAssign) -> ir.Stmt:
    return ir.AugAssign(_start(p, n), end_of(p, n), expr(p, n.target), operator(n.op), expr(p, n.value))


def _return(p: Places, n: ast.Return) -> ir.Stmt:
    return ir.Return(_start(p, n), end_of(p, n), None if n.value is None else expr(p, n.value))


def _raise(p: Places, n: ast.Raise) -> ir.Stmt:
    return ir.Raise(_start(p, n), end_of(p, n), None if n.exc is None else expr(p, n.exc))


def _assert(p: Places, n: ast.Assert) -> ir.Stmt:
    return ir.Assert(_start(p, n), end_of(p, n), expr(p, n.test))


def _delete(p: Places, n: ast.Delete) -> ir.Stmt:
    targets = exprs(p, n.targets)
    if len(targets) == 1 and isinstance(targets[0], ir.Sequence):
        targets = targets[0].elts
    return ir.Delete(_start(p, n), end_of(p, n), targets)


def _global(p: Places, n: ast.Global) -> ir.Stmt:
    return ir.Scope(_start(p, n), end_of(p, n), "global", tuple(n.names))


def _nonlocal(p: Places, n: ast.Nonlocal) -> ir.Stmt:
    return ir.Scope(_start(p, n), end_of(p, n), "nonlocal", tuple(n.names))


def _pass(p: Places, n: ast.Pass) -> ir.Stmt:
    return _jump(p, n, "pass")


def _break(p: Places, n: ast.Break) -> ir.Stmt:
    return _jump(p, n, "break")


def _continue(p: Places, n: ast.Continue) -> ir.Stmt:
    return _jump(p, n, "continue")


def _jump(p: Places, n: ast.stmt, kind: Literal["pass", "break", "continue"]) -> ir.Stmt:
    return ir.Jump(_start(p, n), end_of(p, n), kind)


def _import(p: Places, n: ast.Import) -> ir.Stmt:
    return ir.Import(_start(p, n), end_of(p, n), tuple([(one.name, one.asname) for one in n.names]))


def _import_from(p: Places, n: ast.ImportFrom) -> ir.Stmt:
    names = tuple([(one.name, one.asname) for one in n.names])
    return ir.ImportFrom(_start(p, n), end_of(p, n), n.module or "", n.level, names)


def _type_alias(p: Places, n: ast.stmt) -> None:
    """Step over ``type Name[T] = value``, which computes nothing that the analysis follows."""


def _if(p: Places, n: ast.If) -> ir.Stmt:
    branches: list[_Branch] = []
    branch: Any = n
    orelse: tuple[ir.Stmt, ...] = ()
    end = 0
    while branch is not None:
        start = _start(p, branch)
        test = expr(p, branch.test)
        body, end = _block(p, branch.body, end)
        branches.append((start, test, body))
        rest = branch.orelse
        branch = None
        if len(rest) == 1 and rest[0].__class__ is ast.If:
            branch = rest[0]
        elif rest:
            orelse, end = _block(p, rest, end)
    return _chain(branches, orelse, end)


def _chain(branches: list[_Branch], orelse: tuple[ir.Stmt, ...], end: int) -> ir.Stmt:
    """Nest branches (start, test, body) in one another; all end where the chain does."""
    for start, test, block in reversed(branches):
        whole = ir.If(start, end, test, block, orelse)
        orelse = (whole,)
    return whole


def _for(p: Places, n: ast.For | ast.AsyncFor) -> ir.Stmt:
    start = _start(p, n)
    target, iterable = expr(p, n.target), expr(p, n.iter)
    body, end = _block(p, n.body, 0)
    orelse, end = _block(p, n.orelse, end)
    return ir.For(start, end, target, iterable, body, orelse)


def _while(p: Places, n: ast.While) -> ir.Stmt:
    start = _start(p, n)
    test = expr(p, n.test)
    body, end = _block(p, n.body, 0)
    orelse, end = _block(p, n.orelse, end)
    return ir.While(start, end, test, body, orelse)


def _with(p: Places, n: ast.With | ast.AsyncWith) -> ir.Stmt:
    items = []
    for item in n.items:
        context = expr(p, item.context_expr)
        items.append((context, None if item.optional_vars is None else expr(p, item.optional_vars)))
    body, end = _block(p, n.body, 0)
    return ir.With(_start(p, n), end, tuple(items), body)


def _try(p: Places, n: Any) -> ir.Stmt:
    body, end = _block(p, n.body, 0)
    handlers = []
    for handler in n.handlers:
        kind = None if handler.type is None else expr(p, handler.type)
        block, end = _block(p, handler.body, end)
        handlers.append(ir.Handler(_start(p, handler), end, kind, handler.name, block))
    orelse, end = _block(p, n.orelse, end)
    final, end = _block(p, n.finalbody, end)
    return ir.Try(_start(p, n), end, body, tuple(handlers), orelse, final)


def _function(p: Places, n: ast.FunctionDef | ast.AsyncFunctionDef) -> ir.Stmt:
    decorators = exprs(p, n.decorator_list)
    given = parameters(p, n.args)
    outer, p.yields = p.yields, False
    body, end = _block(p, n.body, 0)
    is_generator, p.yields = p.yields, outer
    return ir.FunctionDef(_start(p, n), end, n.name, given, body, decorators, is_generator)


def _class(p: Places, n: ast.ClassDef) -> ir.Stmt:
    decorators = exprs(p, n.decorator_list)
    bases: list[ir.Expr] = exprs(p, n.bases)  # type: ignore[assignment]
    keywords = tuple(
        ir.Arg(_start(p, each), end_of(p, each), expr(p, each.value), each.arg, "**" if each.arg is None else "")
        for each in n.keywords
    )
    body, end = _block(p, n.body, 0)
    return ir.ClassDef(_start(p, n), end, n.name, tuple(bases), body, decorators, keywords)


def _match(p: Places, n: ast.Match) -> ir.Stmt:
    """Lower ``match`` to a chain of :class:`ir.If`; an unguarded ``case _`` is its last ``else``.

    When that is the only case, it becomes an ``if`` whose test always holds.
    """
    subject = expr(p, n.subject)
    at = p.token(p.closed(end_of(p, n.subject)), ":")
    branches: list[_Branch] = []
    orelse: tuple[ir.Stmt, ...] = ()
    for case in n.cases:
        start = p.skip(at)
        inside = p.skip(p.token(start, "case"))
        lowered = pattern(p, case.pattern)
        guard = None if case.guard is None else expr(p, case.guard)
        end = p.closed(end_of(p, case.pattern if case.guard is None else case.guard))
        test = ir.MatchTest(inside, end, subject, lowered, guard)
        block, at = _block(p, case.body, 0)
        wildcard = lowered.kind == "any" and not lowered.name and not lowered.parts
        if wildcard and guard is None and branches:
            orelse = block
        else:
            branches.append((start, test, block))
        end = at
        at = p.skip(at)
        at = at + 1 if p.text[at] == ";" else at
    return _chain(branches, orelse, end)


_STATEMENTS: dict[type, Callable[[Places, Any], ir.Stmt | None]] = {
    ast.Expr: _expr_statement,
    ast.Assign: _assign,
    ast.AnnAssign: _ann_assign,
    ast.AugAssign: _aug_assign,
    ast.Return: _return,
    ast.Raise: _raise,
    ast.Assert: _assert,
    ast.Delete: _delete,
    ast.Global: _global,
    ast.Nonlocal: _nonlocal,
    ast.Pass: _pass,
    ast.Break: _break,
    ast.Continue: _continue,
    ast.Import: _import,
    ast.ImportFrom: _import_from,
    ast.If: _if,
    ast.For: _for,
    ast.AsyncFor: _for,
    ast.While: _while,
    ast.With: _with,
    ast.AsyncWith: _with,
    ast.Try: _try,
    ast.TryStar: _try,
    ast.FunctionDef: _function,
    ast.AsyncFunctionDef: _function,
    ast.ClassDef: _class,
    ast.Match: _match,
}
if hasattr(ast, "TypeAlias"):  # Python 3.12
    _STATEMENTS[ast.TypeAlias] = _type_alias
