"""Commands in Markdown: code blocks with the heading they stand under, and commands set in a sentence or unfenced."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from auditor.markdown import Element, code_spans, elements
from auditor.regex import regex

_BOLD = regex(r"\*\*([^*\n]{1,120})\*\*:?[ \t]*\Z")
_LEAD = regex(r"(.{1,120}):\Z")
_LAUNCH = regex(r"(?:torchrun|python3?|accelerate|bash|sh)\b[^`]{0,1000}\.(?:py|sh)\b|^make [\w-]+")
_ASSIGNMENT = r"[A-Z][A-Z0-9_]*=(?:[^\s\"']+|\"[^\"\n]{0,200}\"|'[^'\n]{0,200}')"
_ASSIGNMENTS = regex(rf"[ \t]*(?:bash|shell|sh|console)?{_ASSIGNMENT}(?:[ \t]+{_ASSIGNMENT}){{0,60}}[ \t]*")
_ASSIGNED = regex(rf"[ \t]*(?:bash|shell|sh|console)?{_ASSIGNMENT}")
_LAUNCHED = regex(
    rf"[ \t]*(?:{_ASSIGNMENT}[ \t]+){{0,60}}(?:bash|sh)?(?:torchrun|python3?|accelerate|env|nohup)[ \t].{{0,999}}\.py\b"
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
    """Yield the commands of a paragraph that lost its fence: assignments and lines that go on, then the launch."""
    group: list[str] = []
    for at, line in enumerate(element.text.split("\n") if _LAUNCH.search(element.text) else ()):
        going_on = line.rstrip().endswith("\\")
        if going_on or _ASSIGNMENTS.fullmatch(line):
            group.append(line if going_on else f"{line} \\")
            continue
        if (group or _ASSIGNED.match(line)) and any(map(_LAUNCHED.match, (*group, line))):
            code = "\n".join([*group, line])
            yield Block(code, element.line + at - len(group), "", heading, lead, "indented")
        group = []


def _lead(line: str) -> str:
    match = _BOLD.search(line) or _LEAD.match(line)
    return match[1].strip(_MARKS) if match else ""
