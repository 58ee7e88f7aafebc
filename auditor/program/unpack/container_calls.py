"""Containers and data formats of the standard library: archives, pickles, plists, packed structures, literals."""

from __future__ import annotations

import array
import ast
import html
import io
import pickletools
import plistlib
import re
import string
import struct
import tarfile
import urllib.parse
import zipfile
import zlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final
from xml.parsers.expat import ExpatError

from auditor.program.unpack.decoders import text_encoding, unbz2, ungzip, unlzma
from auditor.program.unpack.file_calls import open_file, path_text
from auditor.program.unpack.methods import decode_by_name, is_plain
from auditor.program.unpack.model import MAX_BYTES, Refused, words
from auditor.program.unpack.output import CHUNK, Decoded, Output
from auditor.program.unpack.registry import Call, known
from auditor.program.unpack.values import Archive, Bound, Cannot, Handle, ModuleValue, Ref

if TYPE_CHECKING:
    from auditor.program.unpack.interpreter import Interpreter

_MEMBERS: Final = 2000


def _content(machine: Interpreter, source: Any, node: ast.AST) -> Handle:
    """Return the file that ``source`` is or names."""
    if isinstance(source, Handle):
        return source
    return open_file(machine, path_text(source), "rb", "utf-8", node)


# Archives


@known("zipfile.ZipFile")
def _zip(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    mode = args[1] if len(args) > 1 else keywords.get("mode", "r")
    if mode != "r":
        raise Cannot("an archive that it writes", node)
    source = _content(machine, args[0] if args else keywords["file"], node)
    data = bytes(source.data)
    machine.work.spend(len(data))
    members: dict[str, bytes] = {}
    out = Output(len(data))
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            if len(infos) > _MEMBERS:
                raise Refused(f"an archive of more than {_MEMBERS} members")
            for info in infos:
                if info.is_dir():
                    continue
                with archive.open(info) as member:
                    while part := member.read(CHUNK):
                        out.add(part)
                members[info.filename] = out.take()
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error, OSError, ValueError) as error:
        raise Refused(f"not a zip archive that can be read ({error})") from None
    return Archive("zip", members, machine.how(source))


_TAR: Final[Mapping[str, Callable[[bytes], Decoded]]] = {
    "gz": ungzip,
    "bz2": unbz2,
    "xz": lambda data: unlzma(data, 0, None),
}
_MAGIC: Final = ((b"\x1f\x8b", "gz"), (b"BZh", "bz2"), (b"\xfd7zXZ\0", "xz"), (b"\x5d\0\0", "xz"))


@known("tarfile.open", "tarfile.TarFile", "tarfile.TarFile.open")
def _tar(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    mode = args[1] if len(args) > 1 else keywords.get("mode", "r")
    source = keywords.get("fileobj") or (args[2] if len(args) > 2 else None) or (args[0] if args else keywords["name"])
    kind = re.fullmatch(r"r(?:[:|](\*|gz|bz2|xz|))?", mode)
    if kind is None:
        raise Cannot("an archive that is not followed", node)
    handle = _content(machine, source, node)
    data = bytes(handle.data)
    packing = kind[1] or ""
    if kind[1] in (None, "*"):
        packing = next((name for magic, name in _MAGIC if data.startswith(magic)), "")
    machine.work.spend(len(data))
    plain = _TAR[packing](data).data if packing else data
    machine.work.spend(len(plain))
    members: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as archive:
            for info in archive:
                if len(members) > _MEMBERS:
                    raise Refused(f"an archive of more than {_MEMBERS} members")
                found = archive.extractfile(info) if info.isreg() else None
                if found is not None:
                    if info.issparse():
                        raise Refused("a sparse file in an archive")
                    members[info.name] = found.read()
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise Refused(f"not a tar archive that can be read ({error})") from None
    return Archive("tar", members, machine.how(handle))


def archive_method(
    machine: Interpreter, archive: Archive, name: str, args: list[Any], keywords: dict[str, Any], node: ast.AST
) -> Any:
    """Return what a method of an archive gives; raises :class:`Cannot` or :class:`Refused`."""
    if name in ("namelist", "getnames"):
        return list(archive.members)
    if name in ("infolist", "getmembers"):
        return list(archive.members)  # a member stands for itself by its name, as read() and open() take it
    if name in ("__enter__", "__exit__", "close"):
        return archive
    if name in ("extractall", "extract"):
        position = 1 if name == "extract" else 0
        given = args[position] if len(args) > position else keywords.get("path", ".")
        folder = path_text(given) if given is not None else "."
        for member, data in archive.members.items():
            if name == "extractall" or (args and args[0] == member):
                machine.files.write(f"{folder}/{member}", data)
                machine.files.how_written[machine.files.absolute(f"{folder}/{member}")] = archive.how
        return f"{folder}/{args[0]}" if name == "extract" and args else None
    if name in ("read", "open", "extractfile", "getmember", "getinfo"):
        wanted = args[0] if args else keywords.get("name", keywords.get("member"))
        if not isinstance(wanted, str) or wanted not in archive.members:
            raise Cannot("a member that the archive doesn't have", node)
        if name in ("getmember", "getinfo"):
            return wanted
        data = archive.members[wanted]
        machine.work.spend(len(data))
        if name == "read":
            machine.keep(data, archive.how)
            return data
        return Handle(bytearray(data), how=archive.how)
    raise Cannot(f"method .{name}() is not followed", node)


# Data formats


@known("pickle.loads", "pickle.load", "_pickle.loads", "cPickle.loads")
def _pickle(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    """Read a pickle of one string or bytes by its opcodes; any other one would have to be run."""
    data = args[0].read(-1) if isinstance(args[0], Handle) else bytes(args[0])
    machine.work.spend(len(data))
    value: Any = None
    try:
        for opcode, given, _ in pickletools.genops(data):
            if opcode.name in _PICKLED and value is None:
                value = given
            elif opcode.name not in _PICKLE_QUIET:
                raise Cannot("pickle.loads() of more than one string is not followed", node, decoding=True)
    except (ValueError, IndexError, UnicodeError) as error:
        raise Refused(f"not a pickle ({error})") from None
    return machine.made(value, "pickle", args[0])


_PICKLED: Final = frozenset(
    words("SHORT_BINBYTES BINBYTES BINBYTES8 BYTEARRAY8 SHORT_BINUNICODE BINUNICODE BINUNICODE8 UNICODE")
)
_PICKLE_QUIET: Final = frozenset(words("PROTO FRAME MEMOIZE PUT BINPUT LONG_BINPUT STOP"))


@known("plistlib.loads", "plistlib.load")
def _plist(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    data = args[0].read(-1) if isinstance(args[0], Handle) else bytes(args[0])
    machine.work.spend(16 * len(data))
    try:
        value = plistlib.loads(data)
    except (plistlib.InvalidFileException, ExpatError, ValueError, RecursionError, OverflowError) as error:
        raise Refused(f"not a property list ({error})") from None
    if not _only_plain(machine, value):
        raise Cannot("a property list that is not followed", node, decoding=True)
    return machine.made(value, "plist", args[0])


def _only_plain(machine: Interpreter, value: Any) -> bool:
    """Tell whether a nested value is plain data; its strings keep what they have been through."""
    pending = [value]
    while pending:
        one = pending.pop()
        machine.work.step()
        if not is_plain(one):
            return False
        pending.extend(one.values() if isinstance(one, dict) else one if isinstance(one, (list, tuple)) else ())
    return True


@known("ast.literal_eval")
def _literal(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    text = args[0]
    if not isinstance(text, str) or len(text) > MAX_BYTES // 8:
        raise Cannot("a literal that is not followed", node)
    machine.work.spend(4 * len(text))
    try:
        value = ast.literal_eval(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise Cannot("what it reads is no literal", node, decoding=bool(machine.how(text))) from None
    if not _only_plain(machine, value):
        raise Cannot("a literal that is not followed", node)
    return machine.made(value, None, text)


def _structure(name: str) -> Call:
    def apply(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
        form = args[0].decode("ascii") if isinstance(args[0], bytes) else args[0]
        try:
            size = struct.calcsize(form)
            machine.work.spend(size + 8 * (len(form) + size))
            result = getattr(struct, name)(form, *args[1:], **keywords)
        except (struct.error, OverflowError) as error:
            raise Refused(f"struct.{name}() fails ({error})") from None
        if name == "iter_unpack":
            result = list(result)
        result = machine.made(result, None, *args[1:])
        if isinstance(result, tuple):
            for one in result:
                machine.keep(one, machine.how(result))
        return result

    return apply


for _name in ("unpack", "unpack_from", "pack", "iter_unpack"):
    known(f"struct.{_name}")(_structure(_name))


@known("struct.calcsize")
def _calcsize(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return struct.calcsize(args[0])


@known("array.array")
def _array(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    """Return an array as its bytes: what scripts take from one is ``tobytes()``."""
    code, values = args[0], args[1] if len(args) > 1 else []
    if code not in tuple("bBhHiIlLqQfd") or not isinstance(values, (list, tuple, bytes, bytearray)):
        raise Cannot("an array that is not followed", node)
    machine.work.spend(8 * len(values))
    if isinstance(values, (bytes, bytearray)):
        return machine.made(bytes(values), None, values)
    try:
        return machine.made(array.array(code, values).tobytes(), None, values)
    except (TypeError, OverflowError) as error:
        raise Refused(f"array() fails ({error})") from None


# Text


@known("urllib.parse.unquote")
def _unquote(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    encoding = args[1] if len(args) > 1 else keywords.get("encoding", "utf-8")
    machine.work.spend(4 * len(args[0]))
    return machine.made(urllib.parse.unquote(args[0], text_encoding(encoding)), "unquote", args[0])


@known("urllib.parse.unquote_plus")
def _unquote_plus(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return _unquote(machine, [args[0].replace("+", " "), *args[1:]], keywords, node)


@known("html.unescape")
def _unescape(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    machine.work.spend(len(args[0]))
    return machine.made(html.unescape(args[0]), "unescape", args[0])


@known("string.Template")
def _template(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return ModuleValue("template", {"substitute": Bound(Ref("string.Template.substitute"), "partial", (args[0],))})


@known("string.Template.substitute")
def _substitute(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    text, *given = args
    values = {**(given[0] if given and isinstance(given[0], dict) else {}), **keywords}
    if not isinstance(text, str) or not all(isinstance(one, (str, int)) for one in values.values()):
        raise Cannot("a template that is not followed", node)
    longest = max((len(str(one)) for one in values.values()), default=0)
    machine.work.spend(len(text) + text.count("$") * longest)
    return machine.made(string.Template(text).substitute(values), None, text)


# The registry of codecs


@known("codecs.getdecoder")
def _getdecoder(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return Bound(Ref("codecs.decoder"), "partial", (args[0],))


@known("codecs.lookup")
def _lookup(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return ModuleValue("codec", {"decode": _getdecoder(machine, args, keywords, node)})


@known("codecs.decoder")
def _decode(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    """Return what the function of :func:`codecs.getdecoder` does: the value, and how much of the input it took."""
    name, data = args[:2]
    value, step = decode_by_name(data, name)
    return machine.made(value, step, data), len(data)


def _named_decoder(name: str) -> Call:
    def decode(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
        return _decode(machine, [name, *args], keywords, node)

    return decode


for _name in words("utf_8 ascii latin_1 utf_16 utf_16_le utf_16_be utf_32 unicode_escape raw_unicode_escape"):
    known(f"codecs.{_name}_decode")(_named_decoder(_name))


@known("io.TextIOWrapper", "io.BufferedReader", "io.BufferedRandom")
def _wrapped(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    handle = args[0]
    if not isinstance(handle, Handle):
        raise Cannot("a stream that is not followed", node)
    encoding = args[1] if len(args) > 1 else keywords.get("encoding")
    rest = Handle(handle.data, handle.path, handle.text, handle.encoding, handle.position, handle.how)
    if encoding is not None:
        rest.text, rest.encoding = True, text_encoding(encoding)
    return rest
