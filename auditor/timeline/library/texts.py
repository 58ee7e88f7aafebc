"""Texts that are built from constants: names are what they come out as, however a script spells them.

Everything is bounded, and nothing is done that takes longer on a hostile text than on another: patterns of regular
expressions are replaced only where they are plain words.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import os.path
import re
import string
import urllib.parse
from collections.abc import Callable

from auditor.regex import regex
from auditor.timeline.values.folding import FoldError

_MAX = 4_000
_PLAIN = regex(r"[\w./ -]*")


def bounded(compute: Callable[..., object]) -> Callable[..., object]:
    """Return ``compute`` for small constants only; its own errors are :class:`FoldError`."""

    def run(*values: object) -> object:
        for value in values:
            if isinstance(value, str | bytes | tuple) and len(value) > _MAX:
                raise FoldError
        try:
            out = compute(*values)
        except (TypeError, ValueError, LookupError, AttributeError, OverflowError) as error:
            raise FoldError from error
        if isinstance(out, str | bytes | tuple) and len(out) > _MAX * 4:
            raise FoldError
        return out

    return run


def formatted(text: object, *values: object) -> object:
    """``text.format(…)`` for plain fields; raises FoldError."""
    if not isinstance(text, str) or not all(isinstance(v, str | int | float | bool | None) for v in values):
        raise FoldError
    for _, field, spec, _ in string.Formatter().parse(text):
        if (field and not field.isalnum()) or (spec and not re.fullmatch(r"[0-9<>^.,dsxX]{1,4}", spec)):
            raise FoldError
    return text.format(*values)


def replaced(pattern: object, new: object, text: object, *rest: object) -> object:
    """``re.sub(pattern, new, text)`` where the pattern is a plain word; raises FoldError."""
    if rest or not all(isinstance(v, str) for v in (pattern, new, text)):
        raise FoldError
    if not _PLAIN.fullmatch(str(pattern)) or not _PLAIN.fullmatch(str(new)):
        raise FoldError
    return re.sub(str(pattern), str(new), str(text))


def decoded(data: object, encoding: object = "utf-8", *rest: object) -> object:
    """``data.decode(…)``, and ``codecs.decode`` for the ciphers of the standard library; raises FoldError."""
    if encoding in ("rot13", "rot_13") and isinstance(data, str):
        return codecs.decode(data, "rot13")
    if encoding in ("hex", "hex_codec") and isinstance(data, str | bytes):
        return bytes.fromhex(data if isinstance(data, str) else data.decode("ascii"))
    if isinstance(data, bytes) and encoding in ("utf-8", "utf8", "ascii", "latin-1", "latin1", "utf_8"):
        return data.decode(str(encoding))
    raise FoldError


def path_part(compute: Callable[[str], object]) -> Callable[..., object]:
    """Return ``compute`` of one path."""

    def run(path: object, *rest: object) -> object:
        if not isinstance(path, str) or rest:
            raise FoldError
        return compute(path)

    return run


# By dotted name: what a function gives for constants.
FUNCTIONS: dict[str, Callable[..., object]] = {
    "chr": chr,
    "ord": ord,
    "hex": hex,
    "oct": oct,
    "bin": bin,
    "bytes": lambda values, *rest: bytes(values) if isinstance(values, tuple) else bytes(str(values), str(*rest)),
    "bytes.fromhex": lambda text: bytes.fromhex(text),
    "bytes.decode": decoded,
    "codecs.decode": decoded,
    "binascii.unhexlify": binascii.unhexlify,
    "base64.b64decode": base64.b64decode,
    "base64.b32decode": base64.b32decode,
    "base64.b16decode": base64.b16decode,
    "base64.b85decode": base64.b85decode,
    "urllib.parse.unquote": urllib.parse.unquote,
    "re.sub": replaced,
    "re.escape": re.escape,
    "str.maketrans": lambda old, new: tuple(zip(map(ord, old), new, strict=True)),
    "os.path.basename": path_part(os.path.basename),
    "os.path.dirname": path_part(os.path.dirname),
    "os.path.splitext": path_part(os.path.splitext),
    "os.path.normpath": path_part(os.path.normpath),
    "os.fspath": path_part(str),
    "os.path.expanduser": path_part(str),
    "os.path.abspath": path_part(str),
    "os.path.realpath": path_part(str),
    "operator.concat": lambda a, b: a + b,
}


def translated(text: object, table: object) -> object:
    """``text.translate(str.maketrans(…))``; raises FoldError."""
    if not isinstance(text, str) or not isinstance(table, tuple):
        raise FoldError
    return text.translate(dict(table))
