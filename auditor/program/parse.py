"""From text to a syntax tree, and from there to the IR: failures come back as a place and a reason."""

from __future__ import annotations

import libcst as cst

from auditor.program import ir
from auditor.program.lower import UnlowerableError, lower
from auditor.program.model import Unparsed
from auditor.program.source import Source


def parse(source: Source) -> cst.Module | Unparsed:
    """Return the syntax tree of ``source``, or where and why there is none."""
    try:
        return cst.parse_module(source.text)
    except cst.ParserSyntaxError as error:
        return Unparsed(source.path, error.raw_line, error.message.splitlines()[0], source.layer)


def read_module(source: Source) -> ir.Module | Unparsed:
    """Return the IR of ``source``, or where and why there is none."""
    module = parse(source)
    if isinstance(module, Unparsed):
        return module
    try:
        return lower(module, source)
    except UnlowerableError as error:
        return Unparsed(source.path, source.line_of(error.offset), error.reason, source.layer)
