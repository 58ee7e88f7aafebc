"""LibCST's tree of a text, or the line and the reason why there is none."""

from __future__ import annotations

import ast
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import libcst as cst

from auditor.program.model import Unparsed
from auditor.program.nesting import too_deep
from auditor.program.source import Source
from auditor.regex import regex

_PLACE = regex(r"parser error: error at (\d+):")
_VALIDATION = threading.RLock()  # or two threads could restore each other's replacement
_SURROGATE = regex("[\ud800-\udfff]")


def parse(source: Source) -> cst.Module | Unparsed:
    """Return the syntax tree of ``source``, or where and why there is none.

    What could end the process in LibCST's native parser (see :mod:`auditor.program.nesting`) is refused first.
    """
    text = source.text
    null = text.find("\0")
    if null >= 0:
        return unparsed(source, source.line_of(null), "a NUL byte; Python refuses such a file")
    deep = too_deep(text)
    if deep is not None:
        return unparsed(source, source.line_of(deep.offset), deep.reason)
    surrogate = _SURROGATE.search(text)
    if surrogate is not None:
        return unparsed(source, source.line_of(surrogate.start()), "the text is not valid Unicode")
    try:
        with without_validation():
            return cst.parse_module(text)
    except cst.ParserSyntaxError as error:
        return _syntax_error(source, error.message)


def unparsed(source: Source, line: int | None, reason: str) -> Unparsed:
    """Return that ``source`` can't be read, where and why."""
    return Unparsed(source.path, line, reason, source.layer)


@contextmanager
def without_validation() -> Iterator[None]:
    """Let LibCST build its nodes unchecked, in every thread.

    Its checks are for trees made by hand. On parsed ones they cost a sixth of the time and refuse
    Python that minified scripts do contain, such as ``a or"b"`` and ``1 if x else"b"``.
    """
    with _VALIDATION:
        validate = cst.CSTNode.__post_init__
        cst.CSTNode.__post_init__ = _accept  # type: ignore[method-assign, assignment]
        try:
            yield
        finally:
            cst.CSTNode.__post_init__ = validate  # type: ignore[method-assign]


def _accept(node: cst.CSTNode) -> None:
    """Check nothing."""


def _syntax_error(source: Source, message: str) -> Unparsed:
    place = _PLACE.match(message)
    if place is None:  # the tokenizer does not say where
        return unparsed(source, _line_by_python(source.text), _one_line(message).removeprefix("tokenizer error: "))
    line = int(place[1])  # the column is that of the token after the bad one, and no help
    lines = source.text.count("\n") + (not source.text.endswith("\n"))
    if line > lines:
        return unparsed(source, lines, "invalid syntax: the file ends too early")
    return unparsed(source, line, "invalid syntax")


def _line_by_python(text: str) -> int | None:
    """Return the line at which the running Python refuses ``text``, None when it doesn't."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ast.parse(text)
        except SyntaxError as error:
            return error.lineno
    return None


def _one_line(message: str) -> str:
    return message.splitlines()[0] if message else "invalid syntax"
