"""From LibCST's tree to the IR, in one walk in source order.

Spans are those of LibCST's ``PositionProvider``: from the first to the last token of a node, without
the parentheses around it. Two differ: an empty tuple keeps its parentheses (it has nothing else), and
blanks inside the edges of a node (``x[ 1 : ]``) never belong to it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import libcst as cst

from auditor.program import ir
from auditor.program.joined import Joined
from auditor.program.literals import BadLiteralError, formatted_text, number, string_value
from auditor.program.positions import Cursor, LostPlaceError
from auditor.program.source import Source

_Parts: TypeAlias = list[ir.Expr]
_RECURSION_LIMIT = 10_000


class UnlowerableError(Exception):
    """A tree that has no IR: ``offset`` is a character offset, ``reason`` one line."""

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(reason)
        self.offset = offset
        self.reason = reason


def lower(module: cst.Module, source: Source, joined: Mapping[int, Joined] | None = None) -> ir.Module:
    """Return the IR of ``module``, which must have been parsed from ``source.text``.

    ``joined`` are the runs of literals of which the text shows only the first (see :mod:`auditor.program.joined`).

    Raise :class:`UnlowerableError` where the text holds a literal that Python refuses too (an integer
    of more than 4,300 digits, a broken escape), or where tree and text do not match.
    """
    cursor = Cursor(source.text, joined)
    limit = sys.getrecursionlimit()
    try:
        # `parse` bounds the depth; plain Python calls like these take no machine stack.
        sys.setrecursionlimit(max(limit, _RECURSION_LIMIT))
        body = _statements(cursor, module.body)
        if cursor.at != len(source.text) or cursor.joined:
            raise LostPlaceError(next(iter(cursor.joined), cursor.at))
    except BadLiteralError as error:
        raise UnlowerableError(cursor.at, str(error)) from None
    except LostPlaceError as error:
        raise UnlowerableError(error.offset, "the parsed tree does not match the text here") from None
    finally:
        sys.setrecursionlimit(limit)
    return ir.Module(body)


# --------------------------------------------------------------------------- expressions


def _expr(c: Cursor, node: Any) -> ir.Expr:
    """Lower any expression, stepping over the parentheses around it."""
    lpar = node.lpar
    if not lpar:
        return _EXPRESSIONS[type(node)](c, node)
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
    lowered = _EXPRESSIONS[type(node)](c, node)
    for _ in lpar:
        c.eat(1)
    return lowered


def _name(c: Cursor, node: cst.Name) -> ir.Expr:
    start = c.at
    value = node.value
    c.word(value)
    if value in _CONSTANT_NAMES:
        return ir.Const(start, c.end, _CONSTANT_NAMES[value])
    return ir.Name(start, c.end, value)


_CONSTANT_NAMES = {"None": None, "True": True, "False": False}


def _number(c: Cursor, node: cst.Integer | cst.Float | cst.Imaginary) -> ir.Expr:
    start = c.at
    value = number(node.value)
    c.word(node.value)
    return ir.Const(start, c.end, value)


def _ellipsis(c: Cursor, node: cst.Ellipsis) -> ir.Expr:
    start = c.at
    c.eat(3)
    return ir.Const(start, c.end, ...)


def _string(c: Cursor, node: cst.SimpleString) -> ir.Expr:
    start = c.at
    if c.joined and start in c.joined:
        run = c.joined.pop(start)
        c.jump(run.end)
        return ir.Const(start, run.end, run.value)
    value = string_value(node.value)
    c.eat(len(node.value))
    return ir.Const(start, c.end, value)


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
        value = _expr(c, part.expression)
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


def _concatenated(c: Cursor, node: cst.ConcatenatedString) -> ir.Expr:
    start = c.at
    pieces: _Parts = []
    rest: Any = node
    while type(rest) is cst.ConcatenatedString and (rest is node or not rest.lpar):
        pieces.append(_expr(c, rest.left))
        rest = rest.right
    pieces.append(_expr(c, rest))
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


def _attribute(c: Cursor, node: cst.Attribute) -> ir.Expr:
    start = c.at
    value = _expr(c, node.value)
    c.eat(1)
    attr = node.attr.value
    c.word(attr)
    return ir.Attr(start, c.end, value, attr)


def _subscript(c: Cursor, node: cst.Subscript) -> ir.Expr:
    start = c.at
    value = _expr(c, node.value)
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
            value = _expr(c, node.value)
            return ir.Starred(start, c.end, value)
        return _expr(c, node.value)
    lower_bound = None if node.lower is None else _expr(c, node.lower)
    c.eat(1)
    upper = None if node.upper is None else _expr(c, node.upper)
    step = None
    if c.text[c.at] == ":":
        c.eat(1)
        step = None if node.step is None else _expr(c, node.step)
    return ir.Slice(start, c.end, lower_bound, upper, step)


def _call(c: Cursor, node: cst.Call) -> ir.Expr:
    start = c.at
    func = _expr(c, node.func)
    c.eat(1)
    args = _args(c, node.args) if node.args else ()
    c.eat(1)
    return ir.Call(start, c.end, func, args)


def _args(c: Cursor, nodes: Sequence[cst.Arg]) -> tuple[ir.Arg, ...]:
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
        value = _expr(c, node.value)
        args.append(ir.Arg(start, c.end, value, keyword, star))
        c.comma()
    return tuple(args)


def _binary(c: Cursor, node: cst.BinaryOperation) -> ir.Expr:
    start = c.at
    left = _expr(c, node.left)
    op = _BINARY[type(node.operator)]
    c.word(op)
    right = _expr(c, node.right)
    return ir.BinOp(start, c.end, op, left, right)


def _unary(c: Cursor, node: cst.UnaryOperation) -> ir.Expr:
    start = c.at
    op = _UNARY[type(node.operator)]
    c.word(op)
    operand = _expr(c, node.expression)
    return ir.UnaryOp(start, c.end, op, operand)


def _boolean(c: Cursor, node: cst.BooleanOperation) -> ir.Expr:
    start = c.at
    op: Literal["and", "or"] = "and" if type(node.operator) is cst.And else "or"
    values: list[ir.Expr] = []
    for side in (node.left, node.right):
        if side is node.right:
            c.word(op)
        value = _expr(c, side)
        if isinstance(value, ir.BoolOp) and value.op == op:
            values.extend(value.values)
        else:
            values.append(value)
    return ir.BoolOp(start, c.end, op, tuple(values))


def _comparison(c: Cursor, node: cst.Comparison) -> ir.Expr:
    start = c.at
    left = _expr(c, node.left)
    ops = []
    rights = []
    for target in node.comparisons:
        operator = target.operator
        op = operator.value if isinstance(operator, cst.NotEqual) else _COMPARE[type(operator)]
        for token in op.split():
            c.word(token)
        ops.append(op)
        rights.append(_expr(c, target.comparator))
    return ir.Compare(start, c.end, left, tuple(ops), tuple(rights))


def _conditional(c: Cursor, node: cst.IfExp) -> ir.Expr:
    start = c.at
    body = _expr(c, node.body)
    c.word("if")
    test = _expr(c, node.test)
    c.word("else")
    orelse = _expr(c, node.orelse)
    return ir.IfExp(start, c.end, test, body, orelse)


def _elements(c: Cursor, nodes: Sequence[cst.BaseElement]) -> tuple[ir.Expr, ...]:
    elements = []
    for node in nodes:
        elements.append(_starred(c, node) if type(node) is cst.StarredElement else _expr(c, node.value))
        c.comma()
    return tuple(elements)


def _starred(c: Cursor, node: cst.StarredElement) -> ir.Expr:
    for _ in node.lpar:
        c.eat(1)
    start = c.at
    c.eat(1)
    value = _expr(c, node.value)
    end = c.end
    for _ in node.lpar:
        c.eat(1)
    return ir.Starred(start, end, value)


def _tuple(c: Cursor, node: cst.Tuple) -> ir.Expr:
    start = c.at
    elements = _elements(c, node.elements)
    return ir.Sequence(start, c.end, "tuple", elements)


def _list(c: Cursor, node: cst.List) -> ir.Expr:
    start = c.at
    c.eat(1)
    elements = _elements(c, node.elements)
    c.eat(1)
    return ir.Sequence(start, c.end, "list", elements)


def _set(c: Cursor, node: cst.Set) -> ir.Expr:
    start = c.at
    c.eat(1)
    elements = _elements(c, node.elements)
    c.eat(1)
    return ir.Sequence(start, c.end, "set", elements)


def _dict(c: Cursor, node: cst.Dict) -> ir.Expr:
    start = c.at
    c.eat(1)
    keys: list[ir.Expr | None] = []
    values = []
    for element in node.elements:
        if isinstance(element, cst.DictElement):
            keys.append(_expr(c, element.key))
            c.eat(1)
        else:
            keys.append(None)
            c.eat(2)
        values.append(_expr(c, element.value))
        c.comma()
    c.eat(1)
    return ir.DictDisplay(start, c.end, tuple(keys), tuple(values))


def _list_comp(c: Cursor, node: cst.ListComp) -> ir.Expr:
    return _bracketed_comp(c, node, "list")


def _set_comp(c: Cursor, node: cst.SetComp) -> ir.Expr:
    return _bracketed_comp(c, node, "set")


def _bracketed_comp(c: Cursor, node: cst.ListComp | cst.SetComp, kind: Literal["list", "set"]) -> ir.Expr:
    start = c.at
    c.eat(1)
    elt = _expr(c, node.elt)
    clauses = _clauses(c, node.for_in)
    c.eat(1)
    return ir.Comprehension(start, c.end, kind, elt, None, clauses)


def _generator(c: Cursor, node: cst.GeneratorExp) -> ir.Expr:
    start = c.at
    elt = _expr(c, node.elt)
    clauses = _clauses(c, node.for_in)
    return ir.Comprehension(start, c.end, "generator", elt, None, clauses)


def _dict_comp(c: Cursor, node: cst.DictComp) -> ir.Expr:
    start = c.at
    c.eat(1)
    key = _expr(c, node.key)
    c.eat(1)
    value = _expr(c, node.value)
    clauses = _clauses(c, node.for_in)
    c.eat(1)
    return ir.Comprehension(start, c.end, "dict", key, value, clauses)


def _starred_dict_comp(c: Cursor, node: cst.StarredDictComp) -> ir.Expr:
    start = c.at
    c.eat(1)
    inside = c.at
    c.eat(2)
    value = _expr(c, node.value)
    elt = ir.Starred(inside, c.end, value)
    clauses = _clauses(c, node.for_in)
    c.eat(1)
    return ir.Comprehension(start, c.end, "dict", elt, None, clauses)


def _clauses(c: Cursor, node: cst.CompFor | None) -> tuple[ir.CompFor, ...]:
    clauses = []
    while node is not None:
        start = c.at
        if node.asynchronous is not None:
            c.word("async")
        c.word("for")
        target = _expr(c, node.target)
        c.word("in")
        iterable = _expr(c, node.iter)
        ifs = []
        for test in node.ifs:
            c.word("if")
            ifs.append(_expr(c, test.test))
        clauses.append(ir.CompFor(start, c.end, target, iterable, tuple(ifs)))
        node = node.inner_for_in
    return tuple(clauses)


def _lambda(c: Cursor, node: cst.Lambda) -> ir.Expr:
    start = c.at
    c.word("lambda")
    params = _params(c, node.params)
    c.eat(1)
    outer = c.yields
    body = _expr(c, node.body)
    c.yields = outer  # a yield in a lambda makes the lambda a generator
    return ir.Lambda(start, c.end, params, body)


def _named(c: Cursor, node: cst.NamedExpr) -> ir.Expr:
    start = c.at
    target = _expr(c, node.target)
    c.word(":=")
    value = _expr(c, node.value)
    return ir.NamedExpr(start, c.end, target, value)


def _yield(c: Cursor, node: cst.Yield) -> ir.Expr:
    start = c.at
    c.word("yield")
    c.yields = True
    value = node.value
    if value is None:
        return ir.Yield(start, c.end, "yield", None)
    if isinstance(value, cst.From):
        c.word("from")
        item = _expr(c, value.item)
        return ir.Yield(start, c.end, "from", item)
    item = _expr(c, value)
    return ir.Yield(start, c.end, "yield", item)


def _await(c: Cursor, node: cst.Await) -> ir.Expr:
    start = c.at
    c.word("await")
    value = _expr(c, node.expression)
    return ir.Yield(start, c.end, "await", value)


# --------------------------------------------------------------------------- parameters, types


_Kind: TypeAlias = Literal["pos", "*", "kw", "**"]


def _params(c: Cursor, node: cst.Parameters) -> tuple[ir.Param, ...]:
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
        _annotation(c, node.annotation)
    default = None
    if node.default is not None:
        c.eat(1)
        default = _expr(c, node.default)
    param = ir.Param(start, c.end, node.name.value, default, kind)
    c.comma()
    return param


def _annotation(c: Cursor, node: cst.Annotation) -> None:
    """Step over an annotation (``: T`` or ``-> T``)."""
    c.eat(2 if c.text[c.at] == "-" else 1)
    _expr(c, node.annotation)


def _type_parameters(c: Cursor, node: cst.TypeParameters | None) -> None:
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
            _expr(c, param.bound)
        if item.default is not None:
            c.eat(1)
            if item.star:
                c.eat(1)
            _expr(c, item.default)
        c.comma()
    c.eat(1)


# --------------------------------------------------------------------------- statements


def _statements(c: Cursor, nodes: Sequence[Any]) -> tuple[ir.Stmt, ...]:
    body: list[ir.Stmt] = []
    for node in nodes:
        kind = type(node)
        if kind is cst.SimpleStatementLine:
            _small_statements(c, node.body, body)
        else:
            _COMPOUND[kind](c, node, body)
    return tuple(body)


def _small_statements(c: Cursor, nodes: Sequence[Any], body: list[ir.Stmt]) -> None:
    for node in nodes:
        statement = _SMALL[type(node)](c, node)
        if statement is not None:
            body.append(statement)
        if c.text[c.at] == ";":
            end = c.end
            c.eat(1)
            c.end = end  # a statement ends before its semicolon, and so does the block it closes


def _block(c: Cursor, node: cst.BaseSuite) -> tuple[ir.Stmt, ...]:
    """Lower ``: body``."""
    c.eat(1)
    if type(node) is cst.IndentedBlock:
        return _statements(c, node.body)
    body: list[ir.Stmt] = []
    _small_statements(c, node.body, body)
    return tuple(body)


def _keyword_block(c: Cursor, keyword: str, node: Any) -> tuple[ir.Stmt, ...]:
    """Lower ``else: body`` or ``finally: body``; nothing when ``node`` is None."""
    if node is None:
        return ()
    c.word(keyword)
    return _block(c, node.body)


def _expr_statement(c: Cursor, node: cst.Expr) -> ir.Stmt:
    start = c.at
    value = _expr(c, node.value)
    return ir.ExprStmt(start, c.end, value)


def _assign(c: Cursor, node: cst.Assign) -> ir.Stmt:
    start = c.at
    targets = []
    for target in node.targets:
        targets.append(_expr(c, target.target))
        c.eat(1)
    value = _expr(c, node.value)
    return ir.Assign(start, c.end, tuple(targets), value)


def _ann_assign(c: Cursor, node: cst.AnnAssign) -> ir.Stmt:
    start = c.at
    target = _expr(c, node.target)
    _annotation(c, node.annotation)
    value = None
    if node.value is not None:
        c.eat(1)
        value = _expr(c, node.value)
    return ir.Assign(start, c.end, (target,), value)


def _aug_assign(c: Cursor, node: cst.AugAssign) -> ir.Stmt:
    start = c.at
    target = _expr(c, node.target)
    op = _AUGMENTED[type(node.operator)]
    c.word(op)
    value = _expr(c, node.value)
    return ir.AugAssign(start, c.end, target, op[:-1], value)


def _return(c: Cursor, node: cst.Return) -> ir.Stmt:
    start = c.at
    c.word("return")
    value = None if node.value is None else _expr(c, node.value)
    return ir.Return(start, c.end, value)


def _raise(c: Cursor, node: cst.Raise) -> ir.Stmt:
    start = c.at
    c.word("raise")
    exc = None if node.exc is None else _expr(c, node.exc)
    if node.cause is not None:
        c.word("from")
        _expr(c, node.cause.item)
    return ir.Raise(start, c.end, exc)


def _assert(c: Cursor, node: cst.Assert) -> ir.Stmt:
    start = c.at
    c.word("assert")
    test = _expr(c, node.test)
    if node.msg is not None:
        c.eat(1)
        _expr(c, node.msg)
    return ir.Assert(start, c.end, test)


def _del(c: Cursor, node: cst.Del) -> ir.Stmt:
    start = c.at
    c.word("del")
    target = _expr(c, node.target)
    targets = target.elts if isinstance(target, ir.Sequence) else (target,)
    return ir.Delete(start, c.end, targets)


def _global(c: Cursor, node: cst.Global) -> ir.Stmt:
    return _scope(c, node, "global")


def _nonlocal(c: Cursor, node: cst.Nonlocal) -> ir.Stmt:
    return _scope(c, node, "nonlocal")


def _scope(c: Cursor, node: cst.Global | cst.Nonlocal, kind: Literal["global", "nonlocal"]) -> ir.Stmt:
    start = c.at
    c.word(kind)
    names = []
    for item in node.names:
        names.append(item.name.value)
        c.word(item.name.value)
        c.comma()
    return ir.Scope(start, c.end, kind, tuple(names))


def _pass(c: Cursor, node: cst.Pass) -> ir.Stmt:
    return _jump(c, "pass")


def _break(c: Cursor, node: cst.Break) -> ir.Stmt:
    return _jump(c, "break")


def _continue(c: Cursor, node: cst.Continue) -> ir.Stmt:
    return _jump(c, "continue")


def _jump(c: Cursor, kind: Literal["pass", "break", "continue"]) -> ir.Stmt:
    start = c.at
    c.word(kind)
    return ir.Jump(start, c.end, kind)


def _import(c: Cursor, node: cst.Import | cst.LazyImport) -> ir.Stmt:
    start = c.at
    if isinstance(node, cst.LazyImport):
        c.word("lazy")
    c.word("import")
    names = _aliases(c, node.names)
    return ir.Import(start, c.end, names)


def _import_from(c: Cursor, node: cst.ImportFrom | cst.LazyImportFrom) -> ir.Stmt:
    start = c.at
    if isinstance(node, cst.LazyImportFrom):
        c.word("lazy")
    c.word("from")
    for _ in node.relative:
        c.word(".")
    module = "" if node.module is None else _dotted(c, node.module)
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
        name = _dotted(c, node.name)
        alias = None
        if node.asname is not None:
            c.word("as")
            alias = _dotted(c, node.asname.name)
        names.append((name, alias))
        c.comma()
    return tuple(names)


def _dotted(c: Cursor, node: Any) -> str:
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


def _type_alias(c: Cursor, node: cst.TypeAlias) -> None:
    """Step over ``type Name[T] = value``, which computes nothing that the analysis follows."""
    c.word("type")
    c.word(node.name.value)
    _type_parameters(c, node.type_parameters)
    c.word("=")
    _expr(c, node.value)


def _if(c: Cursor, node: cst.If, body: list[ir.Stmt]) -> None:
    branches: list[tuple[int, ir.Expr, tuple[ir.Stmt, ...]]] = []
    branch: Any = node
    while isinstance(branch, cst.If):
        start = c.at
        c.word("elif" if branches else "if")
        test = _expr(c, branch.test)
        branches.append((start, test, _block(c, branch.body)))
        branch = branch.orelse
    orelse = _keyword_block(c, "else", branch)
    body.extend(_chain(branches, orelse, c.end))


def _chain(
    branches: list[tuple[int, ir.Expr, tuple[ir.Stmt, ...]]], orelse: tuple[ir.Stmt, ...], end: int
) -> tuple[ir.Stmt, ...]:
    """Nest ``if``/``elif`` branches (start, test, body) in one another; all end where the chain does."""
    for start, test, block in reversed(branches):
        orelse = (ir.If(start, end, test, block, orelse),)
    return orelse


def _for(c: Cursor, node: cst.For, body: list[ir.Stmt]) -> None:
    start = c.at
    if node.asynchronous is not None:
        c.word("async")
    c.word("for")
    target = _expr(c, node.target)
    c.word("in")
    iterable = _expr(c, node.iter)
    block = _block(c, node.body)
    orelse = _keyword_block(c, "else", node.orelse)
    body.append(ir.For(start, c.end, target, iterable, block, orelse))


def _while(c: Cursor, node: cst.While, body: list[ir.Stmt]) -> None:
    start = c.at
    c.word("while")
    test = _expr(c, node.test)
    block = _block(c, node.body)
    orelse = _keyword_block(c, "else", node.orelse)
    body.append(ir.While(start, c.end, test, block, orelse))


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
        context = _expr(c, item.item)
        target = None
        if item.asname is not None:
            c.word("as")
            target = _expr(c, item.asname.name)
        items.append((context, target))
        c.comma()
    if parenthesised:
        c.eat(1)
    block = _block(c, node.body)
    body.append(ir.With(start, c.end, tuple(items), block))


def _try(c: Cursor, node: cst.Try | cst.TryStar, body: list[ir.Stmt]) -> None:
    start = c.at
    c.word("try")
    block = _block(c, node.body)
    handlers = tuple(_handler(c, handler) for handler in node.handlers)
    orelse = _keyword_block(c, "else", node.orelse)
    final = _keyword_block(c, "finally", node.finalbody)
    body.append(ir.Try(start, c.end, block, handlers, orelse, final))


def _handler(c: Cursor, node: cst.ExceptHandler | cst.ExceptStarHandler) -> ir.Handler:
    start = c.at
    c.word("except")
    if isinstance(node, cst.ExceptStarHandler):
        c.word("*")
    kind = None if node.type is None else _expr(c, node.type)
    name = None
    if node.name is not None:
        c.word("as")
        name = _dotted(c, node.name.name)
    block = _block(c, node.body)
    return ir.Handler(start, c.end, kind, name, block)


def _decorators(c: Cursor, nodes: Sequence[cst.Decorator]) -> tuple[ir.Expr, ...]:
    decorators = []
    for node in nodes:
        c.word("@")
        decorators.append(_expr(c, node.decorator))
    return tuple(decorators)


def _function(c: Cursor, node: cst.FunctionDef, body: list[ir.Stmt]) -> None:
    decorators = _decorators(c, node.decorators)
    start = c.at
    if node.asynchronous is not None:
        c.word("async")
    c.word("def")
    c.word(node.name.value)
    _type_parameters(c, node.type_parameters)
    c.eat(1)
    params = _params(c, node.params)
    c.eat(1)
    if node.returns is not None:
        _annotation(c, node.returns)
    outer, c.yields = c.yields, False
    block = _block(c, node.body)
    is_generator, c.yields = c.yields, outer
    body.append(ir.FunctionDef(start, c.end, node.name.value, params, block, decorators, is_generator))


def _class(c: Cursor, node: cst.ClassDef, body: list[ir.Stmt]) -> None:
    decorators = _decorators(c, node.decorators)
    start = c.at
    c.word("class")
    c.word(node.name.value)
    _type_parameters(c, node.type_parameters)
    bases: list[ir.Expr] = []
    keywords: list[ir.Arg] = []
    if c.text[c.at] == "(":
        c.eat(1)
        for arg in _args(c, (*node.bases, *node.keywords)):
            if arg.star == "*":
                bases.append(ir.Starred(arg.start, arg.end, arg.value))
            elif arg.keyword is None and not arg.star:
                bases.append(arg.value)
            else:
                keywords.append(arg)
        c.eat(1)
    block = _block(c, node.body)
    body.append(ir.ClassDef(start, c.end, node.name.value, tuple(bases), block, decorators, tuple(keywords)))


# --------------------------------------------------------------------------- match


def _match(c: Cursor, node: cst.Match, body: list[ir.Stmt]) -> None:
    """Lower ``match`` to a chain of :class:`ir.If`; an unguarded ``case _`` is its last ``else``.

    When that is the only case, it becomes an ``if`` whose test always holds.
    """
    c.word("match")
    subject = _expr(c, node.subject)
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
            guard = _expr(c, case.guard)
        test = ir.MatchTest(inside, c.end, subject, pattern, guard)
        block = _block(c, case.body)
        wildcard = pattern.kind == "any" and not pattern.name and not pattern.parts
        if wildcard and guard is None and branches:
            orelse = block
        else:
            branches.append((start, test, block))
    body.extend(_chain(branches, orelse, c.end))


def _pattern(c: Cursor, node: Any) -> ir.Pattern:
    lpar = getattr(node, "lpar", ())
    if isinstance(node, cst.MatchValue | cst.MatchSingleton):
        value = _expr(c, node.value)
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
    pattern = _PATTERNS[type(node)](c, node)
    for _ in lpar:
        c.eat(1)
    return pattern


def _match_as(c: Cursor, node: cst.MatchAs) -> ir.Pattern:
    start = c.at
    parts: tuple[ir.Pattern, ...] = ()
    if node.pattern is not None:
        parts = (_pattern(c, node.pattern),)
        c.word("as")
    name = None if node.name is None else node.name.value
    c.word(name or "_")
    return ir.Pattern(start, c.end, "any", None, name, parts)


def _match_or(c: Cursor, node: cst.MatchOr) -> ir.Pattern:
    start = c.at
    parts = []
    for item in node.patterns:
        parts.append(_pattern(c, item.pattern))
        if c.text[c.at] == "|":
            c.eat(1)
    return ir.Pattern(start, c.end, "or", parts=tuple(parts))


def _match_list(c: Cursor, node: cst.MatchList) -> ir.Pattern:
    start = c.at
    bracketed = node.lbracket is not None
    if bracketed:
        c.eat(1)
    parts = _match_items(c, node.patterns)
    if bracketed:
        c.eat(1)
    return ir.Pattern(start, c.end, "sequence", parts=parts)


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


def _match_mapping(c: Cursor, node: cst.MatchMapping) -> ir.Pattern:
    start = c.at
    c.eat(1)
    keys, parts, rest = [], [], None
    for element in node.elements:
        keys.append(_expr(c, element.key))
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


def _match_class(c: Cursor, node: cst.MatchClass) -> ir.Pattern:
    start = c.at
    cls = _expr(c, node.cls)
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


# --------------------------------------------------------------------------- tables

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

_EXPRESSIONS: dict[type[cst.CSTNode], Callable[[Cursor, Any], ir.Expr]] = {
    cst.Name: _name,
    cst.Attribute: _attribute,
    cst.Call: _call,
    cst.Integer: _number,
    cst.Float: _number,
    cst.Imaginary: _number,
    cst.SimpleString: _string,
    cst.FormattedString: _formatted,
    cst.TemplatedString: _formatted,
    cst.ConcatenatedString: _concatenated,
    cst.Ellipsis: _ellipsis,
    cst.Subscript: _subscript,
    cst.BinaryOperation: _binary,
    cst.UnaryOperation: _unary,
    cst.BooleanOperation: _boolean,
    cst.Comparison: _comparison,
    cst.IfExp: _conditional,
    cst.Tuple: _tuple,
    cst.List: _list,
    cst.Set: _set,
    cst.Dict: _dict,
    cst.ListComp: _list_comp,
    cst.SetComp: _set_comp,
    cst.DictComp: _dict_comp,
    cst.StarredDictComp: _starred_dict_comp,
    cst.GeneratorExp: _generator,
    cst.Lambda: _lambda,
    cst.StarredElement: _starred,
    cst.NamedExpr: _named,
    cst.Yield: _yield,
    cst.Await: _await,
}

_SMALL: dict[type[cst.CSTNode], Callable[[Cursor, Any], ir.Stmt | None]] = {
    cst.Expr: _expr_statement,
    cst.Assign: _assign,
    cst.AnnAssign: _ann_assign,
    cst.AugAssign: _aug_assign,
    cst.Return: _return,
    cst.Raise: _raise,
    cst.Assert: _assert,
    cst.Del: _del,
    cst.Global: _global,
    cst.Nonlocal: _nonlocal,
    cst.Pass: _pass,
    cst.Break: _break,
    cst.Continue: _continue,
    cst.Import: _import,
    cst.LazyImport: _import,
    cst.ImportFrom: _import_from,
    cst.LazyImportFrom: _import_from,
    cst.TypeAlias: _type_alias,
}

_COMPOUND: dict[type[cst.CSTNode], Callable[[Cursor, Any, list[ir.Stmt]], None]] = {
    cst.If: _if,
    cst.For: _for,
    cst.While: _while,
    cst.With: _with,
    cst.Try: _try,
    cst.TryStar: _try,
    cst.FunctionDef: _function,
    cst.ClassDef: _class,
    cst.Match: _match,
}

_PATTERNS: dict[type[cst.CSTNode], Callable[[Cursor, Any], ir.Pattern]] = {
    cst.MatchAs: _match_as,
    cst.MatchOr: _match_or,
    cst.MatchList: _match_list,
    cst.MatchTuple: _match_tuple,
    cst.MatchMapping: _match_mapping,
    cst.MatchClass: _match_class,
}
