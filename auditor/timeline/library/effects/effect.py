"""What a call of a library does to the values that go in and come out: the words in which the tables are written."""

from __future__ import annotations

from enum import Enum, auto
from typing import TypeAlias


class Effect(Enum):
    """One effect. What has none of them in the tables is not known: its result is opaque (see ``engine.escapes``)."""

    PURE = auto()  # the result is made from the arguments; nothing is changed
    VIEW = auto()  # the result is the first argument or receiver, or a part of it, in another form
    SHAPE = auto()  # the result tells how many, of which kind or where, not what: nothing of the values
    FRESH = auto()  # the result is new and made from nothing
    RANDOM = auto()  # the result is drawn at random
    IN_PLACE = auto()  # the first argument or receiver is changed, by nothing but the other arguments
    MAKES = auto()  # an object of the library that holds the arguments and does nothing by itself
    CONTEXT = auto()  # something to enter, or the mark of a place on a device; the arguments stay as they are
    STATE = auto()  # the state of the process or the library is set or waited for; the arguments stay as they are
    READS = auto()  # the result is what a file (or the network) holds
    WRITES = auto()  # the arguments are written to a file and stay as they are
    TOLD = auto()  # the arguments are told to people: printed, logged, drawn


Rows: TypeAlias = "dict[str, Effect]"


def rows(effect: Effect, where: str, names: str) -> Rows:
    """Return a row for each of ``names`` (words) of the module ``where`` ("": a builtin; "*": a method)."""
    head = f"{where}." if where else ""
    return {f"{head}{name}": effect for name in names.split()}


def table(*parts: Rows) -> Rows:
    """Return ``parts`` as one table; of two rows for one call the first one holds."""
    out: Rows = {}
    for part in reversed(parts):
        out |= part
    return out
