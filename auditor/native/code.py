"""The small form of C, C++ and CUDA text that is followed: functions, statements and expressions with lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from msgspec import Struct, field


class Num(Struct, frozen=True):
    """A constant; ``value`` is None where it is no whole number."""

    value: int | None
    line: int


class Name(Struct, frozen=True):
    """A variable, a member of the object at hand, a constant or a function."""

    id: str
    line: int


class Index(Struct, frozen=True):
    """``base[at]``."""

    base: Expr
    at: Expr
    line: int


class Field(Struct, frozen=True):
    """``base.name`` or, with ``arrow``, ``base->name``."""

    base: Expr
    name: str
    arrow: bool
    line: int


class Deref(Struct, frozen=True):
    """``*value``."""

    value: Expr
    line: int


class AddressOf(Struct, frozen=True):
    """``&value``."""

    value: Expr
    line: int


class Call(Struct, frozen=True):
    """A call by name, of a method when there is a ``receiver``."""

    name: str
    args: tuple[Expr, ...]
    receiver: Expr | None
    arrow: bool
    line: int


class Binary(Struct, frozen=True):
    """An operation on two values; ``op`` as in the source."""

    op: str
    left: Expr
    right: Expr
    line: int


class Unary(Struct, frozen=True):
    """``-``, ``+``, ``!`` or ``~`` of a value."""

    op: str
    value: Expr
    line: int


class Assign(Struct, frozen=True):
    """``target op value``; ``op`` is "" for a plain assignment, else the operation before the sign of equality."""

    op: str
    target: Expr
    value: Expr
    line: int


class Choice(Struct, frozen=True):
    """``test ? yes : no``."""

    test: Expr
    yes: Expr
    no: Expr
    line: int


class Cast(Struct, frozen=True):
    """A value as another type; ``type`` is its bare name."""

    type: str
    value: Expr
    line: int


class Items(Struct, frozen=True):
    """A braced list of values, or several values in a row (a comma expression)."""

    values: tuple[Expr, ...]
    line: int


class New(Struct, frozen=True):
    """A new object or array of ``type``."""

    type: str
    args: tuple[Expr, ...]
    line: int


class Opaque(Struct, frozen=True):
    """What isn't followed, and what it is made from."""

    what: str
    parts: tuple[Expr, ...]
    line: int


Expr: TypeAlias = (
    Num
    | Name
    | Index
    | Field
    | Deref
    | AddressOf
    | Call
    | Binary
    | Unary
    | Assign
    | Choice
    | Cast
    | Items
    | New
    | Opaque
)


class Declaration(Struct, frozen=True):
    """A variable: its type's bare name, how it is declared (pointer, array, reference) and its first value."""

    name: str
    type: str
    pointer: bool
    array: bool
    reference: bool
    constant: bool
    value: Expr | None
    line: int


class Do(Struct, frozen=True):
    """An expression that is evaluated for what it does."""

    value: Expr
    line: int


class If(Struct, frozen=True):
    """A condition with its two branches."""

    test: Expr
    yes: tuple[Stmt, ...]
    no: tuple[Stmt, ...]
    line: int


class Loop(Struct, frozen=True):
    """A loop of any kind: what comes before it, its condition, its step, its body."""

    before: tuple[Stmt, ...]
    test: Expr | None
    step: Expr | None
    body: tuple[Stmt, ...]
    line: int


class Return(Struct, frozen=True):
    """The end of a function."""

    value: Expr | None
    line: int


class Jump(Struct, frozen=True):
    """``break`` or ``continue``."""

    kind: str
    line: int


class Block(Struct, frozen=True):
    """Statements in a row."""

    body: tuple[Stmt, ...]
    line: int


Stmt: TypeAlias = Declaration | Do | If | Loop | Return | Jump | Block


class Function(Struct, frozen=True):
    """A function or method (``owner`` is its class, "" for a plain function)."""

    name: str
    owner: str
    returns: str
    params: tuple[Declaration, ...]
    body: tuple[Stmt, ...]
    line: int


class Unit(Struct, frozen=True):
    """What one text of C, C++ or CUDA defines.

    ``classes`` maps the name of a class or struct to its members by name; ``broken`` are the lines that the grammar
    doesn't know.
    """

    functions: Mapping[tuple[str, str], Function] = field(default_factory=dict)
    classes: Mapping[str, Mapping[str, Declaration]] = field(default_factory=dict)
    globals: tuple[Declaration, ...] = ()
    bound: Mapping[str, str] = field(default_factory=dict)
    broken: tuple[int, ...] = ()
