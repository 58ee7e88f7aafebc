"""Expressions that take others together: operators, calls, attributes, subscripts, ``yield`` and ``await``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import libcst as cst

from auditor.program import ir
from auditor.program.from_libcst.cursor import Cursor
from auditor.program.from_libcst.dispatch import expr, expression

_BINARY: dict[type[cst.BaseBinaryOp], str] = {
    cst.Add: "+",
    cst.Subtract: "-",
    cst.Multiply: "*",
    cst.Divide: "/",
    cst.FloorDivide: "//",
    cst.Modulo: "%",
    cst.Power: "**",
    cst.MatrixMultiply: "@",
    cst.LeftShift: "<<",
    cst.RightShift: ">>",
    cst.BitAnd: "&",
    cst.BitOr: "|",
    cst.BitXor: "^",
}


_UNARY: dict[type[cst.BaseUnaryOp], str] = {
    cst.Minus: "-",
    cst.Plus: "+",
    cst.BitInvert: "~",
    cst.Not: "not",
}


_COMPARE: dict[type[cst.BaseCompOp], str] = {
    cst.Equal: "==",
    cst.LessThan: "<",
    cst.GreaterThan: ">",
    cst.LessThanEqual: "<=",
    cst.GreaterThanEqual: ">=",
    cst.In: "in",
    cst.NotIn: "not in",
    cst.Is: "is",
    cst.IsNot: "is not",
}


@expression(cst.Attribute)
def _attribute(c: Cursor, node: cst.Attribute) -> ir.Expr:
    start = c.at
    value = expr(c, node.value)
    c.eat(1)
    attr = node.attr.value
    c.word(attr)
    return ir.Attr(start, c.end, value, attr)


@expression(cst.Subscript)
def _subscript(c: Cursor, node: cst.Subscript) -> ir.Expr:
    start = c.at
    value = expr(c, node.value)
    c.eat(1)
    first = c.at
    elements = []
    comma = False
    for element in node.slice:
        elements.append(_index(c, element.slice))
        comma = c.comma()
    index = elements[0] if len(elements) == 1 and not comma else None
    if index is None:
        index = ir.Sequence(first, c.end, "tuple", tuple(elements))
    c.eat(1)
    return ir.Subscript(start, c.end, value, index)


def _index(c: Cursor, node: Any) -> ir.Expr:
    start = c.at
    if type(node) is cst.Index:
        if node.star:
            c.eat(1)
            value = expr(c, node.value)
            return ir.Starred(start, c.end, value)
        return expr(c, node.value)
    lower_bound = None if node.lower is None else expr(c, node.lower)
    c.eat(1)
    upper = None if node.upper is None else expr(c, node.upper)
    step = None
    if c.text[c.at] == ":":
        c.eat(1)
        step = None if node.step is None else expr(c, node.step)
    return ir.Slice(start, c.end, lower_bound, upper, step)


@expression(cst.Call)
def _call(c: Cursor, node: cst.Call) -> ir.Expr:
    start = c.at
    func = expr(c, node.func)
    c.eat(1)
    args = arguments(c, node.args) if node.args else ()
    c.eat(1)
    return ir.Call(start, c.end, func, args)


def arguments(c: Cursor, nodes: Sequence[cst.Arg]) -> tuple[ir.Arg, ...]:
    """Return the arguments of a call, or the bases and keywords of a class."""
    args = []
    for node in nodes:
        start = c.at
        star: Any = node.star
        keyword = None
        if star:
            c.eat(len(star))
        elif node.keyword is not None:
            keyword = node.keyword.value
            c.word(keyword)
            c.eat(1)
        value = expr(c, node.value)
        args.append(ir.Arg(start, c.end, value, keyword, star))
        c.comma()
    return tuple(args)


@expression(cst.BinaryOperation)
def _binary(c: Cursor, node: cst.BinaryOperation) -> ir.Expr:
    start = c.at
    left = expr(c, node.left)
    op = _BINARY[type(node.operator)]
    c.word(op)
    right = expr(c, node.right)
    return ir.BinOp(start, c.end, op, left, right)


@expression(cst.UnaryOperation)
def _unary(c: Cursor, node: cst.UnaryOperation) -> ir.Expr:
    start = c.at
    op = _UNARY[type(node.operator)]
    c.word(op)
    operand = expr(c, node.expression)
    return ir.UnaryOp(start, c.end, op, operand)


@expression(cst.BooleanOperation)
def _boolean(c: Cursor, node: cst.BooleanOperation) -> ir.Expr:
    start = c.at
    op: Literal["and", "or"] = "and" if type(node.operator) is cst.And else "or"
    values: list[ir.Expr] = []
    for side in (node.left, node.right):
        if side is node.right:
            c.word(op)
        value = expr(c, side)
        if isinstance(value, ir.BoolOp) and value.op == op:
            values.extend(value.values)
        else:
            values.append(value)
    return ir.BoolOp(start, c.end, op, tuple(values))


@expression(cst.Comparison)
def _comparison(c: Cursor, node: cst.Comparison) -> ir.Expr:
    start = c.at
    left = expr(c, node.left)
    ops = []
    rights = []
    for target in node.comparisons:
        operator = target.operator
        op = operator.value if isinstance(operator, cst.NotEqual) else _COMPARE[type(operator)]
        for token in op.split():
            c.word(token)
        ops.append(op)
        rights.append(expr(c, target.comparator))
    return ir.Compare(start, c.end, left, tuple(ops), tuple(rights))


@expression(cst.IfExp)
def _conditional(c: Cursor, node: cst.IfExp) -> ir.Expr:
    start = c.at
    body = expr(c, node.body)
    c.word("if")
    test = expr(c, node.test)
    c.word("else")
    orelse = expr(c, node.orelse)
    return ir.IfExp(start, c.end, test, body, orelse)


@expression(cst.NamedExpr)
def _named(c: Cursor, node: cst.NamedExpr) -> ir.Expr:
    start = c.at
    target = expr(c, node.target)
    c.word(":=")
    value = expr(c, node.value)
    return ir.NamedExpr(start, c.end, target, value)


@expression(cst.Yield)
def _yield(c: Cursor, node: cst.Yield) -> ir.Expr:
    start = c.at
    c.word("yield")
    c.yields = True
    value = node.value
    if value is None:
        return ir.Yield(start, c.end, "yield", None)
    if isinstance(value, cst.From):
        c.word("from")
        item = expr(c, value.item)
        return ir.Yield(start, c.end, "from", item)
    item = expr(c, value)
    return ir.Yield(start, c.end, "yield", item)


@expression(cst.Await)
def _await(c: Cursor, node: cst.Await) -> ir.Expr:
    start = c.at
    c.word("await")
    value = expr(c, node.expression)
    return ir.Yield(start, c.end, "await", value)
