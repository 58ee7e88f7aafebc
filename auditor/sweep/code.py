"""What a sweep remembers of a submission's code: enough to tell copies apart, too little to give the code away."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import TypedDict

from auditor.finding import Finding, Verdict
from auditor.program.source import Source
from auditor.regex import regex
from auditor.report import Report
from auditor.verdict import weigh

_ONE_IN = 16  # so many lines share one place in a sketch; the same ones in every submission
_MOST = 400  # of one sketch
_SHORTEST = 8  # characters; shorter lines are in every script
_MOST_LINES = 12  # of one finding
_DIGITS = regex(r"\d+(?:\.\d+)?")


class CodeMarks(TypedDict):
    """``sketch`` holds 32-bit hashes of every sixteenth line, chosen by its hash, sorted.

    ``lines`` holds per finding of the report the hash of its decisive lines; None where it doesn't count or has none.
    """

    sketch: list[int]
    lines: list[int | None]


def marks(report: Report) -> CodeMarks:
    """Return what is remembered of the code that a report is about."""
    lines = {_plain(line) for source in _innermost(report) for line in source.text.split("\n")}
    hashes = (_hash(line) for line in lines if len(line) >= _SHORTEST and not line.startswith("#"))
    sketch = sorted({mark for mark in hashes if mark % _ONE_IN == 0})
    return {"sketch": sketch[:_MOST], "lines": [_decisive(report, finding) for finding in report.findings]}


def _innermost(report: Report) -> Iterator[Source]:
    """Yield the last layer of every file: of a packed script, what is in it."""
    last: dict[str, Source] = {}
    for (path, layer), source in report.sources.items():
        if path not in last or layer > last[path].layer:
            last[path] = source
    yield from last.values()


def _decisive(report: Report, finding: Finding) -> int | None:
    if weigh(finding) not in (Verdict.FLAG, Verdict.HOLD) or finding.path is None or finding.line is None:
        return None
    source = report.sources.get((finding.path, finding.layer))
    if source is None:
        return None
    last = min(max(finding.end_line or 0, finding.line), finding.line + _MOST_LINES)
    text = " ".join(_plain(source.line_text(number)) for number in range(finding.line, last + 1))
    return _hash(_DIGITS.sub("0", text)) if text.strip() else None


def _plain(line: str) -> str:
    return " ".join(line.split())


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "backslashreplace"), digest_size=4).digest(), "big")
