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
    unbrotli,
    unbz2,
    ungzip,
    unlzma,
    unzstd,
)
from auditor.program.unpack.file_calls import read
from auditor.program.unpack.methods import decode_by_name
from auditor.program.unpack.model import Refused, words
from auditor.program.unpack.registry import Call, known
from auditor.program.unpack.values import (
    Bound,
    Decoder,
    Handle,
)

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


def _filters(value: Any) -> list[dict[str, int]] | None:
    if value is None:
        return None
    allowed = {
        "id",
        "preset",
        "dict_size",
        "lc",
        "lp",
        "pb",
        "mode",
        "nice_len",
        "mf",
        "depth",
        "dist",
        "start_offset",
    }
    if not isinstance(value, (list, tuple)) or len(value) > 4:
        raise Refused("LZMA filters that are not followed")
    for one in value:
        if not isinstance(one, dict) or not set(one) <= allowed or not all(isinstance(v, int) for v in one.values()):
            raise Refused("LZMA filters that are not followed")
    return list(value)


@known("lzma.decompress")
def _lzma(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    data = _data(args, keywords)
    form = args[1] if len(args) > 1 else keywords.get("format", lzma.FORMAT_AUTO)
    filters = _filters(args[3] if len(args) > 3 else keywords.get("filters"))
    machine.work.spend(len(data))
    label = "lzma raw" if form == lzma.FORMAT_RAW else "lzma"
    return machine.made(unlzma(data, form, filters), label, *args[:1], *keywords.values())


@known("zlib.decompress")
def _zlib(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    data = _data(args, keywords)
    wbits = args[1] if len(args) > 1 else keywords.get("wbits", zlib.MAX_WBITS)
    label = "gzip" if wbits > 15 else "deflate" if wbits < 0 else "zlib"
    return machine.made(inflate(data, wbits), label, *args[:1], *keywords.values())


def _decompressor(label: str, function: Callable[[bytes], bytes]) -> Call:
    def decode(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
        data = _data(args, keywords)
        machine.work.spend(len(data))
        return machine.made(function(data), label, *args[:1], *keywords.values())

    return decode


_WHOLE: Final[Mapping[str, tuple[str, Callable[[bytes], bytes]]]] = {
    "gzip.decompress": ("gzip", ungzip),
    "bz2.decompress": ("bz2", unbz2),
    "brotli.decompress": ("brotli", unbrotli),
    "zstandard.decompress": ("zstd", unzstd),
}
for _name, (_label, _function) in _WHOLE.items():
    known(_name)(_decompressor(_label, _function))


def _object(label: str, function: Callable[[bytes], bytes]) -> Call:
    def make(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
        if "dict_data" in keywords or args:
            raise Refused("a decompressor with arguments that are not followed")
        return Decoder(label, function)

    return make


known("zstandard.ZstdDecompressor")(_object("zstd", unzstd))
known("brotli.Decompressor")(_object("brotli", unbrotli))
known("bz2.BZ2Decompressor")(_object("bz2", unbz2))


@known("lzma.LZMADecompressor")
def _lzma_object(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    form = args[0] if args else keywords.get("format", lzma.FORMAT_AUTO)
    filters = _filters(args[2] if len(args) > 2 else keywords.get("filters"))
    return Decoder("lzma raw" if form == lzma.FORMAT_RAW else "lzma", lambda data: unlzma(data, form, filters))


@known("zlib.decompressobj")
def _zlib_object(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    wbits = args[0] if args else keywords.get("wbits", zlib.MAX_WBITS)
    return Decoder("zlib", lambda data: inflate(data, wbits))


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
    if name in ("decompress", "process"):
        data = _data(args, keywords)
        machine.work.spend(len(data))
        return machine.made(decoder.run(data), decoder.label, *args[:1])
    if name == "stream_reader":
        handle = args[0] if isinstance(args[0], Handle) else Handle(bytearray(args[0]), how=machine.how(args[0]))
        plain = decoder.run(handle.read(-1))
        machine.work.spend(len(plain))
        return Handle(bytearray(plain), how=(*handle.how, decoder.label))
    if name in ("flush", "finish"):
        return b""
    if name == "decompressobj":
        return decoder
    raise Refused(f"method .{name}() of a decompressor is not followed")
