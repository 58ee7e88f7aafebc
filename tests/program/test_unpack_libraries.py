"""Every decompressor is followed as the library behaves: held against the library itself, on our own data."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import lzma
import zlib
from pathlib import Path
from typing import Any

import brotli
import pytest
import zstandard

from auditor.program.unpack import unpack

FIRST = b"A = 1  # " + b"first " * 40 + b"\nclass Model:\n    pass\n"
SECOND = b"B = 2  # " + b"second " * 40 + b"\n"
RAW = [{"id": lzma.FILTER_LZMA2, "preset": 6}]
DICTIONARY = b"class Model: pass # first " * 4


def zstd(data: bytes, **options: Any) -> bytes:
    return zstandard.ZstdCompressor(**options).compress(data)


def damaged(first: bytes, second: bytes, cut: int = 9) -> dict[str, bytes]:
    """Return one payload in every shape that the libraries disagree about."""
    return {
        "one": first,
        "two": first + second,
        "two, zeros between": first + bytes(4) + second,
        "two, many zeros between": first + bytes(16) + second,
        "something behind": first + b"not a stream at all",
        "padding": first + bytes(4),
        "more padding": first + bytes(12),
        "cut short": first[:-cut],
        "the second cut short": first + second[:-cut],
        "nothing": b"",
    }


ZLIB = damaged(zlib.compress(FIRST), zlib.compress(SECOND))
DEFLATE = damaged(zlib.compress(FIRST, wbits=-15), zlib.compress(SECOND, wbits=-15), 3)
GZIP = damaged(gzip.compress(FIRST, mtime=0), gzip.compress(SECOND, mtime=0))
BZ2 = damaged(bz2.compress(FIRST), bz2.compress(SECOND))
XZ = damaged(lzma.compress(FIRST), lzma.compress(SECOND))
ALONE = damaged(lzma.compress(FIRST, lzma.FORMAT_ALONE), lzma.compress(SECOND, lzma.FORMAT_ALONE), 20)
RAWS = damaged(*(lzma.compress(one, lzma.FORMAT_RAW, filters=RAW) for one in (FIRST, SECOND)), 20)
BROTLI = damaged(brotli.compress(FIRST), brotli.compress(SECOND))
ZSTD = damaged(zstd(FIRST), zstd(SECOND))
UNSIZED = damaged(zstd(FIRST, write_content_size=False), zstd(SECOND, write_content_size=False))
KNOWN = damaged(*(zstd(one, dict_data=zstandard.ZstdCompressionDict(DICTIONARY)) for one in (FIRST, SECOND)))
SKIPPED = {"a skippable frame first": b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd" + zstd(FIRST)}
DEFLATED = zlib.compressobj(zdict=DICTIONARY)
WITH_DICTIONARY = {"one": DEFLATED.compress(FIRST) + DEFLATED.flush()}

CALLS: list[tuple[dict[str, bytes], list[str]]] = [
    (
        ZLIB,
        [
            "zlib.decompress(D)",
            "zlib.decompress(D, 15, 64)",
            "zlib.decompressobj().decompress(D)",
            "zlib.decompressobj().decompress(D, 60)",
            "(lambda d: d.decompress(D, 60) + d.decompress(d.unconsumed_tail))(zlib.decompressobj())",
            "(lambda d: d.decompress(D, 60) + d.flush())(zlib.decompressobj())",
            "(lambda d: d.decompress(D) + zlib.decompress(d.unused_data))(zlib.decompressobj())",
            "(lambda d: d.decompress(D[:20]) + d.decompress(D[20:]) + d.flush())(zlib.decompressobj())",
            "codecs.decode(D, 'zlib')",
            "zlib.decompress(D, 47)",
        ],
    ),
    (DEFLATE, ["zlib.decompress(D, -15)", "zlib.decompressobj(-15).decompress(D)", "zlib.decompress(D, wbits=-15)"]),
    (
        GZIP,
        [
            "gzip.decompress(D)",
            "gzip.open(io.BytesIO(D)).read()",
            "gzip.GzipFile(fileobj=io.BytesIO(D)).read()",
            "zlib.decompress(D, 31)",
            "zlib.decompressobj(47).decompress(D)",
        ],
    ),
    (
        BZ2,
        [
            "bz2.decompress(D)",
            "bz2.BZ2Decompressor().decompress(D)",
            "bz2.BZ2Decompressor().decompress(D, 60)",
            "(lambda d: d.decompress(D) + bz2.decompress(d.unused_data))(bz2.BZ2Decompressor())",
            "(lambda d: d.decompress(D, 60) + d.decompress(b''))(bz2.BZ2Decompressor())",
            "bz2.open(io.BytesIO(D)).read()",
            "bz2.BZ2File(io.BytesIO(D)).read()",
            "codecs.decode(D, 'bz2')",
        ],
    ),
    (
        XZ,
        [
            "lzma.decompress(D)",
            "lzma.decompress(D, lzma.FORMAT_XZ)",
            "lzma.decompress(D, format=lzma.FORMAT_AUTO)",
            "lzma.LZMADecompressor().decompress(D)",
            "lzma.LZMADecompressor(lzma.FORMAT_XZ).decompress(D)",
            "lzma.LZMADecompressor().decompress(D, max_length=60)",
            "(lambda d: d.decompress(D) + lzma.decompress(d.unused_data))(lzma.LZMADecompressor())",
            "lzma.open(io.BytesIO(D)).read()",
            "lzma.LZMAFile(io.BytesIO(D), format=lzma.FORMAT_XZ).read()",
        ],
    ),
    (ALONE, ["lzma.decompress(D)", "lzma.decompress(D, lzma.FORMAT_ALONE)", "lzma.LZMADecompressor().decompress(D)"]),
    (
        RAWS,
        [
            "lzma.decompress(D, lzma.FORMAT_RAW, None, [{'id': lzma.FILTER_LZMA2, 'preset': 6}])",
            "lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[{'id': lzma.FILTER_LZMA2}]).decompress(D)",
        ],
    ),
    (
        BROTLI,
        [
            "brotli.decompress(D)",
            "brotli.Decompressor().process(D)",
            "(lambda d: d.process(D[:9]) + d.process(D[9:]))(brotli.Decompressor())",
        ],
    ),
    (
        ZSTD | UNSIZED | SKIPPED,
        [
            "zstandard.decompress(D)",
            "zstandard.decompress(D, 9)",
            "zstandard.decompress(D, max_output_size=4096)",
            "zstandard.ZstdDecompressor().decompress(D)",
            "zstandard.ZstdDecompressor().decompress(D, 4096)",
            "zstandard.ZstdDecompressor().decompress(D, max_output_size=100)",
            "zstandard.ZstdDecompressor().decompress(D, allow_extra_data=False)",
            "zstandard.ZstdDecompressor().decompress(D, read_across_frames=True)",
            "zstandard.ZstdDecompressor().decompressobj().decompress(D)",
            "zstandard.ZstdDecompressor().decompressobj(read_across_frames=True).decompress(D)",
            "(lambda d: d.decompress(D) + zstandard.decompress(d.unused_data))"
            "(zstandard.ZstdDecompressor().decompressobj())",
            "zstandard.ZstdDecompressor().stream_reader(D).read()",
            "zstandard.ZstdDecompressor().stream_reader(io.BytesIO(D)).read(100000)",
            "zstandard.ZstdDecompressor().stream_reader(D, read_across_frames=True).read(100000)",
            "b''.join(zstandard.ZstdDecompressor().read_to_iter(D))",
            "zstandard.open(io.BytesIO(D)).read()",
        ],
    ),
    (
        UNSIZED,
        [
            "zstandard.ZstdDecompressor().decompress(D)",
            "zstandard.ZstdDecompressor().decompress(D, 4096)",
            "zstandard.ZstdDecompressor().stream_reader(D).read()",
            "zstandard.ZstdDecompressor().decompressobj().decompress(D)",
        ],
    ),
    (
        KNOWN,
        [
            "zstandard.ZstdDecompressor(dict_data=zstandard.ZstdCompressionDict(K)).decompress(D)",
            "zstandard.ZstdDecompressor(zstandard.ZstdCompressionDict(K)).decompressobj().decompress(D)",
            "zstandard.ZstdDecompressor().decompress(D)",
        ],
    ),
    (WITH_DICTIONARY, ["zlib.decompressobj(zdict=K).decompress(D)", "zlib.decompressobj().decompress(D)"]),
]
CASES = [(call, shape, data) for shapes, calls in CALLS for call in calls for shape, data in shapes.items()]
MODULES = {"bz2": bz2, "gzip": gzip, "io": io, "lzma": lzma, "zlib": zlib, "brotli": brotli, "zstandard": zstandard}


def really(call: str, data: bytes) -> bytes | None:
    """Return what the library gives, None where the call fails."""
    import codecs

    try:
        return bytes(eval(call, {**MODULES, "codecs": codecs, "D": data, "K": DICTIONARY}))
    except Exception:  # each library has its own
        return None


@pytest.mark.parametrize("call", sorted({call for call, _, _ in CASES}))
def test_a_call_gives_what_its_library_gives(call: str) -> None:
    for other, shape, data in CASES:
        if other != call:
            continue
        script = (
            "import bz2, codecs, gzip, io, lzma, zlib, brotli, zstandard\n"
            f"D = {data!r}\nK = {DICTIONARY!r}\nexec({call})\n"
        )
        opened = unpack(script.encode(), "train_gpt.py", lambda _: None)
        expected = really(call, data)
        if expected is None:
            assert opened.failure is not None, (shape, opened.layers[-1].data)
            assert len(opened.layers) == 1
        else:
            assert opened.failure is None, (shape, str(opened.failure))
            assert opened.layers[-1].data == expected, shape


@pytest.mark.parametrize(
    ("call", "data", "left"),
    [
        ("zstandard.decompress(D)", zstd(FIRST) + zstd(SECOND), "33 bytes after the first frame are never run"),
        ("zlib.decompress(D)", zlib.compress(FIRST) + b"x", "1 byte after the first stream are never run"),
        ("bz2.BZ2Decompressor().decompress(D)", BZ2["two"], "after the first stream are never run"),
        ("lzma.decompress(D, lzma.FORMAT_XZ)", XZ["two, zeros between"], "after the last LZMA stream are never run"),
        ("zlib.decompressobj().decompress(D, 60)", ZLIB["one"], "follows its first 60 bytes is not asked for"),
        ("zlib.decompressobj().decompress(D)", ZLIB["cut short"], "end before their stream does"),
        ("lzma.LZMADecompressor().decompress(D)", XZ["cut short"], "end before their stream does"),
        ("zlib.decompress(D)", ZLIB["one"], None),
        ("gzip.decompress(D)", GZIP["two"], None),
        ("(lambda d: d.decompress(D) + zlib.decompress(d.unused_data))(zlib.decompressobj())", ZLIB["two"], None),
    ],
)
def test_what_never_runs_is_told(call: str, data: bytes, left: str | None) -> None:
    script = f"import bz2, gzip, lzma, zlib, zstandard\nD = {data!r}\nexec({call})\n"
    opened = unpack(script.encode(), "train_gpt.py", lambda _: None)
    assert opened.failure is None, str(opened.failure)
    if left is None:
        assert opened.layers[1].left == ()
    else:
        assert [left in one for one in opened.layers[1].left] == [True], opened.layers[1].left


@pytest.mark.parametrize(
    ("call", "one"),
    [
        ("bz2.decompress(D)", bz2.compress(b"")),
        ("gzip.decompress(D)", gzip.compress(b"", mtime=0)),
        ("lzma.decompress(D)", lzma.compress(b"")),
        ("zstandard.ZstdDecompressor().stream_reader(D).read()", zstd(b"")),
        ("zstandard.open(io.BytesIO(D)).read()", zstd(b"")),
    ],
)
def test_very_many_streams_are_refused_before_they_take_long(call: str, one: bytes) -> None:
    count = 8 * 2**20 // len(one)
    script = f"import base64, bz2, gzip, io, lzma, zstandard\nD = base64.b64decode({base64.b64encode(one).decode()!r})"
    script += f" * {count}\nexec({call})\n"
    opened = unpack(script.encode(), "train_gpt.py", lambda _: None)
    assert opened.failure is not None
    assert "more compressed streams" in opened.failure.reason


def test_the_command_tells_what_never_runs(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from auditor.cli.unpack import command

    script = tmp_path / "train_gpt.py"
    script.write_text(f"import zstandard\nexec(zstandard.decompress({zstd(FIRST) + zstd(SECOND)!r}))\n")
    done = CliRunner().invoke(command, ["--layers", str(script)])
    assert done.exit_code == 0
    assert "33 bytes after the first frame are never run" in done.output
