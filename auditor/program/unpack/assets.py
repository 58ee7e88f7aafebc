"""What a script carries in encoded form without executing it as Python: kernels, tables, dictionaries."""

from __future__ import annotations

import ast
import base64
import lzma
import re
import warnings
from typing import Final

from msgspec import Struct

from auditor.program.unpack.decoders import inflate, unbz2, ungzip, unlzma
from auditor.program.unpack.model import Refused
from auditor.program.unpack.zstd import all_frames
from auditor.regex import regex

_SHORTEST: Final = 256
_LONG_RUN: Final = regex(r"[!-~]{60}")
_B64: Final = regex(rb"[A-Za-z0-9+/_\-\s]+={0,2}\s*")


class Asset(Struct, frozen=True):
    """One encoded string: the line where it starts, how it is encoded, and what it holds."""

    line: int
    how: tuple[str, ...]
    data: bytes


def embedded(data: bytes) -> tuple[Asset, ...]:
    """Return the compressed or base-encoded literals of a script, decoded; () when it does not parse.

    Only strings that hold compressed data, or that decode to text; each is bounded like a layer.
    """
    text = data.decode("utf-8", "replace")
    if not _LONG_RUN.search(text):
        return ()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    found: list[Asset] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes)):
            value = node.value.encode("utf-8", "replace") if isinstance(node.value, str) else node.value
            if len(value) >= _SHORTEST and (opened := _open(value)) is not None:
                found.append(Asset(node.lineno, *opened))
    return tuple(sorted(found, key=lambda asset: asset.line))


def _open(value: bytes) -> tuple[tuple[str, ...], bytes] | None:
    direct = _decompress(value)
    if direct is not None:
        return (direct[0],), direct[1]
    for name, pattern, decode in (
        ("b64decode", _B64, base64.b64decode),
        ("b85decode", None, base64.b85decode),
        ("a85decode", None, base64.a85decode),
    ):  # type: tuple[str, re.Pattern[bytes] | None, Callable[[bytes], bytes]]
        if pattern is not None and not pattern.fullmatch(value):
            continue
        if pattern is None and re.search(rb"\s\w+\s\w+\s", value):
            continue  # prose or source
        try:
            raw = decode(value.replace(b"\n", b""))
        except ValueError:
            continue
        inner = _decompress(raw)
        if inner is not None:
            return (name, inner[0]), inner[1]
        if pattern is not None and re.search(rb"\s", raw) and raw.isascii() and b"\0" not in raw:
            return (name,), raw
    return None


def _decompress(data: bytes) -> tuple[str, bytes] | None:
    for name, magic, function in (
        ("lzma", b"\xfd7zXZ\0", lambda one: unlzma(one, lzma.FORMAT_XZ, None)),
        ("lzma", b"\x5d\0\0", lambda one: unlzma(one, lzma.FORMAT_ALONE, None)),
        ("gzip", b"\x1f\x8b", ungzip),
        ("bz2", b"BZh", unbz2),
        ("zstd", b"\x28\xb5\x2f\xfd", all_frames),
        ("zlib", b"\x78", inflate),
    ):  # type: tuple[str, bytes, Callable[[bytes], Decoded]]
        if data.startswith(magic):
            try:
                return name, function(data).data
            except Refused:
                continue
    return None
