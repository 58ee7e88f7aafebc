"""Output of decompressors: counted while it is produced, and refused when it grows too large."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from auditor.program.unpack.model import MAX_BYTES, MAX_RATIO, MAX_WORK, SMALL_BYTES, Refused

CHUNK: Final = 256 * 1024  # bytes asked for at a time
MAX_DICTIONARY: Final = 128 * 1024 * 1024  # LZMA presets stop at 64 MiB, zstandard's own limit is this
MEMORY: Final = 256 * 1024 * 1024  # what an LZMA decoder may use


class Decoded(Struct, frozen=True):
    """What a call gives, and in a few words what it left undecoded of its input ("" for nothing)."""

    data: bytes
    left: str = ""


class Output:
    """Bytes produced so far from ``packed`` bytes of input; refuses when they pass a cap."""

    def __init__(self, packed: int) -> None:
        self._packed = packed
        self._parts: list[bytes] = []
        self._read = 0
        self.size = 0

    def feed(self, size: int) -> None:
        """Count more input."""
        self._packed += size

    def stream(self, size: int) -> None:
        """Begin a stream with ``size`` bytes of input before it; raises for more of them than could be honest."""
        self._read += size
        if self._read > MAX_WORK:
            raise Refused("more compressed streams, one after the other, than are followed")

    def add(self, part: bytes) -> None:
        """Keep a part; raises :class:`~auditor.program.unpack.model.Refused`."""
        self._parts.append(part)
        self.size += len(part)
        self.check(self.size)

    def check(self, size: int) -> None:
        """Raise :class:`~auditor.program.unpack.model.Refused` for ``size`` bytes of output that are too many."""
        if size > MAX_BYTES:
            raise Refused(f"unpacks to more than {MAX_BYTES // 2**20} MiB")
        if size > max(SMALL_BYTES, self._packed * MAX_RATIO):
            raise Refused(f"unpacks to more than {MAX_RATIO} times its size")

    def take(self) -> bytes:
        """Return what was kept since the last time."""
        parts, self._parts = self._parts, []
        return b"".join(parts)


def after(size: int, unit: str) -> str:
    """Return the words for ``size`` bytes that a call didn't look at."""
    return f"{size:,} byte{'s' if size != 1 else ''} after the first {unit} are never run" if size else ""


def ends_early(call: str) -> str:
    """Return the words for data that end before their stream does, where the call says nothing of it."""
    return f"the packed data end before their stream does, and {call} gives what came before without an error"
