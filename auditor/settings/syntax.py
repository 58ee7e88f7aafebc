"""What shell text says, as data: commands, branches, loops and functions, with words still to be filled in."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct


class Piece(Struct, frozen=True):
    """Part of a word: fixed text, a variable with what replaces it when unset, or something unknowable."""

    kind: Literal["text", "variable", "unknown"]
    text: str = ""  # the text, the variable's name, or the command whose output isn't known
    quoted: bool = False
    operator: str = ""  # of ``${name<operator>alternative}``
    alternative: Word = ()


Word: TypeAlias = tuple[Piece, ...]


class Assignment(Struct, frozen=True):
    """``name=value``; ``items`` instead of ``value`` for an array, ``append`` for ``+=``."""

    name: str
    value: Word
    line: int
    append: bool = False
    items: tuple[Word, ...] | None = None


class Redirect(Struct, frozen=True):
    """``operator target`` (``> log.txt``, ``2>&1``); a file is written where the operator points outward."""

    operator: str
    target: Word


class Simple(Struct, frozen=True):
    """One command: assignments before it, its words, where its output goes, and the text that is fed to it."""

    assignments: tuple[Assignment, ...]
    words: tuple[Word, ...]
    line: int
    redirects: tuple[Redirect, ...] = ()
    heredocs: tuple[tuple[str, int], ...] = ()


class Declare(Struct, frozen=True):
    """``export``, ``declare`` and their kind: what they declare, as assignments or as words (names, options)."""

    keyword: str
    items: tuple[Assignment | Word, ...]
    line: int


class Test(Struct, frozen=True):
    """``[[ … ]]`` or ``[ … ]``; ``words`` is None when the condition is compound."""

    words: tuple[Word, ...] | None


class Loop(Struct, frozen=True):
    """``for`` (with ``items``) or ``while``/``until`` (without)."""

    variable: str | None
    items: tuple[Word, ...]
    body: Block
    line: int = 0


class Branch(Struct, frozen=True):
    """``if``: conditions with their blocks, then the ``else`` block."""

    arms: tuple[tuple[Block, Block], ...]
    otherwise: Block


class Case(Struct, frozen=True):
    """``case word in pattern) block ;; esac``."""

    word: Word
    arms: tuple[tuple[tuple[Word, ...], Block], ...]


class Function(Struct, frozen=True):
    """A function's definition."""

    name: str
    body: Block


class Group(Struct, frozen=True):
    """``{ … }`` or ``( … )``; a subshell's settings end with it."""

    body: Block
    subshell: bool


Node: TypeAlias = Simple | Declare | Test | Loop | Branch | Case | Function | Group
Block: TypeAlias = tuple[tuple[str, Node], ...]
"""Commands, each with what joins it to the one before: ``&&``, ``||``, ``|`` or ``;`` (anything else)."""
