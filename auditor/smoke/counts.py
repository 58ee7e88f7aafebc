"""How many parameters the logs say that the model has."""

from __future__ import annotations

import re
from collections.abc import Sequence

from auditor.regex import regex
from auditor.submission.model import Submission, Unread

_MAX_LOG = 4 << 20  # bytes of a log's beginning
_PRINTED = regex(
    r"(?:(?<!\w)(?:(?:model|total|n|num)[_ ]){1,2}|(?<!\w)(?<![A-Za-z]\s))param(?:eter)?s?(?:_count)?\s{0,3}[:=]\s{0,3}"
    r"(\d{1,3}(?:[,_]\d{3}){1,4}|\d{5,12})(?![\d.,]*[MKB%])\b",
    re.I,
)
_LEAST, _LONG = 100_000, 2000  # parameters of a model; characters of a line


def logged_parameters(submission: Submission, logs: Sequence[str]) -> dict[int, str]:
    """Return every whole-model count that the logs print, with the place (``path:line``) of its first."""
    found: dict[int, str] = {}
    for path in logs[:12]:
        try:
            data = submission.tree.read(path, 64 << 20)[:_MAX_LOG]
        except Unread:
            continue  # the evidence room reports it
        for count, number in printed_parameters(data.decode("utf-8", "replace")).items():
            found.setdefault(count, f"{path}:{number}")
    return found


def printed_parameters(text: str) -> dict[int, int]:
    """Return every whole-model count that a text prints, with the line of its first."""
    found: dict[int, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > _LONG or "param" not in line.lower():
            continue
        for match in _PRINTED.finditer(line):
            count = int(re.sub("[,_]", "", match[1]))
            if count >= _LEAST:
                found.setdefault(count, number)
    return found
