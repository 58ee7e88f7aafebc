"""Statements that are put before another one of a script."""

from __future__ import annotations

import re
from collections.abc import Sequence

from auditor.fix.change import Edit
from auditor.program import ir
from auditor.program.model import Unit
from auditor.program.source import Source
from auditor.program.walk import walk
from auditor.regex import regex

_CONTINUES = regex(r"(?:elif|else|except|finally|case)\b")
_BLOCK = regex(
    r"^([ \t]*)(?:def|class|if|for|while|with|try|else)\b[^\n]*:[ \t]*(?:#[^\n]*)?\r?\n\1([ \t]+)[^\s#]", re.MULTILINE
)


def statement_around(unit: Unit, node: ir.Node) -> ir.Node | None:
    """Return the innermost statement that holds ``node``, None where it doesn't begin its line."""
    assert unit.module is not None
    found: ir.Node | None = None
    for each in walk(*unit.module.body):
        if isinstance(each, _STATEMENTS) and each.start <= node.start and node.end <= each.end:
            found = each
    if found is None or _before(unit.source, found.start).strip() or _CONTINUES.match(unit.source.text, found.start):
        return None
    return found


def inserted(source: Source, before: ir.Node, lines: Sequence[str]) -> Edit:
    """Return the insertion of ``lines`` above a statement: indented as it is, each further by its own tabs."""
    start = source.line_starts[source.line_of(before.start) - 1]
    indent = _before(source, before.start)
    step = _BLOCK.search(source.text)
    unit = step[2] if step is not None else "    "
    ending = "\r\n" if source.text[:start].endswith("\r\n") or "\r\n" in source.text[:200] else "\n"
    text = "".join(indent + line.replace("\t", unit) + ending for line in lines)
    return Edit(source.path, start, start, "", text, source.layer)


def _before(source: Source, offset: int) -> str:
    return source.text[source.line_starts[source.line_of(offset) - 1] : offset]


_STATEMENTS = (
    ir.Assign, ir.AugAssign, ir.ExprStmt, ir.Return, ir.Raise, ir.Assert, ir.If, ir.For, ir.While, ir.With, ir.Try,
    ir.FunctionDef, ir.ClassDef,
)  # fmt: skip
