"""What is certain about a payload: none or not, true or false, and which constants mean something."""

from __future__ import annotations

import math

from auditor.timeline.values.folding import split_of_word, string_origins
from auditor.timeline.values.payloads import SOME, Either, Heap, Known, Later, Payload, Tup, Value

LN2 = math.log(2.0)


def is_none(payload: Payload) -> bool:
    """Return whether a payload is certainly None."""
    return isinstance(payload, Known) and payload.v is None


def none_ness(payload: Payload) -> bool | None:
    """Return True for None, False for something else, None when unknown."""
    if payload is None:
        return None
    if isinstance(payload, Known):
        return payload.v is None
    if isinstance(payload, Either):
        found = {none_ness(option) for option in payload.options}
        return found.pop() if len(found) == 1 else None
    return False


def truthiness(payload: Payload) -> bool | None:
    """Return whether a payload is true, false or (None) open."""
    if payload is None or payload is SOME:
        return None
    if isinstance(payload, Known):
        return bool(payload.v)
    if isinstance(payload, Tup):
        return bool(payload.items)
    if isinstance(payload, Either):
        found = {truthiness(option) for option in payload.options}
        return found.pop() if len(found) == 1 else None
    if isinstance(payload, Heap):
        if payload.kind == "list" and payload.items is not None:
            return bool(payload.items)
        if payload.kind in ("list", "dict", "parameter"):
            return None
        return True
    return True


def past_first(op: str, left: Payload, right: Payload) -> Payload:
    """Return what comparing a later iteration's number with a constant gives, None when that is open."""
    if not isinstance(left, Later) or not isinstance(right, Known) or not isinstance(right.v, int):
        return None
    return Known(op in ("!=", ">")) if right.v <= left.first else None


def loose_wildcard(value: Value) -> int:
    """Return the splits that a piece of a pattern names only because its wildcard fits every file.

    The pattern that it becomes a part of (``*train*`` and ``*.bin``) says which files are meant.
    """
    p = value.p
    if type(p) is Known and type(p.v) is str and "*" in p.v and split_of_word(p.v) == 0:
        return value.m & string_origins(p.v)
    return 0
