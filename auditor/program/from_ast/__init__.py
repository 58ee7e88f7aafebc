"""From Python's own syntax tree to the IR: the same nodes, with the same places, as from LibCST's.

:func:`read` is for text that the running Python accepts; for any other, and where text and tree don't match, LibCST
reads (see :mod:`auditor.program.parse`).
"""

from __future__ import annotations

import ast
import sys
import threading
import warnings
from typing import Any

from auditor.program import ir
from auditor.program.from_ast.places import LostError, Places, line_starts
from auditor.program.from_ast.statements import statements
from auditor.program.literals import BadLiteralError

_RECURSION_LIMIT = 10_000
_WARNINGS = threading.RLock()  # or two threads could restore each other's filters


def read(text: str) -> ir.Module | None:
    """Return the IR of ``text``, or None where the running Python refuses it or its places can't be told.

    What nests too deeply must have been refused before (see :mod:`auditor.program.nesting`).
    """
    first = 1 if text.startswith("\ufeff") else 0
    limit = sys.getrecursionlimit()
    with _WARNINGS, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a submission's invalid escapes are none of the user's business
        try:
            sys.setrecursionlimit(max(limit, _RECURSION_LIMIT))
            tree: Any = compile(text[first:], "<script>", "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
            places = Places(f"{text}\0", line_starts(text, first))
            return ir.Module(statements(places, tree.body))
        except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError, LostError, BadLiteralError):
            return None
        finally:
            sys.setrecursionlimit(limit)
