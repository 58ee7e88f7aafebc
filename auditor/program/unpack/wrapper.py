"""Tells wrappers from scripts: what in a source is more than unpacking and running the next layer."""

from __future__ import annotations

import ast
import builtins
import sys
import unicodedata
from collections.abc import Collection, Sequence
from typing import Any, Final

from auditor.program.unpack.model import words
from auditor.regex import regex

# Words without which a script cannot run code that it has made itself.
_PLAIN_WORDS: Final = (
    "runpy",
    "exec_module",
    "load_module",
    "SourceFileLoader",
    "__builtins__",
    "builtins",
    "FunctionType",
    "__self__",
)
_RUNNERS: Final = frozenset((*_PLAIN_WORDS, *words("exec execfile run_path run_module")))
_WRITERS: Final = frozenset(words("write write_text write_bytes writelines"))
_EXEC: Final = regex(r"exec(?:file)?\b")
_EVAL: Final = regex(r"eval\s*\(")
_STARTS: Final = regex(r"\bsubprocess\b|\bos\.(?:system|exec|spawn|popen)|\bimport_module\b|\bsys\.path\b")
_DECODER: Final = regex(r"\w*(?:64|85|32|16)decode|unhexlify|fromhex|a2b_\w+|decodebytes")
_DECODES: Final = (
    *words("64decode 85decode 32decode 16decode unhexlify fromhex a2b_ decodebytes"),
    "b'\\x",
    'b"\\x',
)
_HANDS_OVER: Final = regex(r"\bwrite(?:_text|_bytes|lines)?\s*\(|['\"]-c['\"]")  # to a program it starts

_MODULES: Final = sys.stdlib_module_names | {"brotli", "brotlicffi", "zstandard", "zstd", "pyzstd"}
_MAX_NODES: Final = 4000


def may_run_made_code(text: str) -> bool:
    """Return whether a source has the words that running made code takes; cheap, and errs towards yes."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)  # as Python does with identifiers
    if any(word in text for word in _PLAIN_WORDS):
        return True
    for pattern in (_EXEC, _EVAL):
        if any(_is_name(text, found.start()) for found in pattern.finditer(text)):
            return True
    return bool(any(word in text for word in _DECODES) and _HANDS_OVER.search(text) and _STARTS.search(text))


def _is_name(text: str, at: int) -> bool:
    """Return whether the word at ``at`` may be a name in code: no part of a word, attribute or comment."""
    before = text[at - 1 : at]
    if before.isalnum() or before in ("_", "."):
        return False
    line = text[text.rfind("\n", 0, at) + 1 : at]
    # With a quote before it, the mark may stand in a string; without, the rest of the line is no code.
    return "#" not in line or "'" in line or '"' in line


def runs_made_code(body: Sequence[ast.stmt]) -> bool:
    """Return whether any name in the source can run made code, directly or by starting a program."""
    decodes = hands_over = False
    words: set[str] = set()
    stack: list[Any] = list(body)
    while stack:
        node = stack.pop()
        kind = node.__class__
        if kind is ast.Constant:
            hands_over = hands_over or node.value == "-c"
            decodes = decodes or (isinstance(node.value, bytes) and len(node.value) > 100)
            continue
        if kind is ast.Name:
            if node.id == "eval":
                return True
            words.add(node.id)
            continue
        if kind is ast.Attribute:
            words.add(node.attr)
        elif kind is ast.alias:
            words.add(node.name)
        for field in kind._fields:
            below = getattr(node, field, None)
            if below.__class__ is list:
                stack += [each for each in below if isinstance(each, ast.AST)]
            elif isinstance(below, ast.AST):
                stack.append(below)
    for word in {word.rsplit(".", 1)[-1] for word in words}:
        if word in _RUNNERS:
            return True
        decodes = decodes or _DECODER.fullmatch(word) is not None
        hands_over = hands_over or word in _WRITERS
    return decodes and hands_over


def is_wrapper(body: Sequence[ast.stmt], called: Collection[ast.AST], inherited: Collection[str] = ()) -> bool:
    """Return whether the source does nothing but prepare and run the next layer.

    ``called`` are the functions that the interpreter followed, ``inherited`` the names that the layer above
    has bound. A class, a function that nothing called, the
    use of a third-party module or of a name that only the next layer can define make it more than that.
    """
    bound: set[str] = (
        set(vars(builtins)) | set(inherited) | {"__file__", "__name__", "__builtins__", "__spec__", "__loader__"}
    )
    used: set[str] = set()
    foreign: set[str] = set()
    count = 0
    for statement in body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)) and statement not in called:
            return False
        for node in ast.walk(statement):
            count += 1
            match node:
                case ast.ClassDef():
                    return False
                case ast.Name(id=name, ctx=ast.Load()):
                    used.add(name)
                case ast.Name(id=name) | ast.arg(arg=name) | ast.ExceptHandler(name=str(name)):
                    bound.add(name)
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    bound.add(name)
                case ast.Import(names=names):
                    for alias in names:
                        root = alias.name.split(".", 1)[0]
                        bound.add(alias.asname or root)
                        if root not in _MODULES:
                            foreign.add(alias.asname or root)
                case ast.ImportFrom(module=module, names=names):
                    for alias in names:
                        bound.add(alias.asname or alias.name)
                        if (module or "").split(".", 1)[0] not in _MODULES:
                            foreign.add(alias.asname or alias.name)
                case _:
                    pass
    return count <= _MAX_NODES and not used & foreign and used <= bound
