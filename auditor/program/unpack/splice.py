"""Puts unpacked code in the place of the statement that runs it, in a script that does more than that."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from msgspec import Struct

from auditor.program.unpack.model import Segment


class Insertion(Struct, frozen=True):
    """Code that runs under a module-level statement, through ``call``."""

    statement: ast.stmt
    call: ast.AST
    text: str


def splice(text: str, insertions: Sequence[Insertion]) -> tuple[str, tuple[Segment, ...]]:
    """Return the source with the code put in, and which of its lines stood where before.

    A statement that only runs the code is replaced by it; where the code is reached through a function, an
    expression or a loop, it is put in front of the module-level statement under way. Lines of ``text`` end
    with a line feed only, as the positions of the nodes count them.
    """
    lines = text.encode("utf-8").split(b"\n")
    edits: dict[tuple[int, int, int, int], list[str]] = {}
    for one in insertions:
        edits.setdefault(_span(one), []).append(one.text)
    parts: list[tuple[bytes, int | None]] = []
    line, column = 1, 0
    for (start, left, end, right), codes in sorted(edits.items()):
        if (start, left) < (line, column):
            continue  # inside of a statement that has been replaced
        for number in range(line, start):
            parts.append((lines[number - 1][column:], number))
            column = 0
        before = lines[start - 1][column:left]
        indent = lines[start - 1][: len(lines[start - 1]) - len(lines[start - 1].lstrip())]
        head = before.rstrip().removesuffix(b";").rstrip()
        if head.strip():
            parts.append((head, start))
            if head.endswith(b":"):
                indent += b"    "
        for code in codes:
            for row in code.removesuffix("\n").split("\n"):
                encoded = row.encode("utf-8")
                parts.append((indent + encoded if encoded.strip() and indent else encoded, None))
        line, column = end, right
        rest = lines[line - 1][column:]
        after = rest.lstrip().removeprefix(b";").lstrip()
        if not after or after.startswith(b"#"):
            line, column = line + 1, 0
        else:
            lines[line - 1] = lines[line - 1][:column] + indent + after
    for number in range(line, len(lines) + 1):
        parts.append((lines[number - 1][column:], number))
        column = 0
    return b"\n".join(row for row, _ in parts).decode("utf-8"), _segments(parts)


def _segments(parts: Sequence[tuple[bytes, int | None]]) -> tuple[Segment, ...]:
    segments: list[Segment] = []
    for at, (_, origin) in enumerate(parts, 1):
        last = segments[-1] if segments else None
        if last is not None and (
            (origin is None and last.origin is None)
            or (origin is not None and last.origin is not None and origin - last.origin == at - last.start)
        ):
            segments[-1] = Segment(last.start, at, last.origin)
        else:
            segments.append(Segment(at, at, origin))
    return tuple(segments)


def _span(one: Insertion) -> tuple[int, int, int, int]:
    """Return the text to replace: first line and column, last line and column (columns in bytes)."""
    found = _replaceable(one.statement, one.call)
    if found is not None:
        return (
            found.lineno,
            found.col_offset,
            found.end_lineno or found.lineno,
            found.end_col_offset or found.col_offset,
        )
    first = one.statement
    return (first.lineno, first.col_offset, first.lineno, first.col_offset)


def _replaceable(statement: ast.stmt, call: ast.AST) -> ast.stmt | None:
    """Return the statement that consists of nothing but the call, if it runs once at module level."""
    pending: list[ast.stmt] = [statement]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Expr) and node.value is call:
            return node
        if isinstance(node, (ast.If, ast.With, ast.Try)):
            pending.extend(node.body)
            if isinstance(node, (ast.If, ast.Try)):
                pending.extend(node.orelse)
            if isinstance(node, ast.Try):
                pending.extend(node.finalbody)
                for handler in node.handlers:
                    pending.extend(handler.body)
    return None
