"""The intermediate representation that every later room reads instead of syntax trees.

One visit of the LibCST tree (``lower``) yields these nodes; nothing after it touches the CST.
Every node carries ``start`` and ``end``: character offsets into the text of its
:class:`~auditor.program.source.Source` (``end`` exclusive), so that a finding can quote its line.

The IR keeps what decides data flow and drops the rest: comments, whitespace, annotations of
locals and parentheses are gone; ``match`` becomes a chain of :class:`If` whose test is a
:class:`MatchTest`; an f-string keeps its parts in order.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec


class Node(msgspec.Struct, frozen=True, gc=False):
    """A place in the source: characters ``start`` (inclusive) to ``end`` (exclusive)."""

    start: int
    end: int


# --------------------------------------------------------------------------- expressions


class Name(Node, frozen=True, gc=False):
    """A variable read (as an expression) or written (as a target)."""

    id: str


class Const(Node, frozen=True, gc=False):
    """A literal: str, bytes, int, float, complex, bool, None or Ellipsis.

    Adjacent string literals are already joined when none of them is an f-string.
    """

    value: object


class FString(Node, frozen=True, gc=False):
    """An f-string; ``parts`` are :class:`Const` text and the expressions between them, in order."""

    parts: tuple[Expr, ...]


class Attr(Node, frozen=True, gc=False):
    """``value.attr``."""

    value: Expr
    attr: str


class Subscript(Node, frozen=True, gc=False):
    """``value[index]``; several indices arrive as one :class:`Tuple`."""

    value: Expr
    index: Expr


class Slice(Node, frozen=True, gc=False):
    """``lower:upper:step`` inside a subscript; a missing bound is None."""

    lower: Expr | None
    upper: Expr | None
    step: Expr | None


class Arg(Node, frozen=True, gc=False):
    """One call argument: ``star`` is ``""``, ``"*"`` or ``"**"``; ``keyword`` is None when positional."""

    value: Expr
    keyword: str | None
    star: Literal["", "*", "**"]


class Call(Node, frozen=True, gc=False):
    """``func(args…)``; decorators are not calls, see :class:`FunctionDef`."""

    func: Expr
    args: tuple[Arg, ...]


class BinOp(Node, frozen=True, gc=False):
    """``left op right``; ``op`` is the Python spelling, such as ``+``, ``//``, ``^``, ``<<``, ``@``."""

    op: str
    left: Expr
    right: Expr


class UnaryOp(Node, frozen=True, gc=False):
    """``op operand``; ``op`` is ``-``, ``+``, ``~`` or ``not``."""

    op: str
    operand: Expr


class BoolOp(Node, frozen=True, gc=False):
    """``a and b and c`` or ``a or b``, flattened while the operator stays the same."""

    op: Literal["and", "or"]
    values: tuple[Expr, ...]


class Compare(Node, frozen=True, gc=False):
    """``left ops[0] rights[0] ops[1] rights[1]…``; ops such as ``==``, ``not in``, ``is not``."""

    left: Expr
    ops: tuple[str, ...]
    rights: tuple[Expr, ...]


class IfExp(Node, frozen=True, gc=False):
    """``body if test else orelse``."""

    test: Expr
    body: Expr
    orelse: Expr


class Sequence(Node, frozen=True, gc=False):
    """A tuple, list or set display."""

    kind: Literal["tuple", "list", "set"]
    elts: tuple[Expr, ...]


class DictDisplay(Node, frozen=True, gc=False):
    """A dict display; a ``**mapping`` entry has key None."""

    keys: tuple[Expr | None, ...]
    values: tuple[Expr, ...]


class Comprehension(Node, frozen=True, gc=False):
    """A comprehension or generator expression; ``value`` is set for dicts only (``elt`` is the key)."""

    kind: Literal["list", "set", "dict", "generator"]
    elt: Expr
    value: Expr | None
    clauses: tuple[CompFor, ...]


class CompFor(Node, frozen=True, gc=False):
    """One ``for target in iter if …`` clause of a comprehension, outermost first."""

    target: Expr
    iter: Expr
    ifs: tuple[Expr, ...]


class Lambda(Node, frozen=True, gc=False):
    """``lambda params: body``."""

    params: tuple[Param, ...]
    body: Expr


class Starred(Node, frozen=True, gc=False):
    """``*value`` in a display or an assignment target."""

    value: Expr


class NamedExpr(Node, frozen=True, gc=False):
    """``target := value``."""

    target: Expr
    value: Expr


class Yield(Node, frozen=True, gc=False):
    """``yield``, ``yield from`` or ``await``; ``kind`` tells which."""

    kind: Literal["yield", "from", "await"]
    value: Expr | None


class Pattern(Node, frozen=True, gc=False):
    """A pattern of a ``case``.

    ``value`` (equal to ``value``), ``any`` (binds ``name`` where it has one; ``parts``: and fits the one pattern),
    ``or`` (one of ``parts``), ``sequence`` (``parts`` in order), ``star`` (the rest of one, as ``name``), ``mapping``
    (``keys[i]`` maps to what fits ``parts[i]``; the rest as ``name``) or ``class`` (an instance of ``value``; ``parts``
    by position, the last ones by the attributes ``names``).
    """

    kind: Literal["value", "any", "or", "sequence", "star", "mapping", "class"]
    value: Expr | None = None
    name: str | None = None
    parts: tuple[Pattern, ...] = ()
    keys: tuple[Expr, ...] = ()
    names: tuple[str, ...] = ()


class MatchTest(Node, frozen=True, gc=False):
    """The test of one ``case``: ``subject`` against a pattern, and its guard."""

    subject: Expr
    pattern: Pattern
    guard: Expr | None


Expr: TypeAlias = (
    Name
    | Const
    | FString
    | Attr
    | Subscript
    | Slice
    | Call
    | BinOp
    | UnaryOp
    | BoolOp
    | Compare
    | IfExp
    | Sequence
    | DictDisplay
    | Comprehension
    | Lambda
    | Starred
    | NamedExpr
    | Yield
    | MatchTest
)

# --------------------------------------------------------------------------- statements


class Param(Node, frozen=True, gc=False):
    """A parameter; ``kind`` is ``pos`` (positional or keyword), ``*``, ``kw`` (keyword only) or ``**``."""

    name: str
    default: Expr | None
    kind: Literal["pos", "*", "kw", "**"]


class FunctionDef(Node, frozen=True, gc=False):
    """A function or method. ``start`` is the ``def`` line, not its decorators."""

    name: str
    params: tuple[Param, ...]
    body: tuple[Stmt, ...]
    decorators: tuple[Expr, ...]
    is_generator: bool


class ClassDef(Node, frozen=True, gc=False):
    """A class; ``keywords`` are such as ``metaclass=``."""

    name: str
    bases: tuple[Expr, ...]
    body: tuple[Stmt, ...]
    decorators: tuple[Expr, ...]
    keywords: tuple[Arg, ...] = ()


class Assign(Node, frozen=True, gc=False):
    """``a = b = value``; an annotated assignment has one target, and ``value`` None when bare."""

    targets: tuple[Expr, ...]
    value: Expr | None


class AugAssign(Node, frozen=True, gc=False):
    """``target op= value``; ``op`` without the equals sign."""

    target: Expr
    op: str
    value: Expr


class ExprStmt(Node, frozen=True, gc=False):
    """An expression evaluated for its effect (docstrings too)."""

    value: Expr


class Return(Node, frozen=True, gc=False):
    """``return value``."""

    value: Expr | None


class Raise(Node, frozen=True, gc=False):
    """``raise exc``."""

    exc: Expr | None


class Assert(Node, frozen=True, gc=False):
    """``assert test``."""

    test: Expr


class Delete(Node, frozen=True, gc=False):
    """``del targets``."""

    targets: tuple[Expr, ...]


class Scope(Node, frozen=True, gc=False):
    """``global`` or ``nonlocal`` names."""

    kind: Literal["global", "nonlocal"]
    names: tuple[str, ...]


class Jump(Node, frozen=True, gc=False):
    """``pass``, ``break`` or ``continue``."""

    kind: Literal["pass", "break", "continue"]


class Import(Node, frozen=True, gc=False):
    """``import a.b as c`` → ``(("a.b", "c"),)``; without ``as`` the second item is None."""

    names: tuple[tuple[str, str | None], ...]


class ImportFrom(Node, frozen=True, gc=False):
    """``from ..module import name as alias``; ``level`` counts the dots; ``*`` is ``("*", None)``."""

    module: str
    level: int
    names: tuple[tuple[str, str | None], ...]


class If(Node, frozen=True, gc=False):
    """``if test: body else: orelse`` (``elif`` nests in ``orelse``)."""

    test: Expr
    body: tuple[Stmt, ...]
    orelse: tuple[Stmt, ...]


class For(Node, frozen=True, gc=False):
    """``for target in iter: body else: orelse``."""

    target: Expr
    iter: Expr
    body: tuple[Stmt, ...]
    orelse: tuple[Stmt, ...]


class While(Node, frozen=True, gc=False):
    """``while test: body else: orelse``."""

    test: Expr
    body: tuple[Stmt, ...]
    orelse: tuple[Stmt, ...]


class With(Node, frozen=True, gc=False):
    """``with a as x, b: body``; items are (context, target or None)."""

    items: tuple[tuple[Expr, Expr | None], ...]
    body: tuple[Stmt, ...]


class Handler(Node, frozen=True, gc=False):
    """``except type as name: body``."""

    type: Expr | None
    name: str | None
    body: tuple[Stmt, ...]


class Try(Node, frozen=True, gc=False):
    """``try`` with its handlers, ``else`` and ``finally`` bodies."""

    body: tuple[Stmt, ...]
    handlers: tuple[Handler, ...]
    orelse: tuple[Stmt, ...]
    finalbody: tuple[Stmt, ...]


Stmt: TypeAlias = (
    FunctionDef
    | ClassDef
    | Assign
    | AugAssign
    | ExprStmt
    | Return
    | Raise
    | Assert
    | Delete
    | Scope
    | Jump
    | Import
    | ImportFrom
    | If
    | For
    | While
    | With
    | Try
)


class Module(msgspec.Struct, frozen=True, dict=True):
    """A lowered file: its statements, in order (and its index, once asked: :func:`auditor.program.index.index_of`)."""

    body: tuple[Stmt, ...]
