"""Decompressor objects, as the libraries behave: one stream each, fed in parts, with what is left over."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from auditor.program.unpack.model import MAX_BYTES, Refused
from auditor.program.unpack.output import CHUNK, MAX_DICTIONARY, MEMORY, Output, after, ends_early

_SLICE: Final = 512  # bytes fed at a time where output can't be bounded: 128 blocks of 128 KiB at most


class Incremental(Protocol):
    """A decompressor that is fed in parts.

    ``attribute`` returns one of the object's own attributes (None where it has none of that name), and makes a note
    that the script looked; ``left`` tells what the object has left undecoded, as far as the script can't know.
    """

    label: str

    def decompress(self, data: bytes, limit: int) -> bytes:
        """Return what ``data`` gives, at most ``limit`` bytes when it isn't negative; raises :class:`Refused`."""

    def flush(self) -> bytes:
        """Return what is still held back."""

    def attribute(self, name: str) -> Any:
        """Return an attribute of the object, None where it has none of that name."""

    def left(self) -> str:
        """Return what the object has left undecoded, in a few words."""


class _Object:
    """What the objects of all libraries share; ``_real`` is the library's own."""

    label = ""
    call = ""
    attributes: tuple[str, ...] = ()

    def __init__(self, real: Any) -> None:
        self._real = real
        self._out = Output(0)
        self._looked = False

    def attribute(self, name: str) -> Any:
        if name not in self.attributes:
            return None
        self._looked = self._looked or name in ("unused_data", "unconsumed_tail")
        return getattr(self._real, name)

    def flush(self) -> bytes:
        return b""

    def left(self) -> str:
        if self._looked:
            return ""
        if self._real.eof:
            return after(len(self._real.unused_data), "stream")
        return self._unfinished()

    def _unfinished(self) -> str:
        return ends_early(self.call)

    def _cap(self, limit: int) -> int:
        return MAX_BYTES + 1 if limit > MAX_BYTES else limit


class Zlib(_Object):
    """``zlib.decompressobj()``: at most ``limit`` bytes a call, 0 for all; the rest waits for the next one."""

    call = "decompressobj().decompress()"
    attributes = ("eof", "unused_data", "unconsumed_tail")

    def __init__(self, wbits: int, zdict: bytes) -> None:
        self.label = "gzip" if wbits > 15 else "deflate" if wbits < 0 else "zlib"
        try:
            super().__init__(zlib.decompressobj(wbits, zdict) if zdict else zlib.decompressobj(wbits))
        except (ValueError, OverflowError) as error:
            raise Refused(f"decompressobj() fails ({error})") from None

    def decompress(self, data: bytes, limit: int) -> bytes:
        """Return what ``data`` gives; the rest is the object's ``unconsumed_tail``."""
        self._out.feed(len(data))
        try:
            if limit > 0:
                self._out.add(self._real.decompress(data, self._cap(limit)))
            else:
                self._all(data)
        except zlib.error as error:
            raise Refused(f"not deflate data ({error})") from None
        return self._out.take()

    def flush(self) -> bytes:
        """Return all that ``unconsumed_tail`` still holds; an end that is missing is no error here."""
        try:
            self._all(self._real.unconsumed_tail)
        except zlib.error as error:
            raise Refused(f"not deflate data ({error})") from None
        return self._out.take()

    def _all(self, rest: bytes) -> None:
        while not self._real.eof or rest:
            part = self._real.decompress(rest, CHUNK)
            self._out.add(part)
            rest = self._real.unconsumed_tail
            if self._real.eof or (not part and not rest):
                return

    def _unfinished(self) -> str:
        if self._real.unconsumed_tail or self._stops():
            return f"what follows its first {self._out.size:,} bytes is not asked for, and never run"
        return super()._unfinished()

    def _stops(self) -> bool:
        """Return whether the stream goes on with the input that it has had."""
        return bool(self._real.copy().decompress(b"", 1))


class _OneStream(_Object):
    """``bz2.BZ2Decompressor`` and ``lzma.LZMADecompressor``: one stream; calls after its end fail."""

    attributes = ("eof", "unused_data", "needs_input")
    errors: tuple[type[Exception], ...] = (OSError, EOFError, ValueError, lzma.LZMAError)

    def decompress(self, data: bytes, limit: int) -> bytes:
        """Return what ``data`` gives, at most ``limit`` bytes when it isn't negative."""
        self._out.feed(len(data))
        try:
            if limit >= 0:
                self._out.add(self._real.decompress(data, self._cap(limit)))
            else:
                self._out.add(self._real.decompress(data, CHUNK))
                while not self._real.eof and not self._real.needs_input:
                    self._out.add(self._real.decompress(b"", CHUNK))
        except self.errors as error:
            raise Refused(f"not {self.label} data ({error})") from None
        return self._out.take()

    def _unfinished(self) -> str:
        if not self._real.needs_input:
            return f"what follows its first {self._out.size:,} bytes is not asked for, and never run"
        return super()._unfinished()


class Bz2(_OneStream):
    """``bz2.BZ2Decompressor()``."""

    label = "bz2"
    call = "BZ2Decompressor().decompress()"

    def __init__(self) -> None:
        super().__init__(bz2.BZ2Decompressor())


class Lzma(_OneStream):
    """``lzma.LZMADecompressor(form, filters=filters)``."""

    call = "LZMADecompressor().decompress()"

    def __init__(self, form: int, filters: Sequence[Mapping[str, int]] | None) -> None:
        self.label = "lzma raw" if form == lzma.FORMAT_RAW else "lzma"
        super().__init__(lzma_object(form, filters))


def lzma_object(form: int, filters: Sequence[Mapping[str, int]] | None) -> lzma.LZMADecompressor:
    """Return the library's own object, bounded in memory; raises :class:`Refused`."""
    chain = [dict(one) for one in filters] if filters is not None else None
    for one in chain or ():
        if one.get("dict_size", 0) > MAX_DICTIONARY:
            raise Refused("LZMA dictionary larger than 128 MiB")
    try:
        return lzma.LZMADecompressor(form, None if form == lzma.FORMAT_RAW else MEMORY, chain)
    except (lzma.LZMAError, ValueError, TypeError, OverflowError) as error:
        raise Refused(f"not LZMA data ({error})") from None


class Brotli(_Object):
    """``brotli.Decompressor()``: anything after the stream is an error."""

    label = "brotli"
    call = "Decompressor().process()"

    def __init__(self) -> None:
        import brotli  # type: ignore[import-untyped]

        super().__init__(brotli.Decompressor())
        self._error: type[Exception] = brotli.error

    def decompress(self, data: bytes, limit: int) -> bytes:
        """Return what ``data`` gives, about ``limit`` bytes when it isn't negative."""
        self._out.feed(len(data))
        try:
            self._out.add(self._real.process(data, output_buffer_limit=CHUNK if limit < 0 else self._cap(limit)))
            while limit < 0 and not self._real.is_finished() and not self._real.can_accept_more_data():
                self._out.add(self._real.process(b"", output_buffer_limit=CHUNK))
        except self._error as error:
            raise Refused(f"not Brotli data ({error})") from None
        return self._out.take()

    def left(self) -> str:
        """Return whether the stream goes on, in a few words."""
        if self._real.is_finished():
            return ""
        if not self._real.can_accept_more_data():
            return f"what follows its first {self._out.size:,} bytes is not asked for, and never run"
        return ends_early(self.call)


class Zstd(_Object):
    """``zstandard.ZstdDecompressor().decompressobj()``: the first frame, or all of them when ``across``.

    The packages pyzstd and compression.zstd have the first kind as ``ZstdDecompressor``.
    """

    label = "zstd"
    call = "decompressobj().decompress()"
    attributes = ("eof", "unused_data", "unconsumed_tail", "needs_input")

    def __init__(self, decompressor: Any, across: bool) -> None:
        super().__init__(decompressor.decompressobj(read_across_frames=across))
        self._across = across
        self._unused = b""

    def decompress(self, data: bytes, limit: int) -> bytes:
        """Return what ``data`` gives."""
        import zstandard

        if limit >= 0:
            raise Refused("a limit of a Zstandard object's output is not followed")
        self._out.feed(len(data))
        try:
            for start in range(0, max(len(data), 1), _SLICE):
                self._out.add(self._real.decompress(data[start : start + _SLICE]))
                if self._real.eof and not self._across:
                    self._unused = self._real.unused_data + data[start + _SLICE :]
                    break
        except zstandard.ZstdError as error:
            raise Refused(f"not Zstandard data ({error})") from None
        return self._out.take()

    def attribute(self, name: str) -> Any:
        """Return an attribute of the object; ``unused_data`` is what follows the first frame."""
        if name == "unused_data":
            self._looked = True
            return self._unused
        if name == "needs_input":
            return not self._real.eof
        return super().attribute(name)

    def left(self) -> str:
        """Return what follows the first frame, in a few words."""
        if self._looked or self._across:
            return ""
        return after(len(self._unused), "frame") if self._real.eof else ends_early(self.call)
