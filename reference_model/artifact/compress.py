"""The compressors of the published systems, at the levels that they used (spec §4), and the smallest of all.

A level says little of a size where weights are quantised (docs/behaviour.md, Compressors): a coder that only counts
symbols beats one that searches for repeats which aren't there. So each stream can be given to all of them.
"""

from __future__ import annotations

import lzma
import shutil
import subprocess
import tempfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from reference_model.errors import BadInput, RunFailed

Compressor = Literal["zlib", "zstd", "lzma", "brotli", "lrzip"]
MAX_BYTES = 1 << 31
"""What decompression gives at most: an artifact is at most 16 MB, its weights a few hundred."""


_WORTH_LRZIP = 4096  # bytes: a smaller stream is not worth a program's start


@dataclass(frozen=True)
class Coder:
    """A compressor at a setting: ``name`` undoes it, ``label`` says both."""

    name: Compressor
    label: str
    encode: Callable[[bytes], bytes]


@dataclass(frozen=True)
class Stored:
    """One stream as one coder stores it."""

    coder: Coder
    data: bytes


def _zlib_counting(data: bytes) -> bytes:
    coder = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS, 9, zlib.Z_HUFFMAN_ONLY)
    return coder.compress(data) + coder.flush()


def _zstd(level: int) -> Callable[[bytes], bytes]:
    def encode(data: bytes) -> bytes:
        import zstandard

        return zstandard.ZstdCompressor(level=level).compress(data)

    return encode


def _brotli(data: bytes) -> bytes:
    import brotli  # type: ignore[import-untyped]

    return bytes(brotli.compress(data, quality=11, lgwin=24))


def _lrzip_coder(data: bytes) -> bytes:
    return _lrzip(data, "-z", "-L", "9")


CODERS = (
    Coder("brotli", "brotli 11", _brotli),
    Coder("zlib", "zlib 9", lambda data: zlib.compress(data, 9)),
    Coder("zlib", "zlib Huffman only", _zlib_counting),
    Coder("zstd", "zstd 22", _zstd(22)),
    Coder("zstd", "zstd 1", _zstd(1)),
    Coder("lzma", "lzma 6", lambda data: lzma.compress(data, preset=6)),
    Coder("lrzip", "lrzip 9", _lrzip_coder),
)
"""All that the container can read back; the first of a name is what the published systems used."""


def coder(compressor: Compressor) -> Coder:
    """Return the coder of that name as the published systems used it."""
    return next(known for known in CODERS if known.name == compressor)


def compress(data: bytes, compressor: Compressor) -> bytes:
    """Return ``data`` compressed; the same bytes for the same library version."""
    return coder(compressor).encode(data)


def tried(data: bytes, coders: Iterable[Coder] = CODERS) -> tuple[Stored, ...]:
    """Return ``data`` as each of ``coders`` stores it, the smallest first; of equals the one named first.

    A coder whose package or program isn't installed is left out.
    """
    stored = [Stored(known, known.encode(data)) for known in coders if _usable(known.name, len(data))]
    return tuple(sorted(stored, key=lambda one: len(one.data)))


def _usable(compressor: Compressor, length: int) -> bool:
    match compressor:
        case "brotli":
            return find_spec("brotli") is not None
        case "zstd":
            return find_spec("zstandard") is not None
        case "lrzip":
            return length >= _WORTH_LRZIP and has_lrzip()
        case _:
            return True


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
