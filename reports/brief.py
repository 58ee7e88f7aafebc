"""Short forms of our own prose, and how many words a reader meets before opening anything."""

from __future__ import annotations

import re

from auditor.regex import regex

_SENTENCE = regex(r"(?<=[.!?])\s+(?=[A-Z0-9#\"'(])")
_ENOUGH = 12  # words; a shorter first sentence says too little alone
_DETAILS = regex(r"^(<details>.*|</details>)$", re.MULTILINE)


def sentence(text: str) -> str:
    """Return the first sentence of some prose of ours, with the second where the first says too little alone."""
    out = ""
    for part in _SENTENCE.split(text.strip()):
        out = f"{out} {part}".strip()
        if len(out.split()) >= _ENOUGH:
            break
    return out


def words_shown(comment: str) -> int:
    """Return how many words of a comment lie outside of its ``<details>``, counted as ``wc -w`` counts them."""
    count = deep = 0
    for line in comment.split("\n"):
        if _DETAILS.match(line):
            deep += 1 if line.startswith("<details>") else -1
        elif deep == 0:
            count += len(line.split())
    return count
