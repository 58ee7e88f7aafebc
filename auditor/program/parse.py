"""From text to the IR: failures come back as a place and a reason."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from auditor.program import from_ast, ir
from auditor.program.continued import blanked
from auditor.program.joined import Joined, join_strings
from auditor.program.literals import BadLiteralError
from auditor.program.model import Unparsed
from auditor.program.nesting import too_deep
from auditor.program.refused import refused
from auditor.program.source import Source


def read_module(source: Source) -> ir.Module | Unparsed:
    """Return the IR of ``source``, or where and why there is none.

    Python's own parser reads what it accepts, LibCST what is newer than the running Python; LibCST also tells why a
    text can't be read. What Python refuses to compile has no IR either, though it can be parsed (see
    :mod:`auditor.program.refused`).
    """
    with _without_gc():
        text, joined = _joined(blanked(source.text))
        found: ir.Module | Unparsed | None = None
        if _may_be_python(text) and too_deep(text) is None:
            found = from_ast.read(source.text)
        if found is None:
            found = _by_libcst(source, text, joined)
        if isinstance(found, Unparsed):
            return found
        refusal = refused(found)
    if refusal is None:
        return found
    return Unparsed(source.path, source.line_of(refusal.offset), refusal.reason, source.layer)


def _may_be_python(text: str) -> bool:
    """Return whether a text holds no NUL and no surrogate: what holds one is not read at all."""
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _by_libcst(source: Source, text: str, joined: Mapping[int, Joined]) -> ir.Module | Unparsed:
    from auditor.program.from_libcst import read

    found = read(replace(source, text=text), joined)
    if joined and isinstance(found, Unparsed):
        # A run of what looks like literals may stand inside another one.
        return read(replace(source, text=blanked(source.text)), {})
    return found


def _joined(text: str) -> tuple[str, Mapping[int, Joined]]:
    try:
        return join_strings(text)
    except BadLiteralError:
        return text, {}  # told with its place by who reads it


@contextmanager
def _without_gc() -> Iterator[None]:
    """Hold the garbage collector: a tree of 100,000 live nodes makes it run often and free nothing."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
