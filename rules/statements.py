"""What a submission says of itself in words: the lines of its README and the texts of its metadata."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from auditor.case import Case
from auditor.regex import regex
from auditor.submission.model import Unread

_LARGEST = 16_000_000  # bytes, as for the claims that are read from it
_LONGEST = 2_000  # characters of a line that are looked at
_MOST = 5_000  # lines
_NEGATION = regex(r"\b(?:no|not|never|none|without|unlike|instead of|isn't|wasn't|weren't|doesn't|don't)\b", re.I)


class Statement(Struct, frozen=True):
    """One line of a document."""

    path: str
    line: int | None
    text: str


def statements(case: Case) -> Iterator[Statement]:
    """Yield the lines of the README, then the texts of the metadata; nothing where they can't be read."""
    readme = case.submission.readme
    if readme is not None:
        try:
            data = case.submission.tree.read(readme, _LARGEST)
        except Unread:
            data = b""  # the reader of the submission has noted it as a problem
        for number, text in enumerate(data.decode("utf-8", "replace").splitlines()[:_MOST], start=1):
            yield Statement(readme, number, text[:_LONGEST])
    for claim in case.evidence.metadata.texts:
        yield Statement(claim.path, claim.line, claim.value[:_LONGEST])


def says(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    """Return the first match in a sentence that doesn't deny it before, else None."""
    for match in pattern.finditer(text):
        start = max(text.rfind(mark, 0, match.start()) for mark in (". ", "; ", "|"))
        if not _NEGATION.search(text[max(start, 0) : match.end()]):
            return match
    return None
