"""Commands in Markdown: code blocks with the heading they stand under, and commands set in a sentence."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FENCE = re.compile(r"[ \t]{0,12}(?:[-*>][ \t]{1,4})?(`{3,}|~{3,})[ \t]*([\w+-]*)")
_HEADING = re.compile(r"#{1,6}[ \t]+(.{1,200})")
_BOLD = re.compile(r"\*\*([^*\n]{1,120})\*\*:?[ \t]*\Z")
_LEAD = re.compile(r"(.{1,120}):\Z")
_INLINE = re.compile(r"(?<!`)(`{1,3})(?!`)([^`\n]{8,4000})\1")
_LAUNCH = re.compile(r"(?:torchrun|python3?|accelerate|bash|sh)\b[^`]{0,1000}\.(?:py|sh)\b")


@dataclass(frozen=True)
class Block:
    """Code in a document: its text, first line, language tag, and the nearest heading or lead-in above."""

    text: str
    line: int
    language: str
    heading: str
    lead: str  # the sentence or bold line just above, when it ends with a colon
    kind: str  # "fenced", "indented" or "inline"


def code_blocks(text: str) -> tuple[Block, ...]:
    """Return a document's fenced and indented blocks and its inline commands, in order."""
    blocks: list[Block] = []
    heading = lead = ""
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        line = lines[at].rstrip("\r")
        fence = _FENCE.match(line)
        if fence:
            close = at + 1
            while close < len(lines) and not lines[close].strip().startswith(fence[1]):
                close += 1
            body = "\n".join(lines[at + 1 : close])
            blocks.append(Block(body, at + 2, fence[2].lower(), heading, lead, "fenced"))
            at = close + 1
            continue
        if line.startswith(("    ", "\t")) and (at == 0 or not lines[at - 1].strip()):
            close = at
            while close < len(lines) and (lines[close].startswith(("    ", "\t")) or not lines[close].strip()):
                close += 1
            body = "\n".join(lines[at:close])
            blocks.append(Block(body, at + 1, "", heading, lead, "indented"))
            at = close
            continue
        title = _HEADING.match(line)
        if title:
            heading, lead = title[1].strip(" #*`"), ""
        elif line.strip():
            match = _BOLD.search(line.strip()) or _LEAD.match(line.strip())
            lead = match[1].strip(" *_`#-") if match else ""
            for inline in _INLINE.finditer(line):
                if _LAUNCH.search(inline[2]):
                    blocks.append(Block(inline[2], at + 1, "", heading, lead, "inline"))
        at += 1
    return tuple(blocks)
