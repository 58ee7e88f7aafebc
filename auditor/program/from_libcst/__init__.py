"""From text to the IR by LibCST, which reads newer grammar than the running Python and tells why it refuses one.

It is imported only when Python's own parser refuses a text, or gives no places (see :mod:`auditor.program.parse`).
:mod:`~auditor.program.from_libcst.parsing` makes LibCST's tree, the other modules lower it in one walk in source order.

Spans are those of LibCST's ``PositionProvider``: from the first to the last token of a node, without
the parentheses around it. Two differ: an empty tuple keeps its parentheses (it has nothing else), and
blanks inside the edges of a node (``x[ 1 : ]``) never belong to it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

import libcst as cst

from auditor.program import ir
from auditor.program.from_libcst import (  # noqa: F401 – each enters what it lowers
    atoms,
    blocks,
    displays,
    functions,
    matches,
    operations,
)
from auditor.program.from_libcst.cursor import Cursor, LostPlaceError
from auditor.program.from_libcst.dispatch import UnlowerableError
from auditor.program.from_libcst.parsing import parse, unparsed
from auditor.program.from_libcst.statements import statements
from auditor.program.joined import Joined
from auditor.program.literals import BadLiteralError
from auditor.program.model import Unparsed
from auditor.program.source import Source

_RECURSION_LIMIT = 10_000


def read(source: Source, joined: Mapping[int, Joined]) -> ir.Module | Unparsed:
    """Return the IR of ``source``, of whose ``joined`` literals the text shows only the first of each run."""
    module = parse(source)
    if isinstance(module, Unparsed):
        return module
    try:
        return _lower(module, source, joined)
    except UnlowerableError as error:
        return unparsed(source, source.line_of(error.offset), error.reason)


def _lower(module: cst.Module, source: Source, joined: Mapping[int, Joined]) -> ir.Module:
    """Return the IR of ``module``, which must have been parsed from ``source.text``.

    ``joined`` are the runs of literals of which the text shows only the first (see :mod:`auditor.program.joined`).

    Raise :class:`UnlowerableError` where the text holds a literal that Python refuses too (an integer
    of more than 4,300 digits, a broken escape), or where tree and text do not match.
    """
    cursor = Cursor(source.text, joined)
    limit = sys.getrecursionlimit()
    try:
        # `parse` bounds the depth; plain Python calls like these take no machine stack.
        sys.setrecursionlimit(max(limit, _RECURSION_LIMIT))
        body = statements(cursor, module.body)
        if cursor.at != len(source.text) or cursor.joined:
            raise LostPlaceError(next(iter(cursor.joined), cursor.at))
    except BadLiteralError as error:
        raise UnlowerableError(cursor.at, str(error)) from None
    except LostPlaceError as error:
        raise UnlowerableError(error.offset, "the parsed tree does not match the text here") from None
    finally:
        sys.setrecursionlimit(limit)
    return ir.Module(body)
