"""Starts that broke off in a log that was appended to: what they print is not of the run that scored."""

from __future__ import annotations

import re
from itertools import pairwise

from auditor.regex import regex

_FEWEST = 5  # names that a block of hyper-parameters has
_SAME = 0.8  # of the names of two blocks, when one program printed both
_BLOCK = 400  # lines of a block that are looked at
_LINES = re.MULTILINE | re.IGNORECASE
_SEED = regex(rb"^[ \t]{0,8}(?:\w{1,40}\.)?seed[ \t]?[:=][ \t]?\d{1,10}[ \t\r]*$", _LINES)
_DUMPED = regex(rb"[ \t]{0,8}(?P<name>[A-Za-z_][\w.]{0,60})[ \t]?[:=][ \t]?\S")
_SCORED = regex(rb"^(?![ \t]*(?:step[ :=]*)?\[?\d{1,7}/\d{1,7})[^\n]{0,200}bpb", _LINES)  # but for the steps' own lines
_TRAINED = regex(rb"train_loss|stopping_early")


def broken_off(data: bytes) -> int:
    """Return how many lines at a log's beginning are of starts that ended before a score was printed.

    A start is a block of ``name: value`` lines with a seed among them; it broke off where the same block stands again,
    trains again, and nothing but scores of steps lies before it. 0 for a log that was begun once.
    """
    seeds = [match.start() for match in _SEED.finditer(data)]
    if len(seeds) < 2:
        return 0
    blocks = {start: names for start, names in (_block(data, at) for at in seeds) if len(names) >= _FEWEST}
    again = 0
    for (_, names), (start, later) in pairwise(blocks.items()):
        if len(names & later) < _SAME * len(names | later):
            continue
        if _SCORED.search(data, 0, start) is not None or _TRAINED.search(data, start) is None:
            break
        again = start
    return data.count(b"\n", 0, again)


def _block(data: bytes, at: int) -> tuple[int, frozenset[bytes]]:
    """Return where the block of settings around a place begins, and the names in it."""
    names: set[bytes] = set()
    start = at
    for _ in range(_BLOCK):
        before = data.rfind(b"\n", 0, max(start - 1, 0)) + 1
        named = _DUMPED.match(data, before)
        if start == 0 or named is None:
            break
        names.add(named["name"])
        start = before
    end = at
    for _ in range(_BLOCK):
        named = _DUMPED.match(data, end)
        if named is None:
            break
        names.add(named["name"])
        end = data.find(b"\n", end) + 1
        if end == 0:
            break
    return start, frozenset(names)
