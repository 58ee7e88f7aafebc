"""A packed script with another inside: packed again by the same decodings, in the same literal or file."""

from __future__ import annotations

import ast
import base64
import binascii
import bz2
import gzip
import io
import lzma
import re
import tokenize
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from auditor.fix.change import Edit, Unfixable
from auditor.fix.python import edited
from auditor.program.unpack import Layer, decode_text, unpack
from auditor.regex import regex

Read = Callable[[str], bytes | None]

_FEWEST = 64  # characters of a literal that may hold a script
_MOST_LITERALS = 4  # that are tried, the longest first
_ALPHABETS: Mapping[str, Callable[[bytes], bytes]] = {
    "b64decode": base64.b64encode,
    "standard_b64decode": base64.b64encode,
    "decodebytes": base64.b64encode,
    "a2b_base64": base64.b64encode,
    "urlsafe_b64decode": base64.urlsafe_b64encode,
    "b85decode": base64.b85encode,
    "a85decode": base64.a85encode,
    "b32decode": base64.b32encode,
    "b16decode": base64.b16encode,
    "unhexlify": binascii.hexlify,
    "a2b_hex": binascii.hexlify,
    "fromhex": binascii.hexlify,
}
_TEXT = frozenset({"text", "utf-8", "ascii", "decode"})
_LITERAL = regex(r"""([A-Za-z]{0,2})(\"{3}|'{3}|"|')(.*)\2\Z""", re.S)


def packed_again(layers: Sequence[Layer], changed: bytes, path: str, read: Read) -> dict[str, bytes]:
    """Return the files that make the last of ``layers`` read ``changed``; raises :class:`Unfixable`.

    ``layers`` are a script's, outermost first, and ``path`` is the script. What is made is unpacked again, and counts
    only if the layer is what it should be.
    """
    wanted = changed
    data = changed
    for outer, layer in zip(reversed(layers[:-1]), reversed(layers[1:]), strict=True):
        if layer.line_map is not None:
            raise Unfixable("what unpacks it is a part of the program")
        if layer.path != outer.path and read(layer.path) == layer.data:
            return {layer.path: data}
        data = _around(outer, layer, data, path, read)
    if not _opens(data, path, read, len(layers) - 1, wanted):
        raise Unfixable("it can't be packed again in the same form")
    return {path: data}


def _around(outer: Layer, layer: Layer, inner: bytes, path: str, read: Read) -> bytes:
    """Return the outer layer with ``inner`` in the place of what ``layer`` was unpacked from."""
    text, encoding = decode_text(outer.data)
    encoding = encoding.split(" ")[0]
    for literal in sorted(_literals(text), key=lambda each: -len(each.new))[:_MOST_LITERALS]:
        for stream in _packings(layer, inner, text, literal):
            try:
                made = edited(text, [_rewritten(literal, stream)]).encode(encoding)
            except (Unfixable, UnicodeEncodeError):
                continue
            if _opens(made, path, read, 1, inner):
                return made
    raise Unfixable("it can't be packed again in the same form")


def _opens(data: bytes, path: str, read: Read, index: int, wanted: bytes) -> bool:
    """Return whether a script unpacks to ``wanted`` in its layer ``index``."""
    layers = unpack(data, path, read).layers
    return index < len(layers) and layers[index].data == wanted


def _literals(text: str) -> Iterator[Edit]:
    """Yield the long literals of a source: where they stand, as written, and the value in ``new``."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    lines = text.split("\n")

    def offset(line: int, column: int) -> int:
        return starts[line - 1] + len(lines[line - 1].encode("utf-8")[:column].decode("utf-8", "replace"))

    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes) and len(node.value) >= _FEWEST:
            start = offset(node.lineno, node.col_offset)
            end = offset(node.end_lineno or node.lineno, node.end_col_offset or 0)
            value = node.value.decode("latin-1") if isinstance(node.value, bytes) else node.value
            yield Edit("", start, end, text[start:end], value)


def _packings(layer: Layer, inner: bytes, text: str, literal: Edit) -> Iterator[str | bytes]:
    """Yield what the literal may have to hold: first what its own maker would have written."""
    steps = [step for step in layer.how if step not in _TEXT]
    alphabets = [step for step in steps if step in _ALPHABETS]
    codecs = [step for step in steps if step not in _ALPHABETS]
    if len(alphabets) > 1 or len(codecs) > 1 or (alphabets and steps[0] != alphabets[0]):
        raise Unfixable(f"it is packed in a way that isn't packed again ({', '.join(layer.how)})")
    was = "".join(literal.new.split())
    found: dict[bytes, None] = {}
    own: bytes | None = None
    for make in _coders(codecs[0] if codecs else "", text):
        packed = make(inner)
        encoded = _ALPHABETS[alphabets[0]](packed) if alphabets else packed
        found.setdefault(encoded)
        before = make(layer.data)
        if (_ALPHABETS[alphabets[0]](before) if alphabets else before).decode("latin-1") == was:
            own = encoded  # by which it was packed before
            break
    ordered = sorted(found, key=len)
    for encoded in [own, *ordered] if own is not None else ordered:
        assert encoded is not None
        yield encoded.decode("latin-1") if alphabets else encoded


def _coders(step: str, text: str) -> Iterator[Callable[[bytes], bytes]]:
    """Yield ways to pack by a decoding's name, the usual ones first."""
    if not step:
        yield lambda data: data
    elif step == "lzma raw":
        for filters in _filters(text):
            yield lambda data, f=filters: lzma.compress(data, lzma.FORMAT_RAW, filters=f)  # type: ignore[misc]
    elif step == "lzma":
        for preset in (9 | lzma.PRESET_EXTREME, 9, 6 | lzma.PRESET_EXTREME, 6):
            for check in (lzma.CHECK_CRC64, lzma.CHECK_CRC32, lzma.CHECK_NONE):
                yield lambda data, p=preset, c=check: lzma.compress(data, lzma.FORMAT_XZ, c, p)  # type: ignore[misc]
            yield lambda data, p=preset: lzma.compress(data, lzma.FORMAT_ALONE, preset=p)  # type: ignore[misc]
    elif step in ("zlib", "gzip", "deflate"):
        wbits = {"zlib": 15, "gzip": 31, "deflate": -15}[step]
        for level in (9, 6):
            yield lambda data, n=level: _deflated(data, n, wbits)  # type: ignore[misc]
            if step == "gzip":
                yield lambda data, n=level: gzip.compress(data, n, mtime=0)  # type: ignore[misc]
    elif step == "bz2":
        yield lambda data: bz2.compress(data, 9)
    elif step == "brotli":
        import brotli  # type: ignore[import-untyped]

        yield lambda data: bytes(brotli.compress(data, quality=11))
        yield lambda data: bytes(brotli.compress(data, quality=11, lgwin=24))
    elif step == "zstd":
        try:
            import zstandard
        except ImportError:
            raise Unfixable("Zstandard data: install golf-audit[zstd] to pack them again") from None
        for level in (22, 19):
            yield lambda data, n=level: zstandard.ZstdCompressor(level=n).compress(data)  # type: ignore[misc]
    else:
        raise Unfixable(f"it is packed in a way that isn't packed again ({step})")


def _deflated(data: bytes, level: int, wbits: int) -> bytes:
    packer = zlib.compressobj(level, zlib.DEFLATED, wbits)
    return packer.compress(data) + packer.flush()


def _filters(text: str) -> Iterator[list[dict[str, int]]]:
    """Yield the chains by which raw LZMA data may have been made: as the wrapper gives them, with each preset."""
    given: list[dict[str, int]] = [{"id": lzma.FILTER_LZMA2}]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.keyword) and node.arg == "filters":
            found = _constant(node.value)
            if isinstance(found, list) and all(isinstance(each, dict) for each in found):
                given = found
    yield from (
        [*given[:-1], {**given[-1], "preset": preset}]
        for preset in (9 | lzma.PRESET_EXTREME, 9, 6 | lzma.PRESET_EXTREME, 6)
        if "preset" not in given[-1]
    )
    yield given


def _constant(node: ast.expr) -> Any:
    """Return a literal in which constants of :mod:`lzma` may stand; None for anything else."""
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Attribute(attr=name) if name.isupper():
            return getattr(lzma, name, None)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            one, other = _constant(left), _constant(right)
            return one | other if isinstance(one, int) and isinstance(other, int) else None
        case ast.List(elts=elts) | ast.Tuple(elts=elts):
            return [_constant(each) for each in elts]
        case ast.Dict(keys=keys, values=values):
            return {_constant(k): _constant(v) for k, v in zip(keys, values, strict=True) if k is not None}
        case _:
            return None


def _rewritten(literal: Edit, value: str | bytes) -> Edit:
    """Return the edit that makes a literal hold ``value``, in the form that it has: its quotes, rows and parts."""
    if isinstance(value, bytes):
        return Edit("", literal.start, literal.end, literal.old, repr(value))
    tokens = _strings(literal.old)
    if not tokens:
        raise Unfixable("its literal can't be rewritten")
    first = _LITERAL.match(tokens[0][0])
    if first is None:
        raise Unfixable("its literal can't be rewritten")
    prefix, quote, body = first[1], first[2], first[3]
    if (len(quote) == 1 and quote in value) or "\\" in value:
        raise Unfixable("its literal can't be rewritten")
    if len(tokens) == 1:
        rows = body.split("\n")
        if len(rows) > 1:
            width = max(len(row) for row in rows)
            lead = "\n" if not rows[0] else ""
            tail = "\n" if not rows[-1] else ""
            value = lead + "\n".join(_cut(value, width)) + tail
        return Edit("", literal.start, literal.end, literal.old, f"{prefix}{quote}{value}{quote}")
    between = literal.old[tokens[0][2] : tokens[1][1]]
    parts = (f"{prefix}{quote}{part}{quote}" for part in _cut(value, max(1, len(body))))
    return Edit("", literal.start, literal.end, literal.old, between.join(parts))


def _strings(text: str) -> list[tuple[str, int, int]]:
    """Return the string tokens of an expression, with where they start and end."""
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    wrapped = f"({text})"
    found: list[tuple[str, int, int]] = []
    tokens: Iterable[tokenize.TokenInfo] = tokenize.generate_tokens(io.StringIO(wrapped).readline)
    try:
        for token in tokens:
            if token.type == tokenize.STRING:
                at, end = (starts[line - 1] + column - (line == 1) for line, column in (token.start, token.end))
                found.append((token.string, at, end))
    except (tokenize.TokenError, SyntaxError):
        return []
    return found


def _cut(text: str, width: int) -> list[str]:
    return [text[at : at + width] for at in range(0, len(text), width)]
