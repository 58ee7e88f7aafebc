"""Zstandard data, by each library's own rules for what follows the first frame and for data cut short."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from auditor.program.unpack.incremental import Zstd
from auditor.program.unpack.model import MAX_BYTES, Refused
from auditor.program.unpack.output import MAX_DICTIONARY, Decoded, Output, after, ends_early


def library() -> Any:
    """Return the package zstandard; raises :class:`Refused` where it isn't installed."""
    try:
        import zstandard
    except ImportError:
        # 24 MB that hardly any submission needs: an extra, and never a silent pass without it.
        raise Refused("Zstandard data: install golf-audit[zstd] to open it") from None
    return zstandard


def decompressor(dictionary: bytes | None = None, window: int = 0) -> Any:
    """Return a ``ZstdDecompressor`` bounded in memory, with the script's dictionary and window."""
    zstandard = library()
    known = zstandard.ZstdCompressionDict(dictionary) if dictionary else None
    return zstandard.ZstdDecompressor(dict_data=known, max_window_size=min(window or MAX_DICTIONARY, MAX_DICTIONARY))


def first_frame(data: bytes, most: int = 0, extra: bool = True, reader: Any = None) -> Decoded:
    """Return what ``ZstdDecompressor().decompress(data, most, allow_extra_data=extra)`` does: the first frame.

    A frame that doesn't tell its size fails unless ``most`` bounds it. Raises :class:`Refused` with the call's error.
    """
    zstandard = library()
    reader = reader or decompressor()
    out = Output(len(data))
    try:
        if data:
            told = zstandard.get_frame_parameters(data)
            if told.window_size > MAX_DICTIONARY:
                raise Refused("Zstandard data that need a window of more than 128 MiB")
            if told.content_size != zstandard.CONTENTSIZE_UNKNOWN:
                out.check(told.content_size)
        out.add(reader.decompress(data, max_output_size=min(most, MAX_BYTES), allow_extra_data=extra))
        stream = reader.decompressobj()
        stream.decompress(data)
    except zstandard.ZstdError as error:
        raise Refused(f"decompress() fails on this Zstandard data ({error})") from None
    return Decoded(out.take(), after(len(stream.unused_data), "frame"))


class Frames(Struct, frozen=True):
    """All frames' content, where each ends in it, whether the last one is whole, and what stands behind it instead."""

    data: bytes
    ends: tuple[int, ...]
    whole: bool
    broken: str


def all_frames(data: bytes) -> Decoded:
    """Return every frame of ``data``, as zstd, pyzstd and compression.zstd do; raises for anything but whole frames."""
    found = frames(data)
    if found.broken or not found.whole or not data:
        raise Refused(found.broken or "Zstandard data end too early")
    return Decoded(found.data)


def streamed(data: bytes, across: bool, reader: Any = None) -> tuple[Decoded, Frames]:
    """Return what ``stream_reader(data)`` gives in all, and its frames: one ``read(n)`` stops at their ends.

    Data that end within a frame are no error there: what came before is given. ``across`` reads don't stop
    (``readall`` goes on from one frame to the next either way).
    """
    found = frames(data, reader)
    left = "" if found.whole or found.broken else ends_early("stream_reader()")
    return Decoded(found.data, left), replace(found, ends=()) if across else found


def one_frame_read(data: bytes, reader: Any = None) -> Decoded:
    """Return what ``read_to_iter(data)`` yields: the first frame, or what there is of it."""
    stream = Zstd(reader or decompressor(), across=False)
    stream.call = "read_to_iter()"
    return Decoded(stream.decompress(data, -1), stream.left())


def frames(data: bytes, reader: Any = None) -> Frames:
    """Return the frames of ``data``; raises :class:`Refused` when it doesn't begin with one."""
    out = Output(len(data))
    reader = reader or decompressor()
    ends: list[int] = []
    rest = data
    while rest:
        out.stream(len(rest))
        stream = Zstd(reader, across=False)
        try:
            out.add(stream.decompress(rest, -1))
        except Refused as error:
            if not ends:
                raise
            return Frames(out.take(), tuple(ends), True, str(error))
        if not stream.attribute("eof"):
            return Frames(out.take(), tuple(ends), False, "")
        ends.append(out.size)
        rest = stream.attribute("unused_data")
    return Frames(out.take(), tuple(ends), True, "")
