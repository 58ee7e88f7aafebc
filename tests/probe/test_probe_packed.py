"""Compression in a run hardly tries; what it makes is unpacked as ever."""

from __future__ import annotations

import subprocess
import sys

_RUN = """
import bz2, lzma, time, zlib
from auditor.probe.harness import packed
given = bytes(range(256)) * 40 + b"the same words over and over " * 3000
sizes = {"lzma": len(lzma.compress(given, preset=9 | lzma.PRESET_EXTREME)), "zlib": len(zlib.compress(given, 9))}
packed.install()
assert lzma.decompress(lzma.compress(given, preset=9 | lzma.PRESET_EXTREME)) == given
assert lzma.decompress(lzma.compress(given, lzma.FORMAT_XZ, -1, 9)) == given
assert len(zlib.compress(given, 9)) > sizes["zlib"] and zlib.decompress(zlib.compress(given, level=9)) == given
assert bz2.decompress(bz2.compress(given)) == given
raw = [{"id": lzma.FILTER_LZMA2, "preset": 6}]
assert lzma.decompress(lzma.compress(given, lzma.FORMAT_RAW, filters=raw), lzma.FORMAT_RAW, filters=raw) == given
try:
    import zstandard
except ImportError:
    pass
else:
    made = zstandard.ZstdCompressor(level=22).compress(given)
    assert zstandard.ZstdDecompressor().decompress(made) == given
"""


def test_what_is_packed_with_the_least_effort_is_unpacked_as_ever() -> None:
    subprocess.run([sys.executable, "-c", _RUN], check=True, timeout=60)
