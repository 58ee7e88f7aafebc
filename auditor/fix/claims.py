"""Correcting what submission.json and README say: one number, or one word, in its place; the rest of the line stays."""

from __future__ import annotations

import re

from auditor.case import Case
from auditor.evidence.claims import Claim
from auditor.fix.change import Edit
from auditor.program.source import Source
from auditor.program.unpack import decode_text
from auditor.regex import regex
from auditor.submission.model import Unread

LARGEST = 4 * 1024 * 1024  # bytes of a document that is changed
_NUMERAL = regex(r"(?<![\w.])-?\d{1,20}(?:,\d{3}){0,6}(?:\.\d{1,20})?(?!\w|\.\w|,\d)")


def document(case: Case, path: str) -> Source | None:
    """Return a text file of the submission, None when it can't be read."""
    try:
        return Source(path, decode_text(case.submission.tree.read(path, LARGEST))[0])
    except Unread:
        return None


def written(value: float, decimals: int) -> str:
    """Return a score as it is written: rounded to ``decimals``, without trailing zeros beyond the fourth."""
    whole, _, rest = f"{value:.{decimals}f}".partition(".")
    kept = rest.rstrip("0")
    return f"{whole}.{kept:0<{min(4, decimals)}}" if rest else whole


def corrected(case: Case, claim: Claim[float], value: str) -> Edit | None:
    """Return the edit that gives a claim another value; None unless it stands once, as claimed, on its line."""
    source = document(case, claim.path)
    if source is None or claim.line is None:
        return None
    line = source.line_text(claim.line)
    at = 0
    if claim.path == case.submission.metadata:
        key = re.search(rf'"{re.escape(claim.key.rpartition(".")[2])}"\s*:', line)
        if key is None:
            return None
        at = key.end()
    found = [m for m in _NUMERAL.finditer(line, at) if _is(m[0], claim)]
    if not found or (len(found) > 1 and not at):
        return None
    start = source.line_starts[claim.line - 1] + found[0].start()
    old = found[0][0]
    return None if old == value else Edit(claim.path, start, start + len(old), old, value)


def _is(text: str, claim: Claim[float]) -> bool:
    plain = text.replace(",", "")
    decimals = len(plain.partition(".")[2])
    return abs(float(plain) - claim.value) < 1e-12 and (not claim.decimals or decimals >= claim.decimals)


def denied(case: Case, claim: Claim[bool]) -> Edit | None:
    """Return the edit that makes a true claim of submission.json false."""
    source = document(case, claim.path)
    if source is None or claim.line is None:
        return None
    pattern = rf'"{re.escape(claim.key.rpartition(".")[2])}"\s*:\s*(true)\b'
    found = re.search(pattern, source.line_text(claim.line), re.IGNORECASE)
    if found is None:
        return None
    start = source.line_starts[claim.line - 1] + found.start(1)
    return Edit(claim.path, start, start + 4, found[1], "false")
