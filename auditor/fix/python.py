"""Changes of Python source, made and checked with LibCST: every byte outside of them stays.

LibCST finds the token, expression or statement that a change falls into, gets it replaced and writes the statement
back; what it writes has to be the old text with nothing but the change in it. LibCST leaves lone backslashes out of its
tree, so it reads the text with these blanked, which is as long.
"""

from __future__ import annotations

import ast
import textwrap
import warnings
from collections.abc import Mapping, Sequence

import libcst as cst
from libcst import metadata
from msgspec.structs import replace

from auditor.fix.change import Edit, Unfixable
from auditor.program.continued import blanked
from auditor.program.from_libcst.parsing import without_validation
from auditor.program.nesting import too_deep
from auditor.regex import regex

_ENDS = regex(r"\r\n|\n|\r")
_SURROGATE = regex("[\ud800-\udfff]")
_TOKENS = (cst.Comment, cst.SimpleString, cst.FormattedStringText, cst.Integer, cst.Float, cst.Name)


def parsed(text: str) -> cst.Module:
    """Return LibCST's tree of ``text``; raises :class:`Unfixable` unless it writes back what it read."""
    if "\0" in text or _SURROGATE.search(text) is not None or too_deep(text) is not None:
        raise Unfixable("it can't be parsed")
    try:
        with without_validation():
            module = cst.parse_module(text)
        written = module.code
    except (cst.ParserSyntaxError, cst.CSTValidationError, ValueError, RecursionError, MemoryError):
        raise Unfixable("LibCST doesn't parse it") from None
    if written != text:
        raise Unfixable("LibCST doesn't write it back byte for byte")
    return module


def edited(text: str, edits: Sequence[Edit]) -> str:
    """Return Python source with ``edits`` made, which don't overlap; raises :class:`Unfixable`.

    An insertion is of whole lines before the statement that starts there; anything else lies in one string, comment,
    number or name, or is one expression.
    """
    with without_validation():
        return _edited(text, edits)


def _edited(text: str, edits: Sequence[Edit]) -> str:
    source = blanked(text)
    made = source
    for start, end in reversed(blocks(source)):
        inside = [edit for edit in edits if start <= edit.start and edit.end <= end and edit.start < end]
        if inside:
            changed = _changed(source[start:end], [_moved(edit, -start) for edit in inside])
            made = made[:start] + changed + made[end:]
    if made != spliced(source, edits):
        raise Unfixable("LibCST would change more than it was asked to")
    changed = spliced(text, edits)
    _check_syntax(text, changed)
    return changed


def blocks(source: str) -> list[tuple[int, int]]:
    """Return the places of the module-level statements, whole lines each, and of what stands between them.

    LibCST reads a block by itself: it doesn't write back every blank line around statements, and where things stand
    costs several times the parse. What only newer Python parses is one block.
    """
    starts = [0, *(match.end() for match in _ENDS.finditer(source))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            body = ast.parse(source).body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return [(0, len(source))]
    out: list[tuple[int, int]] = []
    for statement in body:
        decorators = getattr(statement, "decorator_list", ())
        first = min([statement.lineno, *(each.lineno for each in decorators)])
        start, end = starts[first - 1], starts[min(statement.end_lineno or first, len(starts) - 1)]
        if (statement.end_lineno or first) >= len(starts):
            end = len(source)
        if out and start < out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
            continue
        if start > (out[-1][1] if out else 0):
            out.append((out[-1][1] if out else 0, start))
        out.append((start, end))
    if not out or out[-1][1] < len(source):
        out.append((out[-1][1] if out else 0, len(source)))
    return out


def _changed(source: str, edits: Sequence[Edit]) -> str:
    module = parsed(source)
    wrapper = metadata.MetadataWrapper(module, unsafe_skip_copy=True)
    places = _places(wrapper, source)
    tokens: dict[cst.CSTNode, list[Edit]] = {}
    swaps: dict[cst.CSTNode, Sequence[cst.CSTNode]] = {}
    for edit in edits:
        if edit.start == edit.end and edit.new.endswith("\n"):
            statement = _statement_at(places, source, edit)
            swaps[statement] = _with_lines_before(statement, edit, module)
            continue
        node = _smallest(places, edit)
        if isinstance(node, _TOKENS):
            tokens.setdefault(node, []).append(edit)
        else:
            swaps[node] = (_expression(edit.new, node),)
    for node, inside in tokens.items():
        swaps[node] = (_with_value(node, places[node][0], inside),)
    try:
        return wrapper.module.visit(_Swap(swaps)).code
    except (cst.CSTValidationError, ValueError):
        raise Unfixable("the change doesn't fit where it belongs") from None


def _moved(edit: Edit, by: int) -> Edit:
    return replace(edit, start=edit.start + by, end=edit.end + by)


def _check_syntax(before: str, after: str) -> None:
    """Raise :class:`Unfixable` when Python reads the text as it was and refuses it as it is."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ast.parse(before)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            parsed(blanked(after))  # newer grammar than the interpreter's
            return
        try:
            ast.parse(after)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise Unfixable("Python would no longer parse it") from None


def spliced(text: str, edits: Sequence[Edit]) -> str:
    """Return ``text`` with the edits put in."""
    for edit in sorted(edits, key=lambda each: each.start, reverse=True):
        text = text[: edit.start] + edit.new + text[edit.end :]
    return text


def _places(wrapper: metadata.MetadataWrapper, text: str) -> Mapping[cst.CSTNode, tuple[int, int]]:
    """Return the characters from and to which each node stands, without what surrounds it."""
    spans = wrapper.resolve(metadata.ByteSpanPositionProvider)
    if text.isascii():
        return {node: (span.start, span.start + span.length) for node, span in spans.items()}
    at = [0] * (len(text.encode("utf-8")) + 1)  # characters before each byte
    byte = 0
    for number, char in enumerate(text):
        width = len(char.encode("utf-8"))
        at[byte : byte + width] = [number] * width
        byte += width
    at[byte] = len(text)
    # Of a text without a last line end, LibCST counts one that it then takes back.
    return {node: (at[min(s.start, byte)], at[min(s.start + s.length, byte)]) for node, s in spans.items()}


def _smallest(places: Mapping[cst.CSTNode, tuple[int, int]], edit: Edit) -> cst.CSTNode:
    """Return the token that holds an edit, or the expression that it is."""
    for node, (start, end) in places.items():
        if isinstance(node, _TOKENS) and start <= edit.start and edit.end <= end:
            return node
    for node, place in places.items():
        if isinstance(node, cst.BaseExpression) and place == (edit.start, edit.end):
            return node
    raise Unfixable("it is neither in one token nor an expression")


def _statement_at(places: Mapping[cst.CSTNode, tuple[int, int]], text: str, edit: Edit) -> cst.CSTNode:
    line = text[edit.start :]
    at = edit.start + len(line) - len(line.lstrip(" \t\f"))
    for node, (start, _) in places.items():
        if start == at and isinstance(node, cst.SimpleStatementLine | cst.BaseCompoundStatement):
            return node
    raise Unfixable("no statement starts there")


def _with_lines_before(statement: cst.CSTNode, edit: Edit, module: cst.Module) -> Sequence[cst.CSTNode]:
    """Return what is inserted, and the statement; lines above it, such as comments, stay above."""
    assert isinstance(statement, cst.SimpleStatementLine | cst.BaseCompoundStatement)
    config = cst.PartialParserConfig(default_indent=module.default_indent, default_newline=module.default_newline)
    try:
        added = list(cst.parse_module(textwrap.dedent(edit.new), config).body)
    except cst.ParserSyntaxError:
        raise Unfixable("what is to be inserted doesn't parse") from None
    first = added[0]
    above = getattr(statement, "leading_lines", ())
    added[0] = first.with_changes(leading_lines=above)
    return (*added, statement.with_changes(leading_lines=()))


def _with_value(node: cst.CSTNode, start: int, edits: Sequence[Edit]) -> cst.CSTNode:
    assert isinstance(node, _TOKENS)
    value = node.value
    for edit in sorted(edits, key=lambda each: each.start, reverse=True):
        value = value[: edit.start - start] + edit.new + value[edit.end - start :]
    if isinstance(node, cst.Integer | cst.Float | cst.Name):
        return _expression(value, node)
    return node.with_changes(value=value)


def _expression(text: str, old: cst.CSTNode) -> cst.BaseExpression:
    """Return an expression in the brackets that the old one has around it."""
    # Parsed in brackets, as it may have to go on over several lines.
    brackets = {"lpar": getattr(old, "lpar", ()), "rpar": getattr(old, "rpar", ())}
    try:
        return cst.parse_expression(f"({text})").with_changes(**brackets)
    except (cst.ParserSyntaxError, cst.CSTValidationError):
        raise Unfixable("what is to stand there doesn't parse") from None


class _Swap(cst.CSTTransformer):
    """Puts other nodes in the place of some."""

    def __init__(self, swaps: Mapping[cst.CSTNode, Sequence[cst.CSTNode]]) -> None:
        super().__init__()
        self._swaps = swaps

    def on_leave(self, original_node, updated_node):  # type: ignore[no-untyped-def]
        """Return what is to stand in a node's place."""
        others = self._swaps.get(original_node)
        if others is None:
            return super().on_leave(original_node, updated_node)
        return others[0] if len(others) == 1 else cst.FlattenSentinel(others)
