"""Starts that broke off in a log that was appended to: what they print is not of the run that scored."""

from __future__ import annotations

import re
from itertools import pairwise

from auditor.regex import regex

_FEWEST = 5  # names that a block of hyper-parameters has
_SAME = 0.8  # of the names of two blocks, when one program printed both
_BLOCK = 400  # lines of a block that are looked at
_LINES = re.MULTILINE | re.IGNORECASE
_PROCESS = regex(rb"\[[a-z]{1,10}\d{1,5}\]:")  # by which a launcher tells the lines of its processes apart
_PREFIX = rb"(?:" + _PROCESS.pattern + rb")?[ \t]{0,8}"
_SEED = regex(rb"^" + _PREFIX + rb"(?:\w{1,40}\.)?seed[ \t]?[:=][ \t]?\d{1,10}[ \t\r]*$", _LINES)
_DUMPED = regex(_PREFIX + rb"(?P<name>[A-Za-z_][\w.]{0,60})[ \t]?[:=][ \t]?\S")
_SCORED = regex(
    rb"^(?!" + _PREFIX + rb"(?:step[ :=]*)?\[?\d{1,7}/\d{1,7})[^\n]{0,200}bpb[^\n\d]{0,8}\d", _LINES
)  # but for the steps' own lines
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
        if len(names & later) < _SAME * min(len(names), len(later)):
            continue
        if _SCORED.search(data, 0, start) is not None or _TRAINED.search(data, start) is None:
            break
        again = start
    return data.count(b"\n", 0, again)


def _block(data: bytes, at: int) -> tuple[int, frozenset[bytes]]:
    """Return where the block of settings around a place begins, and the names in it."""
    names: set[bytes] = set()
    own = _process(data, at)
    start = before = at
    for _ in range(_BLOCK):
        if before == 0:
            break
        before = data.rfind(b"\n", 0, before - 1) + 1
        named = _DUMPED.match(data, before)
        if named is not None:
            names.add(named["name"])
            start = before
        elif _process(data, before) in (b"", own):
            break
    end = at
    for _ in range(_BLOCK):
        named = _DUMPED.match(data, end)
        if named is not None:
            names.add(named["name"])
        elif _process(data, end) in (b"", own):
            break
        end = data.find(b"\n", end) + 1
        if end == 0:
            break
    return start, frozenset(names)


def _process(data: bytes, at: int) -> bytes:
    """Return the prefix of the process that printed a line, b"" where it has none."""
    found = _PROCESS.match(data, at)
    return found[0] if found is not None else b""
