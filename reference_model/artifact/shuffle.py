"""Byte shuffle: bytes of the same place in their value lie together, which compressors like (spec §4)."""

from __future__ import annotations

STRIDE = 2
"""Bytes per value in the streams that gain most (float16)."""

_MARK = b"BSHF"


def shuffle(data: bytes, stride: int = STRIDE) -> bytes:
    """Return a header (mark and stride) and the planes of ``data`` by position modulo ``stride``."""
    if not 1 <= stride <= 255:
        raise ValueError(f"a stride of {stride} does not fit one byte")
    return _MARK + bytes([stride]) + b"".join(data[plane::stride] for plane in range(stride))


def unshuffle(data: bytes) -> bytes:
    """Return what :func:`shuffle` was given; raises ValueError when the header is not there."""
    if len(data) <= len(_MARK) or not data.startswith(_MARK) or not data[len(_MARK)]:
        raise ValueError("not byte-shuffled: the header is missing")
    stride, planes = data[len(_MARK)], memoryview(data)[len(_MARK) + 1 :]
    out = bytearray(len(planes))
    start = 0
    for plane in range(stride):
        length = len(range(plane, len(planes), stride))
        out[plane::stride] = planes[start : start + length]
        start += length
    return bytes(out)
