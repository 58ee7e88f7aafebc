"""Decoding functions and objects: the text codecs and the decompressors."""

from __future__ import annotations

import ast
import hashlib
import json
import lzma
import textwrap
import zlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from auditor.program.unpack.decoders import (
    TEXT_CODECS,
    inflate,
    lzma_filters,
    unbrotli,
    unbz2,
    ungzip,
    unlzma,
)
from auditor.program.unpack.file_calls import read
from auditor.program.unpack.incremental import Brotli, Bz2, Lzma, Zlib, Zstd
from auditor.program.unpack.methods import decode_by_name
from auditor.program.unpack.model import Refused, words
from auditor.program.unpack.output import Decoded
from auditor.program.unpack.registry import Call, known
from auditor.program.unpack.values import (
    Bound,
    Decoder,
    Decompressor,
    Handle,
    Step,
)
from auditor.program.unpack.zstd import all_frames, decompressor, first_frame, one_frame_read, streamed

if TYPE_CHECKING:
    from auditor.program.unpack.interpreter import Interpreter


def _text_decoder(name: str) -> Call:
    function = TEXT_CODECS[name]

    def decode(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
        data = args[0] if args else keywords.pop("s", keywords.pop("b", None))
        machine.work.spend(len(data))
        return machine.made(function(data, *args[1:], **keywords), name.rsplit(".", 1)[-1], data)

    return decode


for _name in TEXT_CODECS:
    known(_name)(_text_decoder(_name))


def _data(args: list[Any], keywords: dict[str, Any]) -> bytes:
    value = args[0] if args else keywords.get("data", keywords.get("string"))
    if not isinstance(value, (bytes, bytearray)):
        raise Refused("decompresses something that is not bytes")
    return bytes(value)


def _given(args: list[Any], keywords: dict[str, Any], position: int, name: str, default: Any) -> Any:
    return args[position] if len(args) > position else keywords.get(name, default)


@known("lzma.decompress")
def _lzma(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    data = _data(args, keywords)
    form = _given(args, keywords, 1, "format", lzma.FORMAT_AUTO)
    filters = lzma_filters(_given(args, keywords, 3, "filters", None))
    machine.work.spend(len(data))
    found = unlzma(data, form, filters)
    label = "lzma raw" if form == lzma.FORMAT_RAW else "lzma"
    return machine.made(found.data, Step(label, found.left), *args[:1], *keywords.values())


@known("zlib.decompress")
def _zlib(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    data = _data(args, keywords)
    wbits = _given(args, keywords, 1, "wbits", zlib.MAX_WBITS)
    label = "gzip" if wbits > 15 else "deflate" if wbits < 0 else "zlib"
    found = inflate(data, wbits)
    return machine.made(found.data, Step(label, found.left), *args[:1], *keywords.values())


def _decompressor(label: str, function: Callable[[bytes], Decoded]) -> Call:
    def decode(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
        data = _data(args, keywords)
        if len(args) > 1 or set(keywords) - {"data", "string"}:
            raise Refused("a decompressor with arguments that are not followed")
        machine.work.spend(len(data))
        found = function(data)
        return machine.made(found.data, Step(label, found.left), *args[:1], *keywords.values())

    return decode


_WHOLE: Final[Mapping[str, tuple[str, Callable[[bytes], Decoded]]]] = {
    "gzip.decompress": ("gzip", ungzip),
    "bz2.decompress": ("bz2", unbz2),
    "brotli.decompress": ("brotli", unbrotli),
    "zstd.decompress": ("zstd", all_frames),
    "zstd.loads": ("zstd", all_frames),
    "zstd.uncompress": ("zstd", all_frames),
    "pyzstd.decompress": ("zstd", all_frames),
}
for _name, (_label, _function) in _WHOLE.items():
    known(_name)(_decompressor(_label, _function))


@known("zstandard.decompress")
def _zstandard(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    data = _data(args, keywords)
    machine.work.spend(len(data))
    found = first_frame(data, int(_given(args, keywords, 1, "max_output_size", 0)))
    return machine.made(found.data, Step("zstd", found.left), *args[:1], *keywords.values())


@known("zstandard.ZstdCompressionDict")
def _zstandard_dictionary(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    if len(args) != 1 or keywords:
        raise Refused("a Zstandard dictionary that is not followed")
    return _data(args, keywords)


@known("zstandard.ZstdDecompressor")
def _zstandard_object(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    if set(keywords) - {"dict_data", "max_window_size"} or len(args) > 2:
        raise Refused("a decompressor with arguments that are not followed")
    dictionary = _given(args, keywords, 0, "dict_data", None)
    if not isinstance(dictionary, (bytes, bytearray, type(None))):
        raise Refused("a Zstandard dictionary that is not followed")
    window = int(_given(args, keywords, 1, "max_window_size", 0))
    return Decompressor(decompressor(bytes(dictionary) if dictionary else None, window))


@known("pyzstd.ZstdDecompressor")
def _pyzstd_object(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    if args or keywords:
        raise Refused("a decompressor with arguments that are not followed")
    return Decoder(Zstd(decompressor(), across=False))


@known("brotli.Decompressor")
def _brotli_object(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return Decoder(Brotli())


@known("bz2.BZ2Decompressor")
def _bz2_object(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return Decoder(Bz2())


@known("lzma.LZMADecompressor")
def _lzma_object(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    filters = lzma_filters(_given(args, keywords, 2, "filters", None))
    return Decoder(Lzma(_given(args, keywords, 0, "format", lzma.FORMAT_AUTO), filters))


@known("zlib.decompressobj")
def _zlib_object(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    zdict = _given(args, keywords, 1, "zdict", b"")
    return Decoder(Zlib(_given(args, keywords, 0, "wbits", zlib.MAX_WBITS), bytes(zdict)))


@known("json.loads", "json.load")
def _json(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    text = read(machine, args[0]) if isinstance(args[0], Handle) else args[0]
    machine.work.spend(16 * len(text))
    try:
        value = json.loads(text)
    except RecursionError:
        raise Refused("JSON nested too deeply to follow") from None
    how = machine.how(text)
    pending = [value]
    while pending:
        one = pending.pop()
        machine.work.step()
        machine.keep(one, how)
        pending.extend(one.values() if isinstance(one, dict) else one if isinstance(one, list) else ())
    return value


@known("codecs.decode")
def _codecs_decode(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    data = args[0]
    name = args[1] if len(args) > 1 else keywords.get("encoding", "utf-8")
    text, step = decode_by_name(data, name)
    return machine.made(text, step, data)


@known("bytes.fromhex", "builtins.bytes.fromhex", "builtins.bytearray.fromhex")
def _fromhex(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return machine.made(bytes.fromhex(args[0]), "fromhex", args[0])


@known("builtins.str.maketrans", "builtins.bytes.maketrans")
def _maketrans(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    if all(isinstance(one, (bytes, bytearray)) for one in args):
        return bytes.maketrans(*args)
    return str.maketrans(*args)


def _unbound(name: str) -> Call:
    def apply(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
        return machine.call(Bound(args[0], name), args[1:], keywords, node)

    return apply


for _name in words("str.join bytes.join bytes.decode str.encode bytes.translate str.translate"):
    known(f"builtins.{_name}")(_unbound(_name.rsplit(".", 1)[-1]))


@known("builtins.int.from_bytes")
def _from_bytes(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return machine.call(Bound(0, "from_bytes"), args, keywords, node)


def _hash(name: str) -> Call:
    def make(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
        data = bytes(args[0]) if args else b""
        machine.work.spend(len(data))
        return Bound(hashlib.new(name, data, usedforsecurity=False).digest(), "hash")

    return make


for _name in ("md5", "sha1", "sha256", "sha512"):
    known(f"hashlib.{_name}")(_hash(_name))


@known("textwrap.dedent")
def _dedent(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    machine.work.spend(len(args[0]))
    return machine.made(textwrap.dedent(args[0]), None, args[0])


def decoder_method(machine: Interpreter, decoder: Decoder, name: str, args: list[Any], keywords: dict[str, Any]) -> Any:
    """Return what a method of a decompressor object gives; raises :class:`Refused`."""
    stream = decoder.stream
    if name in ("decompress", "process"):
        data = _data(args, keywords)
        machine.work.spend(len(data))
        unlimited = 0 if isinstance(stream, Zlib) else -1
        limit = _given(args, keywords, 1, "max_length", keywords.get("output_buffer_limit", unlimited))
        plain = stream.decompress(data, int(limit))
        return machine.made(plain, Step(stream.label, stream), *args[:1])
    if name in ("flush", "finish"):
        return machine.made(stream.flush(), Step(stream.label, stream))
    raise Refused(f"method .{name}() of a decompressor is not followed")


def zstandard_method(
    machine: Interpreter, owner: Decompressor, name: str, args: list[Any], keywords: dict[str, Any]
) -> Any:
    """Return what a method of a ``ZstdDecompressor`` gives; raises :class:`Refused`."""
    across = bool(keywords.get("read_across_frames", False))
    if name == "decompressobj":
        return Decoder(Zstd(owner.real, across))
    source = args[0] if args else keywords.get("source", keywords.get("reader", keywords.get("ifh")))
    data = source.read(-1) if isinstance(source, Handle) else _data(args, keywords)
    machine.work.spend(len(data))
    if name == "decompress":
        if across:
            raise Refused("decompress(read_across_frames=True) is not implemented in zstandard, and fails")
        most = int(_given(args, keywords, 1, "max_output_size", 0))
        found = first_frame(data, most, bool(keywords.get("allow_extra_data", True)), owner.real)
        return machine.made(found.data, Step("zstd", found.left), source)
    if name == "stream_reader":
        found, frames = streamed(data, across, owner.real)
        machine.work.spend(len(found.data))
        how = (*machine.how(source), Step("zstd", found.left))
        return Handle(bytearray(found.data), how=how, stops=frames.ends, broken=frames.broken)
    if name == "read_to_iter":
        found = one_frame_read(data, owner.real)
        return [machine.made(found.data, Step("zstd", found.left), source)]
    if name == "copy_stream" and isinstance(args[1] if len(args) > 1 else keywords.get("ofh"), Handle):
        found, frames = streamed(data, True, owner.real)
        if frames.broken:
            raise Refused(frames.broken)
        target = args[1] if len(args) > 1 else keywords["ofh"]
        target.write(found.data)
        target.how = target.how or (*machine.how(source), Step("zstd", found.left.replace("stream_reader", name)))
        return (len(data), len(found.data))
    raise Refused(f"method .{name}() of a decompressor is not followed")
