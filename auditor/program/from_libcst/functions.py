"""Parameters, annotations and lambdas."""

from __future__ import annotations

from typing import Literal, TypeAlias

import libcst as cst

from auditor.program import ir
from auditor.program.from_libcst.cursor import Cursor
from auditor.program.from_libcst.dispatch import expr, expression

_Kind: TypeAlias = Literal["pos", "*", "kw", "**"]


@expression(cst.Lambda)
def _lambda(c: Cursor, node: cst.Lambda) -> ir.Expr:
    start = c.at
    c.word("lambda")
    params = parameters(c, node.params)
    c.eat(1)
    outer = c.yields
    body = expr(c, node.body)
    c.yields = outer  # a yield in a lambda makes the lambda a generator
    return ir.Lambda(start, c.end, params, body)


def parameters(c: Cursor, node: cst.Parameters) -> tuple[ir.Param, ...]:
    """Return the parameters of a function in the order in which they are written."""
    params = [_param(c, param, "pos") for param in node.posonly_params]
    if isinstance(node.posonly_ind, cst.ParamSlash):
        c.eat(1)
        c.comma()
    params += [_param(c, param, "pos") for param in node.params]
    star = node.star_arg
    if isinstance(star, cst.Param):
        params.append(_param(c, star, "*"))
    elif isinstance(star, cst.ParamStar):
        c.eat(1)
        c.comma()
    params += [_param(c, param, "kw") for param in node.kwonly_params]
    if node.star_kwarg is not None:
        params.append(_param(c, node.star_kwarg, "**"))
    return tuple(params)


def _param(c: Cursor, node: cst.Param, kind: _Kind) -> ir.Param:
    start = c.at
    if kind == "*" or kind == "**":
        c.eat(len(kind))
    c.word(node.name.value)
    if node.annotation is not None:
        annotation(c, node.annotation)
    default = None
    if node.default is not None:
        c.eat(1)
        default = expr(c, node.default)
    param = ir.Param(start, c.end, node.name.value, default, kind)
    c.comma()
    return param


def annotation(c: Cursor, node: cst.Annotation) -> None:
    """Step over an annotation (``: T`` or ``-> T``)."""
    c.eat(2 if c.text[c.at] == "-" else 1)
    expr(c, node.annotation)


def type_parameters(c: Cursor, node: cst.TypeParameters | None) -> None:
    """Step over ``[T: bound = default, *Ts, **P]``."""
    if node is None:
        return
    c.eat(1)
    for item in node.params:
        param = item.param
        if not isinstance(param, cst.TypeVar):
            c.eat(1 if isinstance(param, cst.TypeVarTuple) else 2)
        c.word(param.name.value)
        if isinstance(param, cst.TypeVar) and param.bound is not None:
            c.eat(1)
            expr(c, param.bound)
        if item.default is not None:
            c.eat(1)
            if item.star:
                c.eat(1)
            expr(c, item.default)
        c.comma()
    c.eat(1)
