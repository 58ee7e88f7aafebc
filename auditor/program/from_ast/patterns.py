"""Patterns of ``match`` in Python's own tree, in the IR."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from auditor.program import ir
from auditor.program.from_ast.expressions import end_of, expr, exprs, own
from auditor.program.from_ast.places import Places


def pattern(p: Places, node: Any) -> ir.Pattern:
    """Return a pattern in the IR."""
    start, end = p.starts[node.lineno] + node.col_offset, end_of(p, node)
    return _PATTERNS[node.__class__](p, node, start, end)


def _patterns(p: Places, nodes: list[Any]) -> tuple[ir.Pattern, ...]:
    return tuple([pattern(p, node) for node in nodes])


def _value(p: Places, n: ast.MatchValue, start: int, end: int) -> ir.Pattern:
    return ir.Pattern(start, end, "value", expr(p, n.value))


def _singleton(p: Places, n: ast.MatchSingleton, start: int, end: int) -> ir.Pattern:
    return ir.Pattern(start, end, "value", ir.Const(start, end, n.value))


def _sequence(p: Places, n: ast.MatchSequence, start: int, end: int) -> ir.Pattern:
    if p.text[start] == "(":
        if not n.patterns:
            return ir.Pattern(start, end, "sequence")
        start, end = own(p, start, end, n.patterns)
    return ir.Pattern(start, end, "sequence", parts=_patterns(p, n.patterns))


def _star(p: Places, n: ast.MatchStar, start: int, end: int) -> ir.Pattern:
    return ir.Pattern(start, end, "star", None, n.name)


def _as(p: Places, n: ast.MatchAs, start: int, end: int) -> ir.Pattern:
    return ir.Pattern(start, end, "any", None, n.name, () if n.pattern is None else (pattern(p, n.pattern),))


def _or(p: Places, n: ast.MatchOr, start: int, end: int) -> ir.Pattern:
    return ir.Pattern(start, end, "or", parts=_patterns(p, n.patterns))


def _mapping(p: Places, n: ast.MatchMapping, start: int, end: int) -> ir.Pattern:
    return ir.Pattern(start, end, "mapping", None, n.rest, _patterns(p, n.patterns), exprs(p, n.keys))


def _class(p: Places, n: ast.MatchClass, start: int, end: int) -> ir.Pattern:
    parts = _patterns(p, [*n.patterns, *n.kwd_patterns])
    return ir.Pattern(start, end, "class", expr(p, n.cls), None, parts, (), tuple(n.kwd_attrs))


_PATTERNS: dict[type, Callable[[Places, Any, int, int], ir.Pattern]] = {
    ast.MatchValue: _value,
    ast.MatchSingleton: _singleton,
    ast.MatchSequence: _sequence,
    ast.MatchStar: _star,
    ast.MatchAs: _as,
    ast.MatchOr: _or,
    ast.MatchMapping: _mapping,
    ast.MatchClass: _class,
}
