"""The lines of a submission that a report quotes."""

from __future__ import annotations

from msgspec import Struct

from auditor.program.source import Source
from auditor.report import Report

_AROUND = 1  # lines shown before and after the decisive ones
_MOST = 8  # decisive lines shown of a statement that spans more


class QuotedLine(Struct, frozen=True):
    """One line as it stands in the source (unescaped), and whether it is a decisive one."""

    number: int
    text: str
    decisive: bool


def excerpt(
    report: Report, path: str | None, line: int | None, layer: int, end_line: int | None = None, around: int = _AROUND
) -> tuple[QuotedLine, ...]:
    """Return the lines from ``line`` to ``end_line`` and ``around`` more on each side, without common indentation.

    It is empty when there is no such line; of a long statement the first lines are shown.
    """
    source = _source(report, path, layer)
    if source is None or line is None or not 1 <= line <= len(source.line_starts):
        return ()
    last = min(max(line, end_line or line), line + _MOST - 1, len(source.line_starts))
    numbers = range(max(1, line - around), min(len(source.line_starts), last + around) + 1)
    texts = {number: source.line_text(number).expandtabs(4) for number in numbers}
    indents = [len(text) - len(text.lstrip(" ")) for text in texts.values() if text.strip()]
    margin = min(indents, default=0)
    return tuple(QuotedLine(number, text[margin:], line <= number <= last) for number, text in texts.items())


def one_line(report: Report, path: str, line: int, layer: int) -> str:
    """Return one line's text without outer white space; empty when it isn't at hand."""
    source = _source(report, path, layer)
    return source.line_text(line).strip() if source is not None else ""


def place(path: str | None, line: int | None, layer: int = 0) -> str:
    """Return ``path:line``, with the layer of a packed script where it isn't the file itself."""
    if path is None:
        return ""
    where = path if line is None else f"{path}:{line}"
    return f"{where} (layer {layer})" if layer else where


def _source(report: Report, path: str | None, layer: int) -> Source | None:
    if path is None:
        return None
    found = report.sources.get((path, layer))
    return found if found is not None or layer else report.cited.get(path)
