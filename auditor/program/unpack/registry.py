"""Which library calls are followed, by dotted name."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from auditor.program.unpack.model import Refused
from auditor.program.unpack.values import (
    Cannot,
    Ref,
)

if TYPE_CHECKING:
    from auditor.program.unpack.interpreter import Interpreter

Call = Callable[["Interpreter", list[Any], dict[str, Any], ast.AST], Any]
_CALLS: dict[str, Call] = {}

_ALIASES: Final[Mapping[str, str]] = {
    "io.open": "builtins.open",
    "codecs.open": "builtins.open",
    "os.path.realpath": "os.path.abspath",
    "os.path.normpath": "os.path.abspath",
    "os.path.expanduser": "os.path.abspath",
    "pathlib.PurePath": "pathlib.Path",
    "pathlib.PosixPath": "pathlib.Path",
    "zstd.decode": "zstd.decompress",
    "zstd.ZSTD_uncompress": "zstd.decompress",
    "_bootstrap_external.SourceFileLoader": "importlib.machinery.SourceFileLoader",
}


# Packages that have what another one has, by the beginning of the dotted name.
_PACKAGES: Final = (
    ("compression.zstd.", "pyzstd."),
    ("backports.zstd.", "pyzstd."),
    ("compression.", ""),
    ("brotlicffi.", "brotli."),
    ("zstandard.backend_c.", "zstandard."),
)


def known(*names: str) -> Callable[[Call], Call]:
    """Enter a function as the meaning of calls of ``names``."""

    def enter(function: Call) -> Call:
        _CALLS.update(dict.fromkeys(names, function))
        return function

    return enter


def call(machine: Interpreter, ref: Ref, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    """Return what calling a library function gives; raises :class:`Cannot` or :class:`Refused`."""
    name = ref.name
    for package, other in _PACKAGES:
        if name.startswith(package):
            name = other + name.removeprefix(package)
            break
    name = _ALIASES.get(name, name)
    function = _CALLS.get(name)
    if function is None:
        last = name.rsplit(".", 1)[-1]
        decoding = last in ("decompress", "loads", "load", "decode", "decrypt") or name.startswith("marshal.")
        shown = name.removeprefix("builtins.")
        raise Cannot(f"{shown}() is not followed", node, decoding)
    try:
        return function(machine, args, keywords, node)
    except (Refused, Cannot):
        raise
    except (
        TypeError,
        ValueError,
        IndexError,
        KeyError,
        AttributeError,
        ArithmeticError,
        UnicodeError,
    ) as error:
        # The call does not fit its function: wrong kind or number of arguments.
        raise Cannot(f"{name.removeprefix('builtins.')}() fails ({type(error).__name__})", node) from None
