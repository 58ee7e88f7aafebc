"""The code beside a finding: the lines that decide and those that the data passes, with what lies around them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from auditor.finding import Finding
from auditor.program.source import Source
from auditor.report import Report

_AROUND = 3  # lines shown before and after each marked one
_MOST_DECISIVE = 30  # lines of one statement
_MOST_LINES = 400  # of one finding
_WIDTH = 200  # characters of one line


@dataclass(frozen=True)
class CodeLine:
    """One line: ``steps`` are the numbers of the steps that lie on it, ``width`` the characters to show.

    ``gap`` tells that lines are left out before it.
    """

    anchor: str
    number: int
    text: str
    decisive: bool
    steps: tuple[int, ...]
    gap: bool


@dataclass(frozen=True)
class CodeFile:
    """The lines shown of one file, or of one layer of a packed one."""

    path: str
    layer: int
    lines: tuple[CodeLine, ...]


def code_of(report: Report, finding: Finding, prefix: str) -> tuple[CodeFile, ...]:
    """Return the files that a finding touches, the decisive one first; ``prefix`` begins every anchor.

    Files that aren't at hand are left out.
    """
    decisive: dict[tuple[str, int], set[int]] = {}
    steps: dict[tuple[str, int], dict[int, list[int]]] = {}
    if finding.path is not None and finding.line is not None:
        last = min(max(finding.end_line or 0, finding.line), finding.line + _MOST_DECISIVE - 1)
        decisive[finding.path, finding.layer] = set(range(finding.line, last + 1))
    for number, step in enumerate(finding.trace, 1):
        steps.setdefault((step.path, step.layer), {}).setdefault(step.line, []).append(number)
    files: list[CodeFile] = []
    room = _MOST_LINES
    for key in dict.fromkeys((*decisive, *steps)):
        source = _source(report, *key)
        if source is None or room <= 0:
            continue
        marked = decisive.get(key, set())
        passed = steps.get(key, {})
        lines = tuple(_lines(source, marked, passed, prefix, room))
        if lines:
            files.append(CodeFile(*key, lines))
            room -= len(lines)
    return tuple(files)


def anchor(prefix: str, path: str, layer: int, line: int) -> str:
    """Return the id of a line on the page; it holds nothing of the path but a number that stands for it."""
    return f"{prefix}-{_mark(path)}-{layer}-{line}"


def _lines(
    source: Source, decisive: set[int], steps: dict[int, list[int]], prefix: str, room: int
) -> Iterator[CodeLine]:
    before = 0
    for number in _around((*decisive, *steps), len(source.line_starts))[:room]:
        yield CodeLine(
            anchor=anchor(prefix, source.path, source.layer, number),
            number=number,
            text=source.line_text(number).expandtabs(4)[: _WIDTH * 5],
            decisive=number in decisive,
            steps=tuple(steps.get(number, ())),
            gap=number != before + 1,
        )
        before = number


def _around(marked: Iterable[int], last: int) -> list[int]:
    numbers = {n for line in marked if 1 <= line <= last for n in range(line - _AROUND, line + _AROUND + 1)}
    return sorted(number for number in numbers if 1 <= number <= last)


def _source(report: Report, path: str, layer: int) -> Source | None:
    found = report.sources.get((path, layer))
    return found if found is not None or layer else report.cited.get(path)


def _mark(path: str) -> str:
    return "".join(char if char.isascii() and char.isalnum() else f"_{ord(char):x}_" for char in path[:80])
