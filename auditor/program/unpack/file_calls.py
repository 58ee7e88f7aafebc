"""Files and paths, as far as they are in sight: the submission's own, and those that a wrapper writes."""

from __future__ import annotations

import ast
import lzma
import posixpath
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from auditor.program.unpack.decoders import (
    lzma_filters,
    text_encoding,
    unbz2,
    ungzip,
    unlzma,
)
from auditor.program.unpack.methods import bounded
from auditor.program.unpack.model import Refused, words
from auditor.program.unpack.output import Decoded
from auditor.program.unpack.registry import Call, known
from auditor.program.unpack.values import (
    SCRATCH,
    Bound,
    Cannot,
    Handle,
    PathValue,
    Ref,
    Step,
)
from auditor.program.unpack.zstd import all_frames, streamed

if TYPE_CHECKING:
    from auditor.program.unpack.interpreter import Interpreter


def path_text(value: Any) -> str:
    """Return a path's text; raises :class:`Refused` when it is none."""
    if isinstance(value, PathValue):
        return value.text
    if isinstance(value, str):
        return value
    raise Refused("a path that is not known")


def path_attribute(path: PathValue, name: str) -> Any:
    """Return an attribute of a ``pathlib`` path."""
    folder, last = posixpath.split(path.text)
    stem, suffix = posixpath.splitext(last)
    plain = {"name": last, "stem": stem, "suffix": suffix}
    if name in plain:
        return plain[name]
    if name == "parent":
        return PathValue(folder or ".")
    return Bound(path, name)


def join_paths(left: Any, right: Any, node: ast.AST) -> PathValue:
    """Return ``left / right`` of paths; raises :class:`Refused`."""
    return PathValue(posixpath.join(path_text(left), path_text(right)))


@known("os.chdir")
def _chdir(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    machine.files.cwd = machine.files.absolute(path_text(args[0]))


@known("pathlib.Path")
def _path(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return PathValue(posixpath.join(*[path_text(one) for one in args]) if args else ".")


@known("os.getcwd")
def _getcwd(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return machine.files.cwd


@known("pathlib.Path.cwd")
def _cwd(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return PathValue(machine.files.cwd)


def _path_function(name: str) -> Call:
    def apply(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
        parts = [path_text(one) for one in args]
        if name == "abspath":
            return machine.files.absolute(parts[0])
        return getattr(posixpath, name)(*parts)

    return apply


for _name in ("join", "dirname", "basename", "splitext", "abspath", "split"):
    known(f"os.path.{_name}")(_path_function(_name))


@known("os.path.exists", "os.path.isfile")
def _exists(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return machine.files.read(path_text(args[0])) is not None


@known("tempfile.mkdtemp", "tempfile.gettempdir")
def _mkdtemp(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return SCRATCH


@known("tempfile.TemporaryDirectory")
def _temporary_directory(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return Bound(SCRATCH, "temporary")


@known("tempfile.NamedTemporaryFile")
def _named_temporary(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    mode = args[0] if args else keywords.get("mode", "w+b")
    suffix = keywords.get("suffix") or ""
    path = f"{SCRATCH}/temporary{len(machine.files.written)}{suffix if isinstance(suffix, str) else ''}"
    machine.files.write(path, b"")
    return Handle(bytearray(), path, text="b" not in mode)


@known("tempfile.mkstemp")
def _mkstemp(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    handle = _named_temporary(machine, [], keywords, node)
    return handle, handle.path


@known("os.fdopen")
def _fdopen(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    if not isinstance(args[0], Handle):
        raise Cannot("a file that is not known", node)
    args[0].text = "b" not in (args[1] if len(args) > 1 else keywords.get("mode", "r"))
    return args[0]


@known("os.write")
def _os_write(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return handle_method(machine, args[0], "write", args[1:], keywords, node)


@known(
    *words("os.makedirs os.mkdir os.close os.remove os.unlink os.chmod"),
    *words("sys.path.insert sys.path.append sys.stdout.flush shutil.rmtree atexit.register"),
    *words("warnings.filterwarnings warnings.simplefilter"),
)
def _nothing(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> None:
    """Do what has no bearing on what is decoded."""


def open_file(machine: Interpreter, path: str, mode: str, encoding: str, node: ast.AST) -> Handle:
    """Return a handle on a file in sight; raises :class:`Cannot` when there is none."""
    text = "b" not in mode
    if any(letter in mode for letter in "wxa+"):
        before = machine.files.read(path) if "a" in mode or "r" in mode else None
        handle = Handle(bytearray(before or b""), path, text, text_encoding(encoding))
        handle.position = len(handle.data) if "a" in mode else 0
        machine.files.write(path, bytes(handle.data))
        return handle
    data = machine.files.read(path)
    if data is None:
        name = machine.files.relative(path) or path
        raise Cannot(f"the file {name[:80]!r} is not in the submission", node, decoding=False)
    whole = machine.files.absolute(path)
    machine.work.spend(len(data))
    own = whole == machine.files.absolute(machine.file)
    how = machine.files.how_written.get(whole, (Step("own file" if own else "file"),))
    return Handle(bytearray(data), path, text, text_encoding(encoding), how=how)


@known("builtins.open")
def _open(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    path = args[0] if args else keywords["file"]
    if isinstance(path, Handle):
        return path
    mode = args[1] if len(args) > 1 else keywords.get("mode", "r")
    encoding = keywords.get("encoding") or "utf-8"
    return open_file(machine, path_text(path), mode, encoding, node)


@known("io.BytesIO", "io.StringIO")
def _stream(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    data = args[0] if args else b""
    machine.work.spend(len(data))
    if isinstance(data, str):
        return Handle(bytearray(data.encode("utf-8")), text=True, how=machine.how(data))
    return Handle(bytearray(data), how=machine.how(data))


def _opener(label: str, function: Callable[[bytes], Decoded]) -> Call:
    def opening(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
        names = ("fileobj", "filename", "fp", "file")
        source = next((keywords[one] for one in names if keywords.get(one) is not None), args[0] if args else None)
        mode = args[1] if len(args) > 1 else keywords.get("mode", "rb")
        if "r" not in mode:
            raise Cannot("a compressed file that it writes", node)
        if set(keywords) - {*names, "mode", "encoding", "format", "filters", "compresslevel", "errors", "newline"}:
            raise Cannot("a compressed file with options that are not followed", node)
        if not isinstance(source, Handle):
            source = open_file(machine, path_text(source), "rb", "utf-8", node)
        broken, stops = "", ()  # type: str, tuple[int, ...]
        data = source.read(-1)
        if label == "bz2" and not data:
            raise Refused("bzip2 data ends too early")  # as a file; bz2.decompress() takes nothing for nothing
        if label == "lzma":
            form, filters = keywords.get("format", lzma.FORMAT_AUTO), keywords.get("filters")
            found = unlzma(data, form if form is not None else lzma.FORMAT_AUTO, lzma_filters(filters))
        elif label == "zstd" and function is _frames:
            found, frames = streamed(data, across=False)
            broken, stops = frames.broken, frames.ends
        else:
            found = function(data)
        machine.work.spend(len(found.data))
        how = (*source.how, Step(label, found.left))
        return Handle(bytearray(found.data), text="t" in mode, how=how, stops=stops, broken=broken)

    return opening


def _frames(data: bytes) -> Decoded:
    return streamed(data, across=False)[0]


def _lzma_file(data: bytes) -> Decoded:
    return unlzma(data, lzma.FORMAT_AUTO, None)


for _name, _opened in {
    "gzip.open": ("gzip", ungzip),
    "gzip.GzipFile": ("gzip", ungzip),
    "bz2.open": ("bz2", unbz2),
    "bz2.BZ2File": ("bz2", unbz2),
    "zstandard.open": ("zstd", _frames),
    "pyzstd.open": ("zstd", all_frames),
    "pyzstd.ZstdFile": ("zstd", all_frames),
    "lzma.open": ("lzma", _lzma_file),
    "lzma.LZMAFile": ("lzma", _lzma_file),
}.items():
    known(_name)(_opener(*_opened))


@known("pkgutil.get_data")
def _get_data(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    path = posixpath.join(posixpath.dirname(machine.file), path_text(args[1]))
    handle = open_file(machine, path, "rb", "utf-8", node)
    return read(machine, handle)


@known("__loader__.get_data")
def _loader_data(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return read(machine, open_file(machine, path_text(args[0]), "rb", "utf-8", node))


@known("__loader__.get_source", "inspect.getsource")
def _own_source(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    if args and args[0] not in ("__main__", Ref("sys.modules.__main__")):
        raise Cannot("a source that is not known", node)
    return read(machine, open_file(machine, machine.file, "r", "utf-8", node))


@known("linecache.getlines", "fileinput.input")
def _getlines(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    handle = open_file(machine, path_text(args[0]), "r", "utf-8", node)
    return handle_method(machine, handle, "readlines", [], {}, node)


@known("tokenize.open")
def _tokenize_open(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return open_file(machine, path_text(args[0]), "r", "utf-8", node)


def read(machine: Interpreter, handle: Handle, size: int = -1) -> Any:
    """Return the next ``size`` bytes of a file, or its text; raises :class:`Refused`."""
    part = handle.read(size)
    machine.work.spend(len(part))
    value: Any = part
    if handle.text:
        try:
            value = part.decode(handle.encoding).replace("\r\n", "\n")
        except UnicodeDecodeError:
            raise Refused(f"the file is not {handle.encoding} text") from None
    machine.keep(value, handle.how)
    return value


def handle_method(
    machine: Interpreter, handle: Handle, name: str, args: list[Any], keywords: dict[str, Any], node: ast.AST
) -> Any:
    """Return what a method of an open file gives; raises :class:`Cannot` or :class:`Refused`."""
    if name in ("read", "read1"):
        return read(machine, handle, args[0] if args and args[0] is not None else -1)
    if name == "getvalue":
        return machine.made(bytes(handle.data), None, handle)
    if name in ("readlines", "splitlines"):
        text = read(machine, handle)
        lines = text.splitlines(True)
        bounded(machine.work, lines)
        for line in lines[:10_000]:
            machine.keep(line, handle.how)
        return machine.made(lines, None, text)
    if name in ("readline", "__next__"):
        end = handle.data.find(b"\n", handle.position)
        return read(machine, handle, -1 if end < 0 else end + 1 - handle.position)
    if name == "seek":
        whence = args[1] if len(args) > 1 else keywords.get("whence", 0)
        start = (0, handle.position, len(handle.data))[whence]
        handle.position = min(max(0, start + int(args[0])), len(handle.data))
        return handle.position
    if name == "tell":
        return handle.position
    if name in ("write", "writelines"):
        parts = args[0] if name == "writelines" else [args[0]]
        for part in parts:
            data = part.encode(handle.encoding) if isinstance(part, str) else bytes(part)
            machine.work.spend(len(data))
            handle.write(data)
            handle.how = handle.how or machine.how(part)
        if handle.path is not None:
            machine.work.spend(len(handle.data))
            machine.files.write(handle.path, bytes(handle.data))
            if handle.how:
                machine.files.how_written[machine.files.absolute(handle.path)] = handle.how
        return len(handle.data)
    if name in ("close", "flush", "__enter__", "__exit__", "fileno", "truncate"):
        return handle
    raise Cannot(f"method .{name}() is not followed", node)


def path_method(
    machine: Interpreter, path: PathValue, name: str, args: list[Any], keywords: dict[str, Any], node: ast.AST
) -> Any:
    """Return what a method of a path gives; raises :class:`Cannot` or :class:`Refused`."""
    if name in ("read_text", "read_bytes"):
        encoding = (args[0] if args else keywords.get("encoding")) or "utf-8"
        mode = "r" if name == "read_text" else "rb"
        return read(machine, open_file(machine, path.text, mode, encoding, node))
    if name in ("write_text", "write_bytes"):
        handle = open_file(machine, path.text, "w" if name == "write_text" else "wb", "utf-8", node)
        return handle_method(machine, handle, "write", args[:1], {}, node)
    if name == "open":
        mode = args[0] if args else keywords.get("mode", "r")
        return open_file(machine, path.text, mode, keywords.get("encoding") or "utf-8", node)
    if name in ("resolve", "absolute", "expanduser"):
        return PathValue(machine.files.absolute(path.text))
    if name == "joinpath":
        return PathValue(posixpath.join(path.text, *[path_text(one) for one in args]))
    if name in ("with_name", "with_suffix", "with_stem"):
        folder, last = posixpath.split(path.text)
        stem, suffix = posixpath.splitext(last)
        new = path_text(args[0])
        return PathValue(
            posixpath.join(folder, {"with_name": new, "with_suffix": stem + new, "with_stem": new + suffix}[name])
        )
    if name in ("as_posix", "__str__", "__fspath__"):
        return path.text
    if name in ("exists", "is_file"):
        return machine.files.read(path.text) is not None
    if name in ("mkdir", "unlink", "touch", "chmod"):
        return None
    raise Cannot(f"method .{name}() is not followed", node)
