"""Which function lowers which kind of LibCST node: each says so itself, with a decorator.

So that expressions, statements and patterns, which hold one another, need not import one another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import libcst as cst

from auditor.program import ir
from auditor.program.from_libcst.cursor import Cursor

_Expression: TypeAlias = Callable[[Cursor, Any], ir.Expr]
_Small: TypeAlias = Callable[[Cursor, Any], ir.Stmt | None]
_Compound: TypeAlias = Callable[[Cursor, Any, list[ir.Stmt]], None]
_Pattern: TypeAlias = Callable[[Cursor, Any], ir.Pattern]
_Function = TypeVar("_Function")

EXPRESSIONS: dict[type[cst.CSTNode], _Expression] = {}
SMALL: dict[type[cst.CSTNode], _Small] = {}
COMPOUND: dict[type[cst.CSTNode], _Compound] = {}
PATTERNS: dict[type[cst.CSTNode], _Pattern] = {}


class UnlowerableError(Exception):
    """A tree that has no IR: ``offset`` is a character offset, ``reason`` one line."""

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(reason)
        self.offset = offset
        self.reason = reason


def expression(*kinds: type[cst.CSTNode]) -> Callable[[_Expression], _Expression]:
    """Return a decorator for what lowers these kinds of expression."""
    return _entered(EXPRESSIONS, kinds)


def small_statement(*kinds: type[cst.CSTNode]) -> Callable[[_Small], _Small]:
    """Return a decorator for what lowers these kinds of statement, which have no body."""
    return _entered(SMALL, kinds)


def compound_statement(*kinds: type[cst.CSTNode]) -> Callable[[_Compound], _Compound]:
    """Return a decorator for what lowers these statements with a body into the list that it is given."""
    return _entered(COMPOUND, kinds)


def pattern_kind(*kinds: type[cst.CSTNode]) -> Callable[[_Pattern], _Pattern]:
    """Return a decorator for what lowers these kinds of pattern."""
    return _entered(PATTERNS, kinds)


def _entered(
    table: dict[type[cst.CSTNode], _Function], kinds: tuple[type[cst.CSTNode], ...]
) -> Callable[[_Function], _Function]:
    def enter(function: _Function) -> _Function:
        table.update(dict.fromkeys(kinds, function))
        return function

    return enter


def expr(c: Cursor, node: Any) -> ir.Expr:
    """Return any expression in the IR, stepping over the parentheses around it."""
    lpar = node.lpar
    if not lpar:
        return EXPRESSIONS[type(node)](c, node)
    if type(node) is cst.Tuple and not node.elements:
        for _ in lpar[1:]:
            c.eat(1)
        start = c.at
        c.eat(1)
        c.eat(1)
        empty = ir.Sequence(start, c.end, "tuple", ())
        for _ in lpar[1:]:
            c.eat(1)
        return empty
    for _ in lpar:
        c.eat(1)
    lowered = EXPRESSIONS[type(node)](c, node)
    for _ in lpar:
        c.eat(1)
    return lowered
