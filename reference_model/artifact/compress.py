"""The compressors of the published systems, at the levels that they used (spec §4)."""

from __future__ import annotations

import lzma
import zlib
from typing import Literal

from reference_model.errors import BadInput

Compressor = Literal["zlib", "zstd", "lzma", "brotli"]
MAX_BYTES = 1 << 31
"""What decompression gives at most: an artifact is at most 16 MB, its weights a few hundred."""


def compress(data: bytes, compressor: Compressor) -> bytes:
    """Return ``data`` compressed; the same bytes for the same library version."""
    if compressor == "zlib":
        return zlib.compress(data, 9)
    if compressor == "lzma":
        return lzma.compress(data, preset=6)
    if compressor == "zstd":
        import zstandard

        return zstandard.ZstdCompressor(level=22).compress(data)
    import brotli  # type: ignore[import-untyped]

    return bytes(brotli.compress(data, quality=11, lgwin=24))


def decompress(data: bytes, compressor: str) -> bytes:
    """Return what was compressed; raises :class:`BadInput` for broken data or an unknown compressor."""
    try:
        if compressor == "zlib":
            return zlib.decompress(data)
        if compressor == "lzma":
            return lzma.decompress(data)
        if compressor == "zstd":
            import zstandard

            return zstandard.ZstdDecompressor().decompress(data, max_output_size=MAX_BYTES)
        if compressor == "brotli":
            import brotli

            return bytes(brotli.decompress(data))
    except Exception as error:  # each library has its own exception for broken data
        raise BadInput(f"the artifact's {compressor} stream is broken: {error}") from error
    raise BadInput(f"the artifact names a compressor that nobody knows: {compressor!r}")
