"""Long runs of adjacent string literals, one to a line: data kept in a script. They are one literal, not nesting.

The native parser nests once for each of them and gives up at a few thousand. So it is shown the first one of a run;
the others are blanked out, which moves nothing, and the lowering puts the whole text in their place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from auditor.program.literals import string_value
from auditor.regex import regex

_LITERAL = r"""[ \t]*+(?:"(?:[^"\\\r\n]|\\[^\r\n])*+"|'(?:[^'\\\r\n]|\\[^\r\n])*+')"""
_RUN = regex(rf"^{_LITERAL}(?:[ \t]*+\r?\n{_LITERAL}){{63,}}+", re.MULTILINE)
_ONE = regex(_LITERAL)


class Joined(NamedTuple):
    """What stands at the first literal of a run: the value of them all, and where the last one ends."""

    value: str
    end: int


def join_strings(text: str) -> tuple[str, Mapping[int, Joined]]:
    """Return ``text`` with all but the first literal of each run blanked out, and the runs by their first offset.

    Raises :class:`~auditor.program.literals.BadLiteralError` for an escape that Python refuses.
    """
    runs: dict[int, Joined] = {}
    if text.count("\n") < 64:
        return text, runs
    pieces: list[str] = []
    at = 0
    for run in _RUN.finditer(text):
        literals = [match.group().lstrip() for match in _ONE.finditer(run.group())]
        first = run.start() + len(run.group()) - len(run.group().lstrip())
        kept = first + len(literals[0])
        value = "".join(str(string_value(literal)) for literal in literals)
        runs[first] = Joined(value, run.end())
        pieces += [text[at:kept], re.sub(r"[^\r\n]", " ", text[kept : run.end()])]
        at = run.end()
    return "".join([*pieces, text[at:]]) if runs else text, runs
