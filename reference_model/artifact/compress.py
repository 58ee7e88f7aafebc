"""The compressors of the published systems, at the levels that they used (spec §4)."""

from __future__ import annotations

import lzma
import shutil
import subprocess
import tempfile
import zlib
from pathlib import Path
from typing import Literal

from reference_model.errors import BadInput, RunFailed

Compressor = Literal["zlib", "zstd", "lzma", "brotli", "lrzip"]
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
    if compressor == "lrzip":
        return _lrzip(data, "-z", "-L", "9")
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
        if compressor == "lrzip" and has_lrzip():
            return _lrzip(data, "-d")
    except Exception as error:  # each library has its own exception for broken data
        raise BadInput(f"the artifact's {compressor} stream is broken: {error}") from error
    if compressor == "lrzip":
        raise BadInput("the artifact was packed with lrzip, a program that isn't installed here; install it")
    raise BadInput(f"the artifact names a compressor that nobody knows: {compressor!r}")


def has_lrzip() -> bool:
    """Return whether the program lrzip is there, which #1855 needs: context mixing, some per cent below brotli."""
    return shutil.which("lrzip") is not None


def _lrzip(data: bytes, *options: str) -> bytes:
    """Return what lrzip makes of ``data``; it works on files only."""
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder, "given.lrz"), Path(folder, "made")
        given.write_bytes(data)
        command = ["lrzip", "-q", *options, "-o", str(made), str(given)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode or not made.is_file():
            last = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
            raise RunFailed(f"lrzip ended with {done.returncode}: {last[:200]}")
        return made.read_bytes()
