"""Decompressors and text decoders for untrusted data: every output is bounded while it is produced."""

from __future__ import annotations

import base64
import binascii
import bz2
import codecs
import email.base64mime
import lzma
import quopri
import urllib.parse
import zlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from auditor.program.unpack.incremental import Brotli, lzma_object
from auditor.program.unpack.model import Refused, words
from auditor.program.unpack.output import CHUNK, Decoded, Output, after


def unlzma(data: bytes, form: int, filters: Sequence[Mapping[str, int]] | None) -> Decoded:
    """Return what ``lzma.decompress`` does (xz, alone or raw), every stream of it; raises :class:`Refused`.

    What follows a whole stream is dropped when it is none: padding too, and with it a stream behind the padding.
    Padding at the end can be read as a stream that ends too early, which fails.
    """
    out = Output(len(data))
    rest = data
    while True:
        out.stream(len(rest))
        stream = lzma_object(form, filters)
        part = Output(len(data))
        try:
            part.add(stream.decompress(rest, CHUNK))
            while not stream.eof and not stream.needs_input:
                part.add(stream.decompress(b"", CHUNK))
        except (lzma.LZMAError, ValueError, TypeError, OverflowError, EOFError) as error:
            if rest is not data:
                return Decoded(out.take(), _dropped(rest, "LZMA stream"))
            raise Refused(f"not LZMA data ({error})") from None
        if not stream.eof:
            behind = "" if rest is data else " behind its first stream"
            raise Refused(f"LZMA data ends too early{behind}")
        out.add(part.take())
        rest = stream.unused_data
        if not rest:
            return Decoded(out.take())


def lzma_filters(value: Any) -> list[dict[str, int]] | None:
    """Return a filter chain that a script gives, None for none; raises :class:`Refused` for what is no such thing."""
    if value is None:
        return None
    allowed = {
        "id",
        "preset",
        "dict_size",
        "lc",
        "lp",
        "pb",
        "mode",
        "nice_len",
        "mf",
        "depth",
        "dist",
        "start_offset",
    }
    if not isinstance(value, (list, tuple)) or len(value) > 4:
        raise Refused("LZMA filters that are not followed")
    for one in value:
        if not isinstance(one, dict) or not set(one) <= allowed or not all(isinstance(v, int) for v in one.values()):
            raise Refused("LZMA filters that are not followed")
    return list(value)


def inflate(data: bytes, wbits: int = zlib.MAX_WBITS) -> Decoded:
    """Return what ``zlib.decompress`` does: one zlib, gzip or raw deflate stream; raises :class:`Refused`."""
    out = Output(len(data))
    stream = _inflated(data, wbits, out)
    return Decoded(out.take(), after(len(stream.unused_data), "stream"))


def _inflated(data: bytes, wbits: int, out: Output) -> Any:
    """Put one stream's content into ``out``; return the library's object at its end."""
    try:
        stream = zlib.decompressobj(wbits)
        rest = data
        while not stream.eof:
            part = stream.decompress(rest, CHUNK)
            out.add(part)
            rest = stream.unconsumed_tail
            if not part and not rest and not stream.eof:
                raise Refused("deflate data ends too early")
    except (zlib.error, ValueError, OverflowError) as error:
        raise Refused(f"not deflate data ({error})") from None
    return stream


def ungzip(data: bytes) -> Decoded:
    """Return what ``gzip.decompress`` does: every member, zeros between them skipped; raises :class:`Refused`."""
    out = Output(len(data))
    rest = data
    while rest:
        out.stream(len(rest))
        rest = _inflated(rest, 31, out).unused_data.lstrip(b"\0")
    return Decoded(out.take())


def unbz2(data: bytes) -> Decoded:
    """Return what ``bz2.decompress`` does: every stream, dropping what follows and is none; raises :class:`Refused`."""
    out = Output(len(data))
    rest = data
    while rest:
        out.stream(len(rest))
        stream = bz2.BZ2Decompressor()
        part = Output(len(data))
        try:
            part.add(stream.decompress(rest, CHUNK))
            while not stream.eof:
                if stream.needs_input:
                    behind = "" if rest is data else " behind its first stream"
                    raise Refused(f"bzip2 data ends too early{behind}")
                part.add(stream.decompress(b"", CHUNK))
        except (OSError, EOFError, ValueError) as error:
            if rest is not data:
                return Decoded(out.take(), _dropped(rest, "bzip2 stream"))
            raise Refused(f"not bzip2 data ({error})") from None
        out.add(part.take())
        rest = stream.unused_data
    return Decoded(out.take())


def unbrotli(data: bytes) -> Decoded:
    """Return decompressed Brotli data; raises :class:`Refused`."""
    stream = Brotli()
    plain = stream.decompress(data, -1)
    if stream.left():
        raise Refused("Brotli data ends too early")
    return Decoded(plain)


def _dropped(rest: bytes, unit: str) -> str:
    """Return the words for bytes behind the last whole stream."""
    return f"{len(rest):,} byte{'s' if len(rest) != 1 else ''} after the last {unit} are never run"


def _text_codec(function: Callable[..., Any]) -> Callable[..., bytes]:
    """Make a standard library decoder raise :class:`Refused` in place of its own errors."""

    def decode(data: Any, *args: Any, **keywords: Any) -> bytes:
        try:
            return bytes(function(data, *args, **keywords))
        except (ValueError, TypeError, binascii.Error, OverflowError) as error:
            raise Refused(f"{getattr(function, '__name__', 'codecs.decode')}: {error}") from None

    return decode


_B85: Final = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
_Z85: Final = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
_FROM_Z85: Final = {**dict.fromkeys(_B85, 0), **dict(zip(_Z85, _B85, strict=True))}


def _z85(data: Any) -> bytes:
    """Return what ``base64.z85decode`` does; Python has it since 3.13."""
    text = data.encode("ascii") if isinstance(data, str) else bytes(data)
    # What Z85 doesn't have becomes what base 85 doesn't have either.
    return base64.b85decode(text.translate(bytes(_FROM_Z85.get(byte, 0) for byte in range(256))))


# Linear in their input, which the caller has bounded.
TEXT_CODECS: Final[Mapping[str, Callable[..., bytes]]] = {
    name: _text_codec(function)
    for name, function in {
        **{
            f"base64.{name}": getattr(base64, name)
            for name in words("""
b64decode standard_b64decode urlsafe_b64decode decodebytes b32decode
b32hexdecode b16decode a85decode b85decode
""")
        },
        **{
            f"binascii.{name}": getattr(binascii, name)
            for name in ("a2b_base64", "a2b_hex", "unhexlify", "a2b_uu", "a2b_qp")
        },
        "base64.z85decode": _z85,
        "quopri.decodestring": quopri.decodestring,
        "email.base64mime.decode": email.base64mime.decode,
        "urllib.parse.unquote_to_bytes": urllib.parse.unquote_to_bytes,
        "codecs.uu": partial(codecs.decode, encoding="uu"),
    }.items()
}


def _whole(name: str) -> Callable[[bytes], Decoded]:
    return lambda data: Decoded(TEXT_CODECS[name](data))


# What codecs.decode(data, name) may do besides reading a text encoding.
BYTE_CODECS: Final[Mapping[str, Callable[[bytes], Decoded]]] = {
    "base64": _whole("base64.decodebytes"),
    "hex": _whole("binascii.unhexlify"),
    "quopri": _whole("quopri.decodestring"),
    "uu": _whole("codecs.uu"),
    "zlib": inflate,
    "bz2": unbz2,
}

_NO_TEXT: Final = frozenset(words("idna punycode mbcs oem undefined"))  # slow, Windows', or none at all


def text_encoding(name: str) -> str:
    """Return the canonical name of a text encoding that may be used here; raises :class:`Refused`."""
    try:
        found = codecs.lookup(name)
    except (LookupError, ValueError):
        raise Refused("a text encoding that is not followed") from None
    if not found._is_text_encoding or found.name in _NO_TEXT:
        raise Refused("a text encoding that is not followed")
    return found.name.replace("_", "-")


def byte_codec(name: str) -> Callable[[bytes], Decoded] | None:
    """Return the bytes-to-bytes decoder that the codec registry knows under ``name``, if followed."""
    try:
        canonical = codecs.lookup(name).name
    except (LookupError, ValueError):
        return None
    return BYTE_CODECS.get(canonical.removesuffix("_codec"))


def rot13(text: str) -> str:
    """Return ``text`` with its letters rotated by 13."""
    return str(codecs.decode(text, "rot13"))
