"""What a script compiles while it runs, packed layers above all: read by older Pythons too, and changed on the way.

Packed scripts hand their text to ``exec``; helpers go through ``compile``. Both are the places where a text is still
one.
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Callable
from typing import Any

from auditor.smoke.harness.blame import own

Change = Callable[[Any, str], Any]
"""Gives what to compile, text or a tree, for a script's own text and the name of its file."""
_TEXTS = (str, bytes, bytearray, memoryview)
_OLD = sys.version_info < (3, 12)
_FUTURE = 0x1FE_0000  # the flags of what a code object has from __future__
_compile = builtins.compile


def readable(source: Any, name: str) -> Any:
    """Return a text as this Python reads it: as it is, else with its newer f-strings written the older way."""
    if not _OLD:
        return source
    try:
        _compile(source, name, "exec", ast.PyCF_ONLY_AST, True)
    except SyntaxError:
        from auditor.program.older import older

        try:
            return older(source if isinstance(source, str) else bytes(source).decode("utf-8"))
        except (SyntaxError, UnicodeDecodeError):
            return source  # what is wrong with it is told when it is compiled
    return source


def install(change: Change = readable) -> None:
    """Let the script's own ``exec`` and ``compile`` take what ``change`` makes of a text."""
    real, busy = builtins.exec, False

    def changed(source: Any, name: str) -> Any:
        nonlocal busy
        if busy:  # the change itself parses
            return source
        busy = True
        try:
            return change(source, name)
        finally:
            busy = False

    def compile_(
        source: Any, filename: Any, mode: str, flags: int = 0, dont_inherit: bool = False, optimize: int = -1,
        **more: Any,
    ) -> Any:  # fmt: skip
        caller = sys._getframe(1)
        if not dont_inherit:
            flags |= caller.f_code.co_flags & _FUTURE
        if mode == "exec" and isinstance(source, _TEXTS) and (_ours(filename) or own(caller.f_code.co_filename)):
            source = changed(source, str(filename))
        return _compile(source, filename, mode, flags, True, optimize, **more)

    def exec_(source: Any, globals: Any = None, locals: Any = None, /, **more: Any) -> None:  # noqa: A002
        caller = sys._getframe(1)
        if globals is None:
            globals, locals = caller.f_globals, caller.f_locals if locals is None else locals  # noqa: A001
        if isinstance(source, _TEXTS) and own(caller.f_code.co_filename):
            flags = caller.f_code.co_flags & _FUTURE
            source = _compile(changed(source, "<string>"), "<string>", "exec", flags, True)
        real(source, globals, globals if locals is None else locals, **more)

    builtins.compile, builtins.exec = compile_, exec_  # type: ignore[assignment]


def _ours(filename: Any) -> bool:
    return isinstance(filename, str) and filename.endswith(".py") and own(filename)
