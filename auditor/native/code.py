"""The small form of C, C++ and CUDA text that is followed: functions, statements and expressions with lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Num:
    """A constant; ``value`` is None where it is no whole number."""

    value: int | None
    line: int


@dataclass(frozen=True, slots=True)
class Name:
    """A variable, a member of the object at hand, a constant or a function."""

    id: str
    line: int


@dataclass(frozen=True, slots=True)
class Index:
    """``base[at]``."""

    base: Expr
    at: Expr
    line: int


@dataclass(frozen=True, slots=True)
class Field:
    """``base.name`` or, with ``arrow``, ``base->name``."""

    base: Expr
    name: str
    arrow: bool
    line: int


@dataclass(frozen=True, slots=True)
class Deref:
    """``*value``."""

    value: Expr
    line: int


@dataclass(frozen=True, slots=True)
class AddressOf:
    """``&value``."""

    value: Expr
    line: int


@dataclass(frozen=True, slots=True)
class Call:
    """A call by name, of a method when there is a ``receiver``."""

    name: str
    args: tuple[Expr, ...]
    receiver: Expr | None
    arrow: bool
    line: int


@dataclass(frozen=True, slots=True)
class Binary:
    """An operation on two values; ``op`` as in the source."""

    op: str
    left: Expr
    right: Expr
    line: int


@dataclass(frozen=True, slots=True)
class Unary:
    """``-``, ``+``, ``!`` or ``~`` of a value."""

    op: str
    value: Expr
    line: int


@dataclass(frozen=True, slots=True)
class Assign:
    """``target op value``; ``op`` is "" for a plain assignment, else the operation before the sign of equality."""

    op: str
    target: Expr
    value: Expr
    line: int


@dataclass(frozen=True, slots=True)
class Choice:
    """``test ? yes : no``."""

    test: Expr
    yes: Expr
    no: Expr
    line: int


@dataclass(frozen=True, slots=True)
class Cast:
    """A value as another type; ``type`` is its bare name."""

    type: str
    value: Expr
    line: int


@dataclass(frozen=True, slots=True)
class Items:
    """A braced list of values, or several values in a row (a comma expression)."""

    values: tuple[Expr, ...]
    line: int


@dataclass(frozen=True, slots=True)
class New:
    """A new object or array of ``type``."""

    type: str
    args: tuple[Expr, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Opaque:
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


@dataclass(frozen=True, slots=True)
class Declaration:
    """A variable: its type's bare name, how it is declared (pointer, array, reference) and its first value."""

    name: str
    type: str
    pointer: bool
    array: bool
    reference: bool
    constant: bool
    value: Expr | None
    line: int


@dataclass(frozen=True, slots=True)
class Do:
    """An expression that is evaluated for what it does."""

    value: Expr
    line: int


@dataclass(frozen=True, slots=True)
class If:
    """A condition with its two branches."""

    test: Expr
    yes: tuple[Stmt, ...]
    no: tuple[Stmt, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop of any kind: what comes before it, its condition, its step, its body."""

    before: tuple[Stmt, ...]
    test: Expr | None
    step: Expr | None
    body: tuple[Stmt, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Return:
    """The end of a function."""

    value: Expr | None
    line: int


@dataclass(frozen=True, slots=True)
class Jump:
    """``break`` or ``continue``."""

    kind: str
    line: int


@dataclass(frozen=True, slots=True)
class Block:
    """Statements in a row."""

    body: tuple[Stmt, ...]
    line: int


Stmt: TypeAlias = Declaration | Do | If | Loop | Return | Jump | Block


@dataclass(frozen=True)
class Function:
    """A function or method (``owner`` is its class, "" for a plain function)."""

    name: str
    owner: str
    returns: str
    params: tuple[Declaration, ...]
    body: tuple[Stmt, ...]
    line: int


@dataclass(frozen=True)
class Unit:
    """What one text of C, C++ or CUDA defines.

    ``classes`` maps the name of a class or struct to its members by name; ``broken`` are the lines that the grammar
    doesn't know.
    """

    functions: Mapping[tuple[str, str], Function] = field(default_factory=dict)
    classes: Mapping[str, Mapping[str, Declaration]] = field(default_factory=dict)
    globals: tuple[Declaration, ...] = ()
    bound: Mapping[str, str] = field(default_factory=dict)
    broken: tuple[int, ...] = ()
