"""Hostile text made safe to show.

Everything quoted from a submission (names, paths, lines of code, what a log prints) passes through here:
characters that steer a terminal, reorder a line or hide are shown as ``<U+202E>``; lines that would never
end are cut; and in Markdown nothing can become markup, a mention, a reference or a link.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from auditor.regex import regex

# Letters and marks that show as nothing although their category doesn't say so (Default_Ignorable, blanks).
_INVISIBLE = frozenset(
    chr(code)
    for code in (
        *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x2800, 0x3164, 0xFFA0),
        *range(0xFE00, 0xFE10),
        *range(0xE0100, 0xE01F0),
    )
)
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})
_PLAIN = regex(r"[\x20-\x7e]*")
_MARKS_IN_A_ROW = 2  # more combining marks than this on one letter climb over the neighbouring lines
_TAB = "    "
# Markup wherever it stands; then what starts a list, heading or rule; then what GitHub links by itself.
_MARKUP = regex(r"[\\`*_\[\]<>&#|~$@]|^[-+=]|(?<=www)\.|(?<=GH)-|:(?=//)", re.IGNORECASE)
_NUMBERED = regex(r"(\d{1,9})([.)])(?= |$)")
_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
# A backslash stops Markdown, not GitHub's search for mentions, issues and addresses in the rendered
# text; an element between the parts does.
_LINKS = frozenset("@#:.")


def visible(text: str) -> str:
    """Return ``text`` on one line, with every character that a reader could not see spelled as ``<U+XXXX>``.

    That covers control characters (newlines too), bidirectional and zero-width ones, unassigned ones, spaces
    other than U+0020, and the third and later combining mark on one letter. A tab becomes four spaces.
    """
    return text if _PLAIN.fullmatch(text) else "".join(_units(text))


def cut(text: str, width: int) -> str:
    """Return :func:`visible` ``text`` in at most ``width`` characters; a cut is marked ``… [+N]``.

    N counts the characters of ``text`` that are not shown; the mark stands even where it is wider than that.
    """
    if len(text) <= width and len(shown := visible(text)) <= width:
        return shown
    room = width - len(f"… [+{len(text)}]")
    kept: list[str] = []
    # An endless line is not looked at beyond what fits.
    for unit in _units(text[: max(room, 0)]):
        if len(unit) > room:
            break
        kept.append(unit)
        room -= len(unit)
    return f"{''.join(kept)}… [+{len(text) - len(kept)}]"


class Markdown(str):
    """Text that is Markdown already; the templates print it as it is and escape everything else."""

    __slots__ = ()


def markdown(text: str) -> Markdown:
    """Return ``text`` as Markdown prose that shows as itself: no markup, HTML, mention or link."""
    # Leading blanks would make a code block.
    shown = _MARKUP.sub(_escape_one, visible(text).lstrip(" "))
    return Markdown(_NUMBERED.sub(r"\1\\\2", shown, count=1) if _NUMBERED.match(shown) else shown)


def code(text: str, width: int = 120) -> Markdown:
    """Return ``text`` as an inline code span, cut to ``width``; an empty text gives an empty span's dash."""
    shown = cut(text, width)
    if not shown.strip():
        return Markdown("–")
    ticks = "`" * (_longest_run(shown) + 1)
    pad = " " if shown[0] in "` " or shown[-1] in "` " else ""
    return Markdown(f"{ticks}{pad}{shown}{pad}{ticks}")


def quoting(text: str) -> Markdown:
    """Return a sentence of ours as prose, what it quotes in backticks as code; a lone backtick shows as itself."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return markdown(text)
    return Markdown("".join(code(part) if at % 2 else markdown_inside(part) for at, part in enumerate(parts)))


def markdown_inside(text: str) -> Markdown:
    """Return a piece of prose that doesn't begin a line."""
    return Markdown(_MARKUP.sub(_escape_one, visible(text)))


def fence(lines: Iterable[str], language: str = "") -> Markdown:
    """Return ``lines`` (visible already) as a fenced block that nothing inside can close."""
    body = "\n".join(lines)
    ticks = "`" * max(3, _longest_run(body) + 1)
    return Markdown(f"{ticks}{language}\n{body}\n{ticks}")


def _units(text: str) -> Iterable[str]:
    if _PLAIN.fullmatch(text):
        yield from text
        return
    marks = 0
    for char in text:
        marks = marks + 1 if unicodedata.combining(char) else 0
        if char == "\t":
            yield _TAB
        elif char != " " and (
            unicodedata.category(char) in _HIDDEN_CATEGORIES or char in _INVISIBLE or marks > _MARKS_IN_A_ROW
        ):
            yield f"<U+{ord(char):04X}>"
        else:
            yield char


def _escape_one(match: re.Match[str]) -> str:
    char = match.group()
    if char in _ENTITIES:
        return _ENTITIES[char]
    # The hyphen of GH-123 follows a letter; one that starts a list stands first.
    if char in _LINKS or (char == "-" and match.start() > 0):
        return f"<span>{char}</span>"
    return f"\\{char}"


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)
