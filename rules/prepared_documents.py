"""Validation documents that training shards were cut with, as a submission's own texts and commands say."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from auditor.case import Case
from auditor.regex import regex
from auditor.submission.model import Unread

_LARGEST = 1_000_000  # bytes of a document
_MOST = 40  # documents
_LONGEST = 2_000  # characters of a line
_OPTION = regex(r"(?<![\w-])(?:--)?val[-_]docs[= \"'`]{1,3}(?P<count>\d{1,3}(?:[,_]\d{3})+|\d{3,6}|\d{1,3}k)\b", re.I)
_OTHERWISE = regex(
    r"\b(?:no|not|never|don't|instead|unlike|avoid\w*|would|wrong\w*|bug\w*|fix\w*|buggy|overlap\w*|leak\w*)\b", re.I
)
_SENTENCE = regex(r"(?<=[.;!?])\s+(?=[A-Z(])")
# What is said of such a count must be about the shards that were trained on.
_TRAINED = regex(r"\btrain\w*\b|\brebuil\w*|\bbuil[dt]\b|\bprepar\w*|\bshards?\b|^\s*(?:python|bash|\$|>)", re.I)


class Cut(Struct, frozen=True):
    """The place that says with how many validation documents the training shards were cut."""

    count: int
    path: str
    line: int
    text: str


def cuts(case: Case) -> Iterator[Cut]:
    """Yield what documents and run scripts of the folder say, denials and corrections left out."""
    tree = case.submission.tree
    texts = [path for path in tree.paths() if path.endswith((".md", ".txt")) and path not in case.submission.logs]
    for path in [*texts, *case.submission.shells][:_MOST]:
        try:
            text = tree.read(path, _LARGEST).decode("utf-8", "replace")
        except Unread:
            continue  # the reader of the submission has noted it as a problem
        for number, line in enumerate(text.splitlines(), start=1):
            for sentence in _SENTENCE.split(line[:_LONGEST]):
                found = list(_OPTION.finditer(sentence))
                if found and _TRAINED.search(sentence) and not _OTHERWISE.search(sentence):
                    most = max(found, key=_count)  # of a count and what it replaces
                    yield Cut(_count(most), path, number, most[0])


def _count(match: re.Match[str]) -> int:
    digits = match["count"].lower().replace(",", "").replace("_", "")
    return int(digits[:-1]) * 1000 if digits.endswith("k") else int(digits)
