"""Names, numbers and literal text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import libcst as cst

from auditor.program import ir
from auditor.program.from_libcst.cursor import Cursor, LostPlaceError
from auditor.program.from_libcst.dispatch import UnlowerableError, expr, expression
from auditor.program.literals import formatted_text, number, string_value

_Parts: TypeAlias = list[ir.Expr]


_CONSTANT_NAMES = {"None": None, "True": True, "False": False}


@expression(cst.Name)
def _name(c: Cursor, node: cst.Name) -> ir.Expr:
    start = c.at
    value = node.value
    c.word(value)
    if value in _CONSTANT_NAMES:
        return ir.Const(start, c.end, _CONSTANT_NAMES[value])
    return ir.Name(start, c.end, value)


@expression(cst.Integer, cst.Float, cst.Imaginary)
def _number(c: Cursor, node: cst.Integer | cst.Float | cst.Imaginary) -> ir.Expr:
    start = c.at
    value = number(node.value)
    c.word(node.value)
    return ir.Const(start, c.end, value)


@expression(cst.Ellipsis)
def _ellipsis(c: Cursor, node: cst.Ellipsis) -> ir.Expr:
    start = c.at
    c.eat(3)
    return ir.Const(start, c.end, ...)


@expression(cst.SimpleString)
def _string(c: Cursor, node: cst.SimpleString) -> ir.Expr:
    start = c.at
    if c.joined and start in c.joined:
        run = c.joined.pop(start)
        c.jump(run.end)
        return ir.Const(start, run.end, run.value)
    value = string_value(node.value)
    c.eat(len(node.value))
    return ir.Const(start, c.end, value)


@expression(cst.FormattedString, cst.TemplatedString)
def _formatted(c: Cursor, node: cst.FormattedString | cst.TemplatedString) -> ir.Expr:
    start = c.at
    parts: _Parts = []
    opening = node.start
    at = _string_parts(c, node.parts, start + len(opening), parts, "r" in opening or "R" in opening)
    if not c.text.startswith(node.end, at):
        raise LostPlaceError(at)
    c.jump(at + len(node.end))
    return ir.FString(start, c.end, tuple(parts))


def _string_parts(c: Cursor, nodes: Sequence[Any], at: int, parts: _Parts, raw: bool) -> int:
    """Lower what an f-string (or a format specification) holds from ``at`` on; return where it ends."""
    for part in nodes:
        if isinstance(part, cst.FormattedStringText | cst.TemplatedStringText):
            text = part.value
            parts.append(ir.Const(at, at + len(text), formatted_text(text, raw=raw)))
            at += len(text)
            continue
        c.jump(at + 1)
        inside = c.at
        value = expr(c, part.expression)
        if part.equal is not None:
            c.eat(1)
            parts.append(ir.Const(inside, c.end, c.text[inside : c.at]))
        parts.append(value)
        if part.conversion:
            c.eat(1)
            c.eat(len(part.conversion))
        at = c.at
        if part.format_spec is not None:
            # Only the values in a specification matter: ``.4f`` is not part of what is said.
            spec: _Parts = []
            at = _string_parts(c, part.format_spec, at + 1, spec, raw)
            parts.extend(item for item in spec if not isinstance(item, ir.Const))
        if c.text[at] != "}":
            raise LostPlaceError(at)
        at += 1
    return at


@expression(cst.ConcatenatedString)
def _concatenated(c: Cursor, node: cst.ConcatenatedString) -> ir.Expr:
    start = c.at
    pieces: _Parts = []
    rest: Any = node
    while type(rest) is cst.ConcatenatedString and (rest is node or not rest.lpar):
        pieces.append(expr(c, rest.left))
        rest = rest.right
    pieces.append(expr(c, rest))
    values = [piece.value for piece in pieces if isinstance(piece, ir.Const)]
    if len(values) == len(pieces):
        if all(isinstance(value, str) for value in values):
            return ir.Const(start, c.end, "".join(str(value) for value in values))
        if all(isinstance(value, bytes) for value in values):
            return ir.Const(start, c.end, b"".join(v for v in values if isinstance(v, bytes)))
    if any(isinstance(value, bytes) for value in values):
        raise UnlowerableError(start, "adjacent text and bytes literals")
    parts: _Parts = []
    for piece in pieces:
        parts.extend(piece.parts if isinstance(piece, ir.FString) else (piece,))
    return ir.FString(start, c.end, tuple(parts))
