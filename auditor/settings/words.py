"""Words of shell text: what the grammar makes of them, as pieces that can be filled in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from auditor.regex import regex
from auditor.settings.syntax import Piece, Word
from auditor.settings.tidy import PLACEHOLDER

if TYPE_CHECKING:
    import tree_sitter

_MOST_KEPT = 200  # characters of a command in $( )
_MAX_DEPTH = 12  # of ``${A:-${B:-…}}``
_ESCAPED = regex(r"\\(?:\n|(.))", re.S)
_ESCAPED_IN_QUOTES = regex(r"\\(?:\n|([\"\\$`]))")
_ALTERNATIVE = frozenset({":-", "-", ":=", "=", ":?", "?", ":+", "+"})


def text_of(node: tree_sitter.Node) -> str:
    """Return the text of a node."""
    return (node.text or b"").decode("utf-8", "replace")


def command_name(node: tree_sitter.Node) -> Iterator[Word]:
    """Yield the words that a command begins with.

    ``$ torchrun``, with a blank, is a prompt that was pasted along; the grammar reads a variable.
    """
    first = node.children[0] if node.type == "concatenation" and node.children else node
    if first.type == "simple_expansion" and text_of(first)[1:2].isspace():
        rest = text_of(node)[1:].strip()
        yield (Piece("text", rest),)
    else:
        yield word_of(node)


def word_of(node: tree_sitter.Node, depth: int = 0) -> Word:
    """Return a node as a word."""
    return _merged(_pieces(node, depth, quoted=False))


def _pieces(node: tree_sitter.Node, depth: int, *, quoted: bool) -> Iterator[Piece]:
    if depth > _MAX_DEPTH:
        yield Piece("unknown")
        return
    match node.type:
        case "string" | "translated_string":
            yield from _within(node, depth, quoted=True)
        case "raw_string":
            yield from _fixed(text_of(node)[1:-1], quoted=True)
        case "ansi_c_string":
            yield from _fixed(_unescaped(_ESCAPED, text_of(node)[2:-1]), quoted=True)
        case "concatenation" | "command_name" | "array":
            yield from _within(node, depth, quoted=quoted)
        case "simple_expansion":
            yield Piece("variable", text_of(node)[1:].strip(), quoted)
        case "expansion":
            yield _expansion(node, depth, quoted=quoted)
        case "command_substitution":
            yield Piece("unknown", text_of(node)[:_MOST_KEPT])
        case "process_substitution" | "arithmetic_expansion" | "brace_expression":
            yield Piece("unknown")
        case _:
            pattern = _ESCAPED_IN_QUOTES if quoted else _ESCAPED
            yield from _fixed(_unescaped(pattern, text_of(node)), quoted=quoted)


def _within(node: tree_sitter.Node, depth: int, *, quoted: bool) -> Iterator[Piece]:
    """Yield the pieces of a node's children and of the text between them, which the grammar leaves out."""
    data, start = node.text or b"", node.start_byte
    at = 0
    pattern = _ESCAPED_IN_QUOTES if quoted else _ESCAPED
    for child in node.children:
        gap = data[at : child.start_byte - start].decode("utf-8", "replace")
        yield from _fixed(_unescaped(pattern, gap), quoted=quoted)
        at = child.end_byte - start
        if child.type not in ('"', "$", "(", ")"):
            yield from _pieces(child, depth + 1, quoted=quoted)
    if not node.children:
        yield from _fixed(text_of(node), quoted=quoted)
    elif quoted and len(node.children) == 2:
        yield Piece("text", "", quoted=True)


def _expansion(node: tree_sitter.Node, depth: int, *, quoted: bool) -> Piece:
    """Return ``${name}`` with its alternative; other operators compute something, and are not followed."""
    inner = node.children[1:-1]
    if not inner or inner[0].type not in ("variable_name", "special_variable_name", "subscript"):
        return Piece("unknown")
    name = text_of(inner[0])
    if inner[0].type == "subscript":
        if not name.endswith(("[@]", "[*]")):
            return Piece("unknown")
        name = name[:-3] + "[@]"
    if len(inner) == 1:
        return Piece("variable", name, quoted)
    if inner[1].type not in _ALTERNATIVE:
        return Piece("unknown")
    end = inner[1].end_byte - node.start_byte
    alternative: list[Piece] = []
    for child in inner[2:]:
        gap = (node.text or b"")[end : child.start_byte - node.start_byte].decode("utf-8", "replace")
        alternative.extend(_fixed(gap, quoted=quoted))
        alternative.extend(_pieces(child, depth + 1, quoted=quoted))
        end = child.end_byte - node.start_byte
    return Piece("variable", name, quoted, inner[1].type, _merged(iter(alternative)))


def _fixed(text: str, *, quoted: bool) -> Iterator[Piece]:
    for at, part in enumerate(text.split(PLACEHOLDER)):
        if at:
            yield Piece("unknown")
        if part:
            yield Piece("text", part, quoted)


def _unescaped(pattern: re.Pattern[str], text: str) -> str:
    if "\\" not in text:
        return text
    keep: Callable[[re.Match[str]], str] = lambda match: match[1] or ""  # noqa: E731
    return pattern.sub(keep, text)


def _merged(pieces: Iterator[Piece]) -> Word:
    """Return the pieces with neighbouring plain text as one, so that a keyword is one piece."""
    joined: list[Piece] = []
    for piece in pieces:
        last = joined[-1] if joined else None
        if last and piece.kind == last.kind == "text" and piece.quoted == last.quoted:
            joined[-1] = Piece("text", last.text + piece.text, piece.quoted)
        else:
            joined.append(piece)
    return tuple(joined)


def tested(node: tree_sitter.Node) -> tuple[Word, ...] | None:
    """Return the words of a test that compares or asks one thing, None of a compound one."""
    inner = [child for child in node.children if child.type not in ("[", "]", "[[", "]]")]
    if len(inner) != 1:
        return None
    return _asked(inner[0], 0)


def _asked(node: tree_sitter.Node, depth: int) -> tuple[Word, ...] | None:
    if depth > 4 or node.type in ("parenthesized_expression", "ERROR"):
        return None
    if node.type == "unary_expression":
        operator, *operands = node.children
        rest = _asked(operands[0], depth + 1) if len(operands) == 1 else None
        return None if rest is None else ((Piece("text", text_of(operator)),), *rest)
    if node.type == "binary_expression":
        if len(node.children) != 3 or node.children[1].type in ("&&", "||", "-a", "-o"):
            return None
        left, operator, right = node.children
        if "expression" in left.type or "expression" in right.type:
            return None
        return word_of(left), (Piece("text", text_of(operator)),), word_of(right)
    return (word_of(node),)
