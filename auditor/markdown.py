"""A Markdown document as a list of what stands in it: headings, text, code and rows of tables, each with its line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from auditor.regex import regex

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_MOST_LINES = 5_000
_LANGUAGE = regex(r"[\w+-]+")
_LONGEST_SPAN = 8_000  # characters of a paragraph in which code is looked for


class Element(Struct, frozen=True):
    """One part of a document.

    ``text`` is the source between the marks of its kind (of code without its fence), from ``line`` on, which counts
    from 1. A ``row`` has the ``cells`` of its line and the ``header`` of its table. ``heading`` is the nearest above.
    """

    kind: Literal["heading", "text", "code", "row", "html"]
    text: str
    line: int
    heading: str = ""
    language: str = ""  # of fenced code
    fenced: bool = False
    listed: bool = False  # inside a list
    header: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()


@lru_cache(maxsize=8)  # several rooms read one README
def elements(text: str) -> tuple[Element, ...]:
    """Return the parts of a Markdown document, tables included, in their order; of its first 5,000 lines."""
    lines = text.replace("\r\n", "\n").replace("\r", " ").split("\n", _MOST_LINES)
    return tuple(_elements(_parser().parse("\n".join(lines[:_MOST_LINES]))))


def code_spans(text: str) -> tuple[tuple[str, int], ...]:
    """Return the code in a paragraph's text, each span with the number of line breaks before it."""
    found: list[tuple[str, int]] = []
    at = 0
    source = text[:_LONGEST_SPAN]
    for token in _inline().parseInline(source)[0].children or ():
        if token.type == "code_inline":
            place = source.find(token.content.split("\n")[0][:40], at)
            at = max(place, at)
            found.append((token.content, source.count("\n", 0, at)))
            at += len(token.content) if place >= 0 else 0
    return tuple(found)


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    # What stands inside a paragraph is read apart, where it is asked for: emphasis and links cost the square of it.
    return MarkdownIt("commonmark").enable("table").disable("inline")


@lru_cache(maxsize=1)
def _inline() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("zero").enable(["backticks", "escape"])


def _elements(tokens: Sequence[Token]) -> Iterator[Element]:
    heading = ""
    header: tuple[str, ...] = ()
    cells: list[str] = []
    row = lists = 0
    in_head = in_heading = in_table = False
    for token in tokens:
        line = token.map[0] + 1 if token.map else 0
        match token.type:
            case "heading_open":
                in_heading = True
            case "heading_close":
                in_heading = False
            case "bullet_list_open" | "ordered_list_open":
                lists += 1
            case "bullet_list_close" | "ordered_list_close":
                lists -= 1
            case "table_open" | "table_close":
                in_table = token.type == "table_open"
            case "thead_open" | "thead_close":
                in_head = token.type == "thead_open"
            case "tr_open":
                cells, row = [], line
            case "tr_close":
                if in_head:
                    header = tuple(cells)
                yield Element("row", " | ".join(cells), row, heading, header=header, cells=tuple(cells))
            case "inline" if in_table:
                cells.append(token.content.strip())
            case "inline":
                if in_heading:
                    heading = token.content.strip()
                kind: Literal["heading", "text"] = "heading" if in_heading else "text"
                yield Element(kind, token.content, line, heading, listed=lists > 0)
            case "fence":
                language = _LANGUAGE.match(token.info.strip())
                name = language[0].lower() if language else ""
                yield Element("code", token.content, line + 1, heading, name, fenced=True)
            case "code_block":
                yield Element("code", token.content, line, heading)
            case "html_block":
                yield Element("html", token.content, line, heading)
