"""``match`` and its patterns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import libcst as cst

from auditor.program import ir
from auditor.program.from_libcst.blocks import chain
from auditor.program.from_libcst.cursor import Cursor
from auditor.program.from_libcst.dispatch import PATTERNS, compound_statement, expr, pattern_kind
from auditor.program.from_libcst.statements import suite


@compound_statement(cst.Match)
def _match(c: Cursor, node: cst.Match, body: list[ir.Stmt]) -> None:
    """Lower ``match`` to a chain of :class:`ir.If`; an unguarded ``case _`` is its last ``else``.

    When that is the only case, it becomes an ``if`` whose test always holds.
    """
    c.word("match")
    subject = expr(c, node.subject)
    c.eat(1)
    branches: list[tuple[int, ir.Expr, tuple[ir.Stmt, ...]]] = []
    orelse: tuple[ir.Stmt, ...] = ()
    for case in node.cases:
        start = c.at
        c.word("case")
        inside = c.at
        pattern = _pattern(c, case.pattern)
        guard = None
        if case.guard is not None:
            c.word("if")
            guard = expr(c, case.guard)
        test = ir.MatchTest(inside, c.end, subject, pattern, guard)
        block = suite(c, case.body)
        wildcard = pattern.kind == "any" and not pattern.name and not pattern.parts
        if wildcard and guard is None and branches:
            orelse = block
        else:
            branches.append((start, test, block))
    body.extend(chain(branches, orelse, c.end))


def _pattern(c: Cursor, node: Any) -> ir.Pattern:
    lpar = getattr(node, "lpar", ())
    if isinstance(node, cst.MatchValue | cst.MatchSingleton):
        value = expr(c, node.value)
        return ir.Pattern(value.start, value.end, "value", value)
    if type(node) is cst.MatchTuple and not node.patterns:
        for _ in lpar[1:]:
            c.eat(1)
        start = c.at
        c.eat(1)
        c.eat(1)
        empty = ir.Pattern(start, c.end, "sequence")
        for _ in lpar[1:]:
            c.eat(1)
        return empty
    for _ in lpar:
        c.eat(1)
    pattern = PATTERNS[type(node)](c, node)
    for _ in lpar:
        c.eat(1)
    return pattern


@pattern_kind(cst.MatchAs)
def _match_as(c: Cursor, node: cst.MatchAs) -> ir.Pattern:
    start = c.at
    parts: tuple[ir.Pattern, ...] = ()
    if node.pattern is not None:
        parts = (_pattern(c, node.pattern),)
        c.word("as")
    name = None if node.name is None else node.name.value
    c.word(name or "_")
    return ir.Pattern(start, c.end, "any", None, name, parts)


@pattern_kind(cst.MatchOr)
def _match_or(c: Cursor, node: cst.MatchOr) -> ir.Pattern:
    start = c.at
    parts = []
    for item in node.patterns:
        parts.append(_pattern(c, item.pattern))
        if c.text[c.at] == "|":
            c.eat(1)
    return ir.Pattern(start, c.end, "or", parts=tuple(parts))


@pattern_kind(cst.MatchList)
def _match_list(c: Cursor, node: cst.MatchList) -> ir.Pattern:
    start = c.at
    bracketed = node.lbracket is not None
    if bracketed:
        c.eat(1)
    parts = _match_items(c, node.patterns)
    if bracketed:
        c.eat(1)
    return ir.Pattern(start, c.end, "sequence", parts=parts)


@pattern_kind(cst.MatchTuple)
def _match_tuple(c: Cursor, node: cst.MatchTuple) -> ir.Pattern:
    start = c.at
    parts = _match_items(c, node.patterns)
    return ir.Pattern(start, c.end, "sequence", parts=parts)


def _match_items(c: Cursor, nodes: Sequence[Any]) -> tuple[ir.Pattern, ...]:
    parts = []
    for node in nodes:
        if isinstance(node, cst.MatchStar):
            start = c.at
            c.eat(1)
            name = None if node.name is None else node.name.value
            c.word(name or "_")
            parts.append(ir.Pattern(start, c.end, "star", None, name))
        else:
            parts.append(_pattern(c, node.value))
        c.comma()
    return tuple(parts)


@pattern_kind(cst.MatchMapping)
def _match_mapping(c: Cursor, node: cst.MatchMapping) -> ir.Pattern:
    start = c.at
    c.eat(1)
    keys, parts, rest = [], [], None
    for element in node.elements:
        keys.append(expr(c, element.key))
        c.eat(1)
        parts.append(_pattern(c, element.pattern))
        c.comma()
    if node.rest is not None:
        c.eat(2)
        rest = node.rest.value
        c.word(rest)
        c.comma()
    c.eat(1)
    return ir.Pattern(start, c.end, "mapping", None, rest, tuple(parts), tuple(keys))


@pattern_kind(cst.MatchClass)
def _match_class(c: Cursor, node: cst.MatchClass) -> ir.Pattern:
    start = c.at
    cls = expr(c, node.cls)
    c.eat(1)
    parts = list(_match_items(c, node.patterns))
    names = []
    for element in node.kwds:
        names.append(element.key.value)
        c.word(element.key.value)
        c.eat(1)
        parts.append(_pattern(c, element.pattern))
        c.comma()
    c.eat(1)
    return ir.Pattern(start, c.end, "class", cls, None, tuple(parts), (), tuple(names))
