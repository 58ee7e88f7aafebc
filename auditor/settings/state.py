"""Variables while shell text is walked, and what is left of them where several ways meet."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from auditor.settings.expansion import UNKNOWN, expand_value
from auditor.settings.syntax import Piece, Word


class Assigned(Struct, frozen=True):
    """A value and where it was given."""

    value: str
    path: str
    line: int


Given: TypeAlias = Assigned | tuple[str, ...]


class State(Struct):
    """What a walk knows at one place: variables, which of them programs get, and the arguments."""

    variables: dict[str, Given]
    exported: set[str]
    exports_all: bool
    path: str
    positional: tuple[str, ...] = ()
    given_positional: bool = False  # inside a function: what is missing is empty, not unknown
    depth: int = 0
    round: int = 0
    folder: str = ""  # where it stands, from where the text starts
    called: tuple[str, int] | None = None  # inside a function: where its arguments stand
    asks: bool = False  # outside of functions: the arguments are not known, rather than left out

    def fork(self) -> State:
        """Return a copy that can go another way."""
        return replace(self, variables=dict(self.variables), exported=set(self.exported))

    def environment(self) -> dict[str, Assigned]:
        """Return what a program that is started here gets."""
        return {
            name: value
            for name, value in self.variables.items()
            if name in self.exported and isinstance(value, Assigned)
        }

    def read(self, piece: Piece) -> tuple[str, ...]:
        """Return a variable's value, several of an array; what is not known is :data:`UNKNOWN`."""
        name = piece.text
        found: tuple[str, ...] | None
        if name in ("@", "*", "@[@]"):
            found = self.positional if self.given_positional else (UNKNOWN,)
        elif name.isdigit():
            index = int(name) - 1 if len(name) < 4 else -1
            found = (self.positional[index],) if 0 <= index < len(self.positional) else None
            if found is None and self.given_positional:
                found = ("",)
            elif found is None and self.asks and index >= 0:
                found = (UNKNOWN,)
        elif name.endswith("[@]"):
            value = self.variables.get(name[:-3])
            found = value if isinstance(value, tuple) else (value.value,) if value else None
        else:
            value = self.variables.get(name)
            plain = (value.value,) if isinstance(value, Assigned) else None
            found = value[:1] if isinstance(value, tuple) else plain
        return self._or_alternative(piece, found)

    def given(self, word: Word, line: int) -> Assigned:
        """Return what stands on the right of ``=``; what only passes a variable on (``A="$A"``) keeps its place."""
        value = expand_value(word, self.read)
        first = word[0] if len(word) == 1 and word[0].kind == "variable" and not word[0].operator else None
        held = self.variables.get(first.text) if first is not None else None
        if isinstance(held, Assigned) and held.value == value and held.line:
            return held
        return Assigned(value, self.path, line)

    def _or_alternative(self, piece: Piece, found: tuple[str, ...] | None) -> tuple[str, ...]:
        if not piece.operator or piece.operator.endswith("?"):
            return (UNKNOWN,) if found is None else found
        colon = piece.operator.startswith(":")
        missing = found is None or (colon and found in ((), ("",)))
        if piece.operator.endswith("+"):
            return ("",) if missing else (expand_value(piece.alternative, self.read),)
        if not missing and found is not None:
            return found
        value = expand_value(piece.alternative, self.read)
        if piece.operator.endswith("="):
            self.variables[piece.text] = Assigned(value, self.path, 0)
        return (value,)


def assign(state: State, name: str, value: Given, append: bool) -> None:
    """Set a variable, or append to it."""
    before = state.variables.get(name)
    if append and isinstance(before, tuple) and isinstance(value, tuple):
        value = (before + value)[:400]
    elif append and isinstance(before, Assigned) and isinstance(value, Assigned):
        value = replace(value, value=(before.value + value.value)[:4096])
    state.variables[name] = value


def adopt(state: State, other: State) -> None:
    """Let ``state`` know what ``other`` does."""
    state.variables = other.variables
    state.exported = other.exported


def join_ways(state: State, ways: list[State | None]) -> State | None:
    """Continue with what the ways that did not leave agree on."""
    left = [way for way in ways if way is not None]
    if not left:
        return None
    if len(left) > 1 or left[0] is not state:
        adopt(state, agreed(left))
    return state


def agreed(ways: list[State]) -> State:
    """Return what several ways agree on; the rest is unknown."""
    first, *others = ways
    merged = first.fork()
    mine = merged.variables
    for other in others:
        theirs = other.variables
        changed = [name for name, value in mine.items() if theirs.get(name) is not value]
        changed.extend(name for name in theirs if name not in mine)
        for name in changed:
            if _text(mine.get(name)) != _text(theirs.get(name)):
                mine[name] = Assigned(UNKNOWN, first.path, 0)
        merged.exported |= other.exported
    return merged


def _text(value: Given | None) -> object:
    return value.value if isinstance(value, Assigned) else value


def evaluated(words: list[str]) -> bool | None:
    """Return a test's result; None when it needs the machine or an unknown value."""
    if any(UNKNOWN in word for word in words):
        return None
    match words:
        case ["!", *rest]:
            result = evaluated(rest)
            return None if result is None else not result
        case ["-z", word]:
            return not word
        case [word] | ["-n", word]:
            return bool(word)
        case [left, "=" | "==" | "-eq", right]:
            return left == right if "*" not in right else None
        case [left, "!=" | "-ne", right]:
            return left != right if "*" not in right else None
    return None
