"""Expressions of Python's own tree, in the IR."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any, Literal

from auditor.program import ir
from auditor.program.from_ast.places import LostError, Places
from auditor.program.from_ast.strings import Field, pieces
from auditor.program.from_ast.strings import Literal as Plain
from auditor.program.literals import formatted_text, string_value


def expr(p: Places, node: Any) -> Any:
    """Return an expression in the IR."""
    return _EXPRESSIONS[node.__class__](p, node)


def exprs(p: Places, nodes: Sequence[Any]) -> tuple[Any, ...]:
    """Return several expressions in the IR."""
    return tuple([_EXPRESSIONS[node.__class__](p, node) for node in nodes])


def end_of(p: Places, node: Any) -> int:
    """Return where ``node`` ends, as Python's tree has it."""
    end: int = p.starts[node.end_lineno] + node.end_col_offset
    return end


def _name(p: Places, n: ast.Name) -> ir.Expr:
    s = p.starts
    line, name = s[n.lineno], n.id
    if line.__class__ is int:  # a line of ASCII, on which a name is as long as it is written
        start = line + n.col_offset
        return ir.Name(start, start + len(name), name)
    return ir.Name(line + n.col_offset, s[n.end_lineno] + n.end_col_offset, name)


def _constant(p: Places, n: ast.Constant) -> ir.Expr:
    s = p.starts
    return ir.Const(s[n.lineno] + n.col_offset, s[n.end_lineno] + n.end_col_offset, n.value)


def _attribute(p: Places, n: ast.Attribute) -> ir.Expr:
    s = p.starts
    value = n.value
    return ir.Attr(
        s[n.lineno] + n.col_offset,
        s[n.end_lineno] + n.end_col_offset,
        _EXPRESSIONS[value.__class__](p, value),
        n.attr,
    )


def _subscript(p: Places, n: ast.Subscript) -> ir.Expr:
    s = p.starts
    start, end = s[n.lineno] + n.col_offset, s[n.end_lineno] + n.end_col_offset
    value = expr(p, n.value)
    index: Any = n.slice
    if index.__class__ is ast.Tuple and len(index.elts) == 1 and isinstance(index.elts[0], ast.Starred):
        only = index.elts[0]
        if end_of(p, only) == end_of(p, index):  # no comma behind it
            return ir.Subscript(start, end, value, expr(p, only))
    return ir.Subscript(start, end, value, expr(p, index))


def _slice(p: Places, n: ast.Slice) -> ir.Expr:
    s = p.starts
    return ir.Slice(
        s[n.lineno] + n.col_offset,
        s[n.end_lineno] + n.end_col_offset,
        None if n.lower is None else expr(p, n.lower),
        None if n.upper is None else expr(p, n.upper),
        None if n.step is None else expr(p, n.step),
    )


def _call(p: Places, n: ast.Call) -> ir.Expr:
    s = p.starts
    called = n.func
    func = _EXPRESSIONS[called.__class__](p, called)
    args = arguments(p, n.args, n.keywords, end_of(p, called)) if n.args or n.keywords else ()
    return ir.Call(s[n.lineno] + n.col_offset, s[n.end_lineno] + n.end_col_offset, func, args)


def arguments(p: Places, args: list[Any], keywords: list[ast.keyword], before: int) -> tuple[ir.Arg, ...]:
    """Return arguments in the order in which they stand; ``before`` is where ends what they are given to."""
    s, text = p.starts, p.text
    if keywords:
        args = [*args, *keywords]
        first = keywords[0]
        if any((a.lineno, a.col_offset) > (first.lineno, first.col_offset) for a in args[: -len(keywords)]):
            args.sort(key=lambda node: (node.lineno, node.col_offset))
    at = before
    if text[at] != "(":
        at = p.closed(at)
        at = p.token(at, "(") - 1
    at += 1
    found = []
    for node in args:
        kind = node.__class__
        start, end = s[node.lineno] + node.col_offset, s[node.end_lineno] + node.end_col_offset
        if kind is ast.keyword:
            value = node.value
            name = node.arg
            found.append(
                ir.Arg(start, end, _EXPRESSIONS[value.__class__](p, value), name, "**" if name is None else "")
            )
        elif kind is ast.Starred:
            found.append(ir.Arg(start, end, expr(p, node.value), None, "*"))
        else:
            lowered = _EXPRESSIONS[kind](p, node)
            if start < at:  # a generator in the call's own parentheses
                start, end = lowered.start, lowered.end
            elif start > at:
                first_token = p.skip(at)
                if first_token != start:
                    end = p.around(first_token, start, end)
                    start = first_token
            found.append(ir.Arg(start, end, lowered, None, ""))
        at = end
        if text[at] != ",":
            at = p.skip(at)
        if text[at] == ",":
            at += 1
            if text[at] == " " and text[at + 1] not in " \t\f\r\n#\\":
                at += 1
    return tuple(found)


_BINARY: dict[type, str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
    ast.MatMult: "@",
    ast.LShift: "<<",
    ast.RShift: ">>",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.BitXor: "^",
}
_UNARY: dict[type, str] = {ast.USub: "-", ast.UAdd: "+", ast.Invert: "~", ast.Not: "not"}
_COMPARE: dict[type, str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.Gt: ">",
    ast.LtE: "<=",
    ast.GtE: ">=",
    ast.In: "in",
    ast.NotIn: "not in",
    ast.Is: "is",
    ast.IsNot: "is not",
}


def operator(node: ast.operator) -> str:
    """Return how an operator is written."""
    return _BINARY[node.__class__]


def _binary(p: Places, n: ast.BinOp) -> ir.Expr:
    s = p.starts
    left, right = n.left, n.right
    return ir.BinOp(
        s[n.lineno] + n.col_offset,
        s[n.end_lineno] + n.end_col_offset,
        _BINARY[n.op.__class__],
        _EXPRESSIONS[left.__class__](p, left),
        _EXPRESSIONS[right.__class__](p, right),
    )


def _unary(p: Places, n: ast.UnaryOp) -> ir.Expr:
    s = p.starts
    start, end = s[n.lineno] + n.col_offset, s[n.end_lineno] + n.end_col_offset
    return ir.UnaryOp(start, end, _UNARY[n.op.__class__], expr(p, n.operand))


def _boolean(p: Places, n: ast.BoolOp) -> ir.Expr:
    s = p.starts
    op: Literal["and", "or"] = "and" if n.op.__class__ is ast.And else "or"
    values: list[ir.Expr] = []
    for side in n.values:
        value = expr(p, side)
        if value.__class__ is ir.BoolOp and value.op == op:
            values.extend(value.values)
        else:
            values.append(value)
    return ir.BoolOp(s[n.lineno] + n.col_offset, s[n.end_lineno] + n.end_col_offset, op, tuple(values))


def _comparison(p: Places, n: ast.Compare) -> ir.Expr:
    s = p.starts
    return ir.Compare(
        s[n.lineno] + n.col_offset,
        s[n.end_lineno] + n.end_col_offset,
        expr(p, n.left),
        tuple([_COMPARE[op.__class__] for op in n.ops]),
        exprs(p, n.comparators),
    )


def _conditional(p: Places, n: ast.IfExp) -> ir.Expr:
    s = p.starts
    start, end = s[n.lineno] + n.col_offset, s[n.end_lineno] + n.end_col_offset
    body = expr(p, n.body)
    return ir.IfExp(start, end, expr(p, n.test), body, expr(p, n.orelse))


def _tuple(p: Places, n: ast.Tuple) -> ir.Expr:
    s = p.starts
    start, end = s[n.lineno] + n.col_offset, s[n.end_lineno] + n.end_col_offset
    if n.elts and p.text[start] == "(":
        start, end = own(p, start, end, n.elts)
    return ir.Sequence(start, end, "tuple", exprs(p, n.elts))


def own(p: Places, start: int, end: int, elements: Sequence[Any]) -> tuple[int, int]:
    """Return where a tuple lies without parentheses of its own, if those at ``start`` are."""
    first = elements[0]
    opening = p.starts[first.lineno] + first.col_offset
    opened, at = 0, start
    while at < opening:
        if p.text[at] != "(":
            raise LostError
        opened += 1
        at = p.skip(at + 1)
    closed, at = 0, p.skip(end_of(p, first))
    while p.text[at] == ")" and at < end - 1:
        closed += 1
        at = p.skip(at + 1)
    if opened == closed:
        return start, end
    if opened != closed + 1:
        raise LostError
    return p.skip(start + 1), p.last(end_of(p, elements[-1]), end - 1)


def _list(p: Places, n: ast.List) -> ir.Expr:
    s = p.starts
    return ir.Sequence(
        s[n.lineno] + n.col_offset,
        s[n.end_lineno] + n.end_col_offset,
        "list",
        exprs(p, n.elts),
    )


def _set(p: Places, n: ast.Set) -> ir.Expr:
    s = p.starts
    start, end = s[n.lineno] + n.col_offset, s[n.end_lineno] + n.end_col_offset
    return ir.Sequence(start, end, "set", exprs(p, n.elts))


def _dict(p: Places, n: ast.Dict) -> ir.Expr:
    s = p.starts
    start, end = s[n.lineno] + n.col_offset, s[n.end_lineno] + n.end_col_offset
    keys, values = [], []
    for key, value in zip(n.keys, n.values, strict=True):
        keys.append(None if key is None else expr(p, key))
        values.append(expr(p, value))
    return ir.DictDisplay(start, end, tuple(keys), tuple(values))


def _list_comp(p: Places, n: ast.ListComp) -> ir.Expr:
    return _comprehension(p, n, "list", n.elt)


def _set_comp(p: Places, n: ast.SetComp) -> ir.Expr:
    return _comprehension(p, n, "set", n.elt)


def _dict_comp(p: Places, n: ast.DictComp) -> ir.Expr:
    return _comprehension(p, n, "dict", n.key, n.value)


def _comprehension(
    p: Places,
    n: ast.ListComp | ast.SetComp | ast.DictComp,
    kind: Literal["list", "set", "dict"],
    elt: ast.expr,
    value: ast.expr | None = None,
) -> ir.Expr:
    s = p.starts
    start, end = s[n.lineno] + n.col_offset, s[n.end_lineno] + n.end_col_offset
    lowered = expr(p, elt)
    lowered_value = None if value is None else expr(p, value)
    clauses = _clauses(p, n.generators, end_of(p, elt if value is None else value), end - 1)
    return ir.Comprehension(start, end, kind, lowered, lowered_value, clauses)


def _generator(p: Places, n: ast.GeneratorExp) -> ir.Expr:
    return generator_in(p, n, p.starts[n.lineno] + n.col_offset + 1, end_of(p, n) - 1)


def generator_in(p: Places, n: ast.GeneratorExp, start: int, end: int) -> ir.Expr:
    """Return a generator expression; ``start`` and ``end`` lie within the parentheses around it."""
    elt = expr(p, n.elt)
    clauses = _clauses(p, n.generators, end_of(p, n.elt), end)
    return ir.Comprehension(p.skip(start), clauses[-1].end, "generator", elt, None, clauses)


def _clauses(p: Places, generators: list[ast.comprehension], at: int, limit: int) -> tuple[ir.CompFor, ...]:
    clauses = []
    final = generators[-1]
    for generator in generators:
        start = p.skip(p.closed(at))
        if not p.text.startswith("async" if generator.is_async else "for", start):
            raise LostError
        target = expr(p, generator.target)
        iterable = expr(p, generator.iter)
        ifs = exprs(p, generator.ifs)
        at = end_of(p, generator.ifs[-1] if generator.ifs else generator.iter)
        at = p.last(at, limit) if generator is final else p.closed(at)
        clauses.append(ir.CompFor(start, at, target, iterable, ifs))
    return tuple(clauses)


def _lambda(p: Places, n: ast.Lambda) -> ir.Expr:
    s = p.starts
    start, end = s[n.lineno] + n.col_offset, s[n.end_lineno] + n.end_col_offset
    given = parameters(p, n.args)
    outer = p.yields
    body = expr(p, n.body)
    p.yields = outer  # a yield in a lambda makes the lambda a generator
    return ir.Lambda(start, end, given, body)


def parameters(p: Places, n: ast.arguments) -> tuple[ir.Param, ...]:
    """Return the parameters of a function."""
    positional = n.posonlyargs + n.args if n.posonlyargs else n.args
    plain = len(positional) - len(n.defaults)
    found = [
        _parameter(p, arg, n.defaults[i - plain] if i >= plain else None, "pos") for i, arg in enumerate(positional)
    ]
    if n.vararg is not None:
        found.append(_starred_parameter(p, n.vararg, "*"))
    found += [_parameter(p, arg, default, "kw") for arg, default in zip(n.kwonlyargs, n.kw_defaults, strict=True)]
    if n.kwarg is not None:
        found.append(_starred_parameter(p, n.kwarg, "**"))
    return tuple(found)


def _parameter(p: Places, n: ast.arg, default: ast.expr | None, kind: Literal["pos", "kw"]) -> ir.Param:
    start, end = p.starts[n.lineno] + n.col_offset, end_of(p, n)
    if default is None:
        return ir.Param(start, end, n.arg, None, kind)
    first = p.skip(p.token(end, "="))
    begin, end = p.starts[default.lineno] + default.col_offset, end_of(p, default)
    if first != begin:
        end = p.around(first, begin, end)
    return ir.Param(start, end, n.arg, expr(p, default), kind)


def _starred_parameter(p: Places, n: ast.arg, kind: Literal["*", "**"]) -> ir.Param:
    start = p.starts[n.lineno] + n.col_offset
    at = start - len(kind)
    while p.text[at] in " \t":
        at -= 1
    if kind == "**" and p.text[at] == "*" and p.text[at + 1] != "*":
        at -= 1
    if not p.text.startswith(kind, at) or p.skip(at + len(kind)) != start:
        raise LostError
    return ir.Param(at, end_of(p, n), n.arg, None, kind)


def _starred(p: Places, n: ast.Starred) -> ir.Expr:
    return ir.Starred(p.starts[n.lineno] + n.col_offset, end_of(p, n), expr(p, n.value))


def _named(p: Places, n: ast.NamedExpr) -> ir.Expr:
    return ir.NamedExpr(p.starts[n.lineno] + n.col_offset, end_of(p, n), expr(p, n.target), expr(p, n.value))


def _yield(p: Places, n: ast.Yield) -> ir.Expr:
    p.yields = True
    value = None if n.value is None else expr(p, n.value)
    return ir.Yield(p.starts[n.lineno] + n.col_offset, end_of(p, n), "yield", value)


def _yield_from(p: Places, n: ast.YieldFrom) -> ir.Expr:
    p.yields = True
    return ir.Yield(p.starts[n.lineno] + n.col_offset, end_of(p, n), "from", expr(p, n.value))


def _await(p: Places, n: ast.Await) -> ir.Expr:
    return ir.Yield(p.starts[n.lineno] + n.col_offset, end_of(p, n), "await", expr(p, n.value))


# --------------------------------------------------------------------------- f-strings


def _joined(p: Places, n: ast.JoinedStr) -> ir.Expr:
    start, end = p.starts[n.lineno] + n.col_offset, end_of(p, n)
    found = pieces(p, start, end)
    values = _formatted(n, sum(isinstance(piece, Field) for piece in found))
    parts: list[ir.Expr] = []
    for piece in found:
        if isinstance(piece, Field):
            _field(p, piece, values.pop(), parts)
            continue
        written = p.text[piece.start : piece.end]
        value = string_value(written) if isinstance(piece, Plain) else formatted_text(written, raw=piece.raw)
        parts.append(ir.Const(piece.start, piece.end, value))
    return ir.FString(start, end, tuple(parts))


def _formatted(n: Any, count: int) -> list[ast.FormattedValue]:
    """Return the values of an f-string or of a format specification, the last one first; there must be ``count``."""
    found = [value for value in n.values if isinstance(value, ast.FormattedValue)] if n is not None else []
    if len(found) != count:
        raise LostError
    return found[::-1]


def _field(p: Places, field: Field, n: ast.FormattedValue, parts: list[ir.Expr]) -> None:
    if field.equals is not None:
        first, end = p.skip(field.start), field.equals + 1
        parts.append(ir.Const(first, end, p.text[first : p.skip(end)]))
    value = _in_field(p, field, n.value)
    if value.start < field.start or value.end > field.end:
        raise LostError
    parts.append(value)
    within = _formatted(n.format_spec, len(field.within))
    for inner in field.within:
        # Only the values in a specification matter: ``.4f`` is not part of what is said.
        inside: list[ir.Expr] = []
        _field(p, inner, within.pop(), inside)
        parts.extend(part for part in inside if not isinstance(part, ir.Const))


def _in_field(p: Places, field: Field, node: ast.expr) -> ir.Expr:
    if isinstance(node, ast.Tuple | ast.GeneratorExp):
        start = p.starts[node.lineno] + node.col_offset
        if start < field.start:  # up to Python 3.11 the braces are read as parentheses
            if isinstance(node, ast.GeneratorExp):
                return generator_in(p, node, field.start, field.end)
            start, end = p.skip(field.start), p.last(end_of(p, node.elts[-1]), field.end)
            return ir.Sequence(start, end, "tuple", exprs(p, node.elts))
    return expr(p, node)  # type: ignore[no-any-return]


_EXPRESSIONS: dict[type, Callable[[Places, Any], ir.Expr]] = {
    ast.Name: _name,
    ast.Constant: _constant,
    ast.Attribute: _attribute,
    ast.Call: _call,
    ast.Subscript: _subscript,
    ast.Slice: _slice,
    ast.BinOp: _binary,
    ast.UnaryOp: _unary,
    ast.BoolOp: _boolean,
    ast.Compare: _comparison,
    ast.IfExp: _conditional,
    ast.Tuple: _tuple,
    ast.List: _list,
    ast.Set: _set,
    ast.Dict: _dict,
    ast.ListComp: _list_comp,
    ast.SetComp: _set_comp,
    ast.DictComp: _dict_comp,
    ast.GeneratorExp: _generator,
    ast.Lambda: _lambda,
    ast.Starred: _starred,
    ast.NamedExpr: _named,
    ast.Yield: _yield,
    ast.YieldFrom: _yield_from,
    ast.Await: _await,
    ast.JoinedStr: _joined,
}
