"""The lines of a submission that a report quotes."""

from __future__ import annotations

from dataclasses import dataclass

from auditor.report import Report

_AROUND = 1  # lines shown before and after the decisive one


@dataclass(frozen=True)
class QuotedLine:
    """One line as it stands in the source (unescaped), and whether it is the decisive one."""

    number: int
    text: str
    decisive: bool


def excerpt(report: Report, path: str | None, line: int | None, layer: int) -> tuple[QuotedLine, ...]:
    """Return the line and its neighbours without their common indentation; empty when there is no line."""
    source = report.sources.get((path, layer)) if path is not None else None
    if source is None or line is None or not 1 <= line <= len(source.line_starts):
        return ()
    numbers = range(max(1, line - _AROUND), min(len(source.line_starts), line + _AROUND) + 1)
    texts = {number: source.line_text(number).expandtabs(4) for number in numbers}
    indents = [len(text) - len(text.lstrip(" ")) for text in texts.values() if text.strip()]
    margin = min(indents, default=0)
    return tuple(QuotedLine(number, text[margin:], number == line) for number, text in texts.items())


def place(path: str | None, line: int | None, layer: int = 0) -> str:
    """Return ``path:line``, with the layer of a packed script where it isn't the file itself."""
    if path is None:
        return ""
    where = path if line is None else f"{path}:{line}"
    return f"{where} (layer {layer})" if layer else where
