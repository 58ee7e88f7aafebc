"""Switches that a README sets in its sentences (`NAME=value`), outside any command."""

from __future__ import annotations

import re
from collections.abc import Mapping

from auditor.regex import regex
from auditor.submission.model import Override

_FENCE = regex(r"[ \t]{0,12}(?:`{3,}|~{3,})")
_MENTION = regex(r"`([A-Z][A-Z0-9_]{2,60})=([^\s`]{1,200})`")
_OTHERWISE = regex(
    r"\b(?:not?|never|without|instead|ablat\w*|baseline|earlier|previous\w*|old|would|could|can|may|if|optional\w*"
    r"|default\w*|disabl\w*|invalid|illegal|removed?|vs\.?|versus|compar\w*|worse|tried|legacy)\b",
    re.I,
)


_NUMBER = regex(r"(?<![\d.])\d\.\d{3,10}(?!\d)")


def told_with(text: str, path: str, score: float) -> Mapping[str, Override]:
    """Return the switches of :func:`mentioned` that stand on one line with ``score`` (bits per byte).

    A number is the score when it is the score rounded or cut to the number's own decimals, three at least.
    """
    lines = text.split("\n")
    return {
        name: override
        for name, override in mentioned(text, path).items()
        if any(_is_score(number, score) for number in _NUMBER.findall(lines[override.line - 1]))
    }


def _is_score(number: str, score: float) -> bool:
    step = 10.0 ** -len(number.partition(".")[2])
    return -step / 2 <= float(number) - score <= step / 2 or 0 <= score - float(number) < step


def mentioned(text: str, path: str) -> Mapping[str, Override]:
    """Return the switches that sentences of a README say were set, by name.

    Left out are those that a sentence speaks of otherwise (a default, an ablation, what was not done), and those
    that are given two values.
    """
    found: dict[str, Override] = {}
    contradicted: set[str] = set()
    fenced = False
    for number, line in enumerate(text.split("\n"), start=1):
        if _FENCE.match(line):
            fenced = not fenced
            continue
        if fenced or line.lstrip().startswith("|"):
            continue
        for match in _MENTION.finditer(line):
            name, value = match[1], match[2].strip("\"'")
            known = found.setdefault(name, Override(name, value, path, number))
            if known.value != value or _OTHERWISE.search(_MENTION.sub("", line)):
                contradicted.add(name)
    return {name: override for name, override in found.items() if name not in contradicted}
