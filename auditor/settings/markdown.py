"""Commands in Markdown: code blocks with the heading they stand under, and commands set in a sentence or unfenced."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from auditor.markdown import Element, code_spans, elements

_BOLD = re.compile(r"\*\*([^*\n]{1,120})\*\*:?[ \t]*\Z")
_LEAD = re.compile(r"(.{1,120}):\Z")
_LAUNCH = re.compile(r"(?:torchrun|python3?|accelerate|bash|sh)\b[^`]{0,1000}\.(?:py|sh)\b|^make [\w-]+")
_BEGINS = re.compile(
    r"\s*(?:(?:bash|shell|sh|console)?[A-Z][A-Z0-9_]*=\S|(?:bash|sh)?(?:torchrun|python3?|accelerate|env|nohup)\b)"
)
_MARKS = " *_`#-"


class Block(Struct, frozen=True):
    """Code in a document: its text, first line, language tag, and the nearest heading or lead-in above."""

    text: str
    line: int
    language: str
    heading: str
    lead: str  # the sentence or bold line just above, when it ends with a colon
    kind: Literal["fenced", "indented", "inline"]


def code_blocks(text: str) -> tuple[Block, ...]:
    """Return a document's fenced and indented blocks and its inline commands, in order."""
    return tuple(_blocks(elements(text)))


def _blocks(document: tuple[Element, ...]) -> Iterator[Block]:
    lead = ""
    for element in document:
        heading = element.heading.strip(" #*`")
        match element.kind:
            case "heading":
                lead = ""
            case "code":
                kind: Literal["fenced", "indented"] = "fenced" if element.fenced else "indented"
                yield Block(element.text, element.line, element.language, heading, lead, kind)
            case "text":
                lead = _lead(element.text.rstrip().rsplit("\n", 1)[-1].strip())
                yield from _unfenced(element, heading, lead)
                yield from _inline(element, heading, lead)
            case "row":
                yield from _inline(element, heading, element.cells[0].strip(_MARKS) if element.cells else "")


def _inline(element: Element, heading: str, lead: str) -> Iterator[Block]:
    if not _LAUNCH.search(element.text):
        return
    for code, below in code_spans(element.text):
        if _LAUNCH.search(code):
            yield Block(code, element.line + below, "", heading, lead, "inline")


def _unfenced(element: Element, heading: str, lead: str) -> Iterator[Block]:
    """Yield the commands of a paragraph that lost its fence: lines that go on with a backslash, up to a launch."""
    lines = element.text.split("\n") if "\\\n" in element.text and _LAUNCH.search(element.text) else []
    first = 0
    for at, line in enumerate(lines):
        if line.rstrip().endswith("\\"):
            continue
        code = "\n".join(lines[first : at + 1])
        if at > first and _BEGINS.match(code) and _LAUNCH.search(code):
            yield Block(code, element.line + first, "", heading, lead, "indented")
        first = at + 1


def _lead(line: str) -> str:
    match = _BOLD.search(line) or _LEAD.match(line)
    return match[1].strip(_MARKS) if match else ""
