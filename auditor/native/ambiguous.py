"""Text that the grammar of C++ reads as something else, without an error, and what is done about it before lowering.

``lo < hi && best > (x)`` is two comparisons; without knowing what ``lo`` is, the grammar takes it for a call of a
template, ``lo<hi && best>(x)``. And it knows nothing of CUDA's ``kernel<<<grid, block>>>(args)``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from msgspec import Struct, field

from auditor.regex import regex

if TYPE_CHECKING:
    from tree_sitter import Node, Parser, Tree

_LAUNCH: Final = regex(rb"(?<!\w)(\w++)\s*+(?:<[^<>;{}]{0,200}>\s*+)?(<<<[^;{}]{0,2000}?>>>)\s*+\(")
_DECIDING: Final = frozenset({"&&", "||", "&", "|", "^", "==", "!=", "<", ">", "<=", ">=", "and", "or"})
_ROUNDS: Final = 4  # each takes all comparisons that the one before has laid open


class Read(Struct, frozen=True):
    """A text's tree, and the launches that were taken out of it: the kernel's name by line."""

    tree: Tree
    launches: frozenset[tuple[int, str]]


class _Names(Struct):
    """What a text declares: variables, and what can be a template's name."""

    variables: set[str] = field(default_factory=set)
    templates: set[str] = field(default_factory=set)


def read(text: bytes, parser: Parser) -> Read:
    """Return the tree of ``text`` with its comparisons as such; lines are those of ``text``, columns may not be."""
    text, launches = _without_launches(text)
    tree = parser.parse(text)
    if b"<" not in text or b">" not in text:
        return Read(tree, launches)
    names = _Names()
    for node in _all(tree.root_node):
        _declare(node, names)
    for _ in range(_ROUNDS):
        ends = sorted({end for node in _all(tree.root_node) if (end := _compared(node, names)) is not None})
        if not ends:
            break
        # "a >= b" can't end a template's arguments, and to what is followed it is the same as "a > b".
        pieces = [text[start:end] for start, end in zip([0, *ends], [*ends, len(text)], strict=True)]
        text = b"=".join(pieces)
        tree = parser.parse(text)
    return Read(tree, launches)


def _without_launches(text: bytes) -> tuple[bytes, frozenset[tuple[int, str]]]:
    """Return the text with each launch's configuration blanked out, and the launches."""
    if b"<<<" not in text:
        return text, frozenset()
    found: set[tuple[int, str]] = set()
    pieces: list[bytes] = []
    at = 0
    for match in _LAUNCH.finditer(text):
        start, end = match.span(2)
        found.add((text.count(b"\n", 0, match.start(1)) + 1, match[1].decode("utf-8", "replace")))
        pieces += [text[at:start], re.sub(rb"[^\n]", b" ", text[start:end])]
        at = end
    return b"".join([*pieces, text[at:]]), frozenset(found)


def _all(root: Node) -> Iterator[Node]:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(node.named_children)


def _declare(node: Node, names: _Names) -> None:
    """Note the names that a node declares."""
    if node.type in ("parameter_declaration", "declaration", "field_declaration", "optional_parameter_declaration"):
        for declarator in node.children_by_field_name("declarator"):
            inner: Node | None = declarator
            while inner is not None and inner.type.endswith("_declarator") and inner.type != "function_declarator":
                inner = inner.child_by_field_name("declarator")
            if inner is not None and inner.type in ("identifier", "field_identifier"):
                names.variables.add(_text(inner))
    elif node.type == "function_declarator":
        names.templates.add(_text(node.child_by_field_name("declarator")).rpartition("::")[2].partition("<")[0])
    elif node.type in ("class_specifier", "struct_specifier", "alias_declaration"):
        names.templates.add(_text(node.child_by_field_name("name")).partition("<")[0])


def _compared(node: Node, names: _Names) -> int | None:
    """Return where the ``>`` of what looks like a template's arguments ends, if they are comparisons."""
    if node.type not in ("template_function", "template_type"):
        return None
    given = node.child_by_field_name("arguments")
    name = _text(node.child_by_field_name("name"))
    if given is None or name in names.templates or given.children[-1].type != ">" or given.children[-1].is_missing:
        return None
    known = name in names.variables
    deciding = any(
        _text(each.child_by_field_name("operator")) in _DECIDING
        for each in given.named_children
        if each.type == "binary_expression"
    )
    if known or (deciding and node.type == "template_function"):
        return int(given.end_byte)
    return None


def _text(node: Node | None) -> str:
    return (node.text or b"").decode("utf-8", "replace") if node is not None else ""
