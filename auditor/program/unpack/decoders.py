"""Decompressors and text decoders for untrusted data: every output is bounded while it is produced."""

from __future__ import annotations

import base64
import binascii
import bz2
import codecs
import lzma
import quopri
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from auditor.program.unpack.model import MAX_BYTES, MAX_RATIO, SMALL_BYTES, Refused, words

_CHUNK: Final = 256 * 1024
_MAX_DICTIONARY: Final = 128 * 1024 * 1024  # LZMA presets stop at 64 MiB
_MEMORY: Final = 256 * 1024 * 1024


class _Output:
    """Bytes produced so far; refuses when they pass a cap."""

    def __init__(self, packed: int) -> None:
        self._packed = packed
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, part: bytes) -> None:
        self._parts.append(part)
        self._size += len(part)
        if self._size > MAX_BYTES:
            raise Refused(f"unpacks to more than {MAX_BYTES // 2**20} MiB")
        if self._size > max(SMALL_BYTES, self._packed * MAX_RATIO):
            raise Refused(f"unpacks to more than {MAX_RATIO} times its size")

    def bytes(self) -> bytes:
        return b"".join(self._parts)


def unlzma(data: bytes, form: int, filters: Sequence[Mapping[str, int]] | None) -> bytes:
    """Return decompressed LZMA data (xz, alone or raw); raises :class:`Refused`."""
    out = _Output(len(data))
    raw = form == lzma.FORMAT_RAW
    chain = [dict(one) for one in filters] if filters is not None else None
    for one in chain or ():
        if one.get("dict_size", 0) > _MAX_DICTIONARY:
            raise Refused("LZMA dictionary larger than 128 MiB")
    rest = data
    first = True
    while rest or first:
        try:
            stream = lzma.LZMADecompressor(form, None if raw else _MEMORY, chain)
            out.add(stream.decompress(rest, _CHUNK))
            while not stream.eof and not stream.needs_input:
                out.add(stream.decompress(b"", _CHUNK))
        except (lzma.LZMAError, ValueError, TypeError, OverflowError, EOFError) as error:
            if not first:
                break  # as in lzma.decompress: what follows a whole stream is ignored when it is none
            raise Refused(f"not LZMA data ({error})") from None
        if not stream.eof:
            raise Refused("LZMA data ends too early")
        rest = stream.unused_data
        first = False
    return out.bytes()


def inflate(data: bytes, wbits: int = zlib.MAX_WBITS, members: bool = False) -> bytes:
    """Return inflated zlib, gzip or raw deflate data as ``wbits`` says; raises :class:`Refused`.

    ``members`` reads on after the end of a stream, as gzip does.
    """
    out = _Output(len(data))
    rest = data
    while True:
        try:
            stream = zlib.decompressobj(wbits)
            while not stream.eof:
                part = stream.decompress(rest, _CHUNK)
                out.add(part)
                rest = stream.unconsumed_tail
                if not part and not rest and not stream.eof:
                    raise Refused("deflate data ends too early")
        except (zlib.error, ValueError, OverflowError) as error:
            raise Refused(f"not deflate data ({error})") from None
        rest = stream.unused_data.lstrip(b"\0") if members else b""
        if not rest:
            return out.bytes()


def ungzip(data: bytes) -> bytes:
    """Return decompressed gzip data, every member of it; raises :class:`Refused`."""
    return inflate(data, 31, members=True)


def unbz2(data: bytes) -> bytes:
    """Return decompressed bzip2 data, every stream of it; raises :class:`Refused`."""
    out = _Output(len(data))
    rest = data
    first = True
    while rest or first:
        stream = bz2.BZ2Decompressor()
        try:
            out.add(stream.decompress(rest, _CHUNK))
            while not stream.eof:
                if stream.needs_input:
                    raise Refused("bzip2 data ends too early")
                out.add(stream.decompress(b"", _CHUNK))
        except (OSError, EOFError, ValueError) as error:
            if not first:
                break
            raise Refused(f"not bzip2 data ({error})") from None
        rest = stream.unused_data
        first = False
    return out.bytes()


def unzstd(data: bytes) -> bytes:
    """Return decompressed Zstandard data, every frame of it; raises :class:`Refused`."""
    try:
        import zstandard
    except ImportError:
        # 24 MB that hardly any submission needs: an extra, and never a silent pass without it.
        raise Refused("Zstandard data: install golf-audit[zstd] to open it") from None
    out = _Output(len(data))
    reader = zstandard.ZstdDecompressor(max_window_size=_MAX_DICTIONARY).stream_reader(data, read_across_frames=True)
    try:
        while part := reader.read(_CHUNK):
            out.add(part)
    except zstandard.ZstdError as error:
        raise Refused(f"not Zstandard data ({error})") from None
    return out.bytes()


def unbrotli(data: bytes) -> bytes:
    """Return decompressed Brotli data; raises :class:`Refused`."""
    import brotli  # type: ignore[import-untyped]

    out = _Output(len(data))
    stream: Any = brotli.Decompressor()
    try:
        out.add(stream.process(data, output_buffer_limit=_CHUNK))
        while not stream.is_finished():
            if stream.can_accept_more_data():
                raise Refused("Brotli data ends too early")
            out.add(stream.process(b"", output_buffer_limit=_CHUNK))
    except brotli.error as error:
        raise Refused(f"not Brotli data ({error})") from None
    return out.bytes()


def _text_codec(function: Callable[..., Any]) -> Callable[..., bytes]:
    """Make a standard library decoder raise :class:`Refused` in place of its own errors."""

    def decode(data: Any, *args: Any, **keywords: Any) -> bytes:
        try:
            return bytes(function(data, *args, **keywords))
        except (ValueError, TypeError, binascii.Error, OverflowError) as error:
            raise Refused(f"{function.__name__}: {error}") from None

    return decode


def _rot13(data: Any) -> str:
    return str(codecs.decode(data, "rot13"))


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
        "quopri.decodestring": quopri.decodestring,
    }.items()
}

# What codecs.decode(data, name) and data.decode(name) may do besides reading a text encoding.
BYTE_CODECS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "base64": TEXT_CODECS["base64.decodebytes"],
    "hex": TEXT_CODECS["binascii.unhexlify"],
    "quopri": TEXT_CODECS["quopri.decodestring"],
    "zlib": inflate,
    "bz2": unbz2,
}

_TEXT_ENCODINGS: Final = frozenset(
    words("""
utf-8 utf-8-sig ascii iso8859-1 iso8859-15 utf-16 utf-16-le utf-16-be utf-32
utf-32-le utf-32-be cp1252 cp437 cp850 utf-7 unicode-escape raw-unicode-escape
""")
)


def text_encoding(name: str) -> str:
    """Return the canonical name of a text encoding that may be used here; raises :class:`Refused`."""
    try:
        canonical = codecs.lookup(name).name.replace("_", "-")
    except (LookupError, ValueError):
        canonical = ""
    if canonical not in _TEXT_ENCODINGS:
        raise Refused("a text encoding that is not followed")
    return canonical


def byte_codec(name: str) -> Callable[[bytes], bytes] | None:
    """Return the bytes-to-bytes decoder that the codec registry knows under ``name``, if followed."""
    try:
        canonical = codecs.lookup(name).name
    except (LookupError, ValueError):
        return None
    return BYTE_CODECS.get(canonical.removesuffix("_codec"))


def rot13(text: str) -> str:
    """Return ``text`` with its letters rotated by 13."""
    return _rot13(text)
