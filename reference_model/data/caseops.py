"""CaseOps: capital letters as operators, so that a word has one spelling and a tokenizer one piece for it (#1855).

The transform is a bijection on text. Within a run of ASCII letters, ``TITLE`` raises the next letter, ``ALLCAPS`` the
whole run, ``CAPNEXT`` one letter further on; ``ESC`` marks one of the four characters that was in the text itself. A
score still counts the bytes of the text as it was: operators have none.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

TITLE, ALLCAPS, CAPNEXT, ESC = "\ue001", "\ue002", "\ue003", "\ue004"
OPERATORS = (TITLE, ALLCAPS, CAPNEXT, ESC)

_ANY = "".join(OPERATORS)
_TO_ENCODE = re.compile(f"[A-Za-z]+|[{_ANY}]")
_TO_DECODE = re.compile(f"{ESC}([{_ANY}])|{ALLCAPS}([a-z]+)|[{TITLE}{CAPNEXT}]([a-z])")


def encode(text: str) -> str:
    """Return ``text`` with its ASCII capitals as operators and small letters."""
    return _TO_ENCODE.sub(lambda found: _encode_run(found.group()), text)


def decode(text: str) -> str:
    """Return the text that :func:`encode` made ``text`` from."""
    return _TO_DECODE.sub(lambda found: found.group(1) or (found.group(2) or found.group(3)).upper(), text)


def original_bytes(encoded: str, widths: Sequence[int]) -> list[int]:
    """Return, for parts of ``encoded`` of so many bytes each, the bytes of the original text that they stand for."""
    before = [0]  # bytes of the original before each byte of the encoded text
    escaped = False
    for character in encoded:
        operator = character in _ANY and not escaped
        escaped = operator and character == ESC
        before += [before[-1] + (0 if operator else byte) for byte in range(1, len(character.encode()) + 1)]
    ends = list(itertools.accumulate(widths, initial=0))
    return [before[stop] - before[start] for start, stop in itertools.pairwise(ends)]


def _encode_run(run: str) -> str:
    if run in OPERATORS:
        return ESC + run
    if len(run) > 1 and run.isupper():
        return ALLCAPS + run.lower()
    first = TITLE + run[0].lower() if run[0].isupper() else run[0]
    return first + "".join(CAPNEXT + letter.lower() if letter.isupper() else letter for letter in run[1:])
