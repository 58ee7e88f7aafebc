"""The pieces of f-strings, found in the text.

Python's tree has the expressions of an f-string with their places, but not where the text between them stands, and the
texts of adjacent literals are one in it. So the text is cut into its pieces here.
"""

from __future__ import annotations

import re
from typing import NamedTuple, TypeAlias

from auditor.program.from_ast.places import LostError, Places
from auditor.regex import regex

_PREFIX = regex(r"[A-Za-z]*")
_QUOTE = regex(r"\"{3}|'{3}|[\"']")
_REST = {
    '"': regex(r'(?:[^\\"]|\\.)*+"', re.DOTALL),
    "'": regex(r"(?:[^\\']|\\.)*+'", re.DOTALL),
    '"""': regex(r'(?:[^\\"]|\\.|"(?!""))*+"""', re.DOTALL),
    "'''": regex(r"(?:[^\\']|\\.|'(?!''))*+'''", re.DOTALL),
}
# A backslash hides no brace, except in the name of a character.
_RAW_TEXT = regex(r"""\\[^{}] | \{\{ | \}\} | [{}] | "{3} | '{3} | ["']""", re.VERBOSE | re.DOTALL)
_TEXT = regex(r"""\\N\{[^{}"'\r\n]*\} | """ + _RAW_TEXT.pattern, re.VERBOSE | re.DOTALL)
_SPEC = regex(r"[{}\\]")
_FIELD = regex(
    r"""\b(?:[rbuf]|r[bf]|[bf]r)(?=["']) | ["'] | [#][^\r\n]* | [\[({})\]] | [!=<>]= | [!:=]""",
    re.VERBOSE | re.IGNORECASE,
)
_ENDS = frozenset("}:!=")


class Literal(NamedTuple):
    """A plain literal beside f-strings, with its prefix and quotes."""

    start: int
    end: int


class Text(NamedTuple):
    """Literal text within an f-string, as it is written."""

    start: int
    end: int
    raw: bool


class Field(NamedTuple):
    """A replacement field: where its expression stands, and its equals sign (``{x = }``) when it has one.

    ``within`` are the fields of its format specification.
    """

    start: int
    end: int
    equals: int | None
    within: tuple[Field, ...]


Piece: TypeAlias = Literal | Text | Field


def pieces(places: Places, start: int, end: int) -> list[Piece]:
    """Return the pieces of the adjacent literals from ``start`` to ``end``; raises :class:`LostError`."""
    found: list[Piece] = []
    at = start
    while at < end:
        after = _literal(places, at, found)
        at = places.skip(after)
    if after != end:
        raise LostError
    return found


def _literal(places: Places, start: int, found: list[Piece] | None) -> int:
    """Add the pieces of one literal to ``found``, unless that is None; return where it ends."""
    text = places.text
    prefix: str = _PREFIX.match(text, start).group().lower()  # type: ignore[union-attr]  # matches ""
    opening = _QUOTE.match(text, start + len(prefix))
    if opening is None:
        raise LostError
    quote = opening.group()
    if "f" in prefix:
        return _formatted(places, opening.end(), quote, "r" in prefix, found)
    rest = _REST[quote].match(text, opening.end())
    if rest is None:
        raise LostError
    if found is not None:
        found.append(Literal(start, rest.end()))
    return rest.end()


def _formatted(places: Places, at: int, quote: str, raw: bool, found: list[Piece] | None) -> int:
    text = places.text
    begin = at
    events = _RAW_TEXT if raw else _TEXT
    while match := events.search(text, at):
        token = match.group()
        at = match.end()
        if token == "{" or token.startswith(quote):
            if found is not None and begin < match.start():
                found.append(Text(begin, match.start(), raw))
            if token != "{":
                return match.start() + len(quote)
            field, at = _field(places, at)
            begin = at
            if found is not None:
                found.append(field)
        elif token[0] in "\"'":
            at = match.start() + 1
    raise LostError


def _field(places: Places, start: int) -> tuple[Field, int]:
    """Return the field whose expression starts at ``start``, and where the text goes on."""
    text = places.text
    depth, at = 0, start
    while match := _FIELD.search(text, at):
        token = match.group()
        at = match.end()
        if token[0].isalpha() or token in "\"'":
            at = _literal(places, match.start(), None)
        elif token in "([{":
            depth += 1
        elif depth:
            depth -= token in ")]}"
        elif token in _ENDS:
            return _tail(places, start, match.start())
    raise LostError


def _tail(places: Places, start: int, end: int) -> tuple[Field, int]:
    text = places.text
    equals = end if text[end] == "=" else None
    at = places.skip(end + 1) if equals is not None else end
    if text[at] == "!":
        at = places.skip(places.skip(at + 1) + 1)  # the conversion is one letter
    within: list[Field] = []
    if text[at] == ":":
        at += 1
        while match := _SPEC.search(text, at):
            at = match.start()
            if match.group() != "{":
                break
            field, at = _field(places, at + 1)
            within.append(field)
    if text[at] != "}":
        raise LostError
    return Field(start, end, equals, tuple(within)), at + 1
