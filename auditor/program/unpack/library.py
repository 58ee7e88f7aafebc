"""The standard library as wrappers use it: what a call means, on plain data and files in sight only."""

from __future__ import annotations

import ast
import builtins
import hashlib
import itertools
import json
import lzma
import posixpath
import re
import shlex
import string
import zlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from auditor.program.unpack.decoders import (
    TEXT_CODECS,
    inflate,
    text_encoding,
    unbrotli,
    unbz2,
    unlzma,
    unzstd,
)
from auditor.program.unpack.methods import bounded, decode_by_name, is_plain, simple
from auditor.program.unpack.model import Refused, words
from auditor.program.unpack.values import (
    SCRATCH,
    Bound,
    Cannot,
    Code,
    Decoder,
    Handle,
    ModuleValue,
    Namespace,
    PathValue,
    Ref,
    Unknown,
)

if TYPE_CHECKING:
    from auditor.program.unpack.interpreter import Interpreter

Call = Callable[["Interpreter", list[Any], dict[str, Any], ast.AST], Any]
_CALLS: dict[str, Call] = {}

# Calls that run code or start programs: followed even when an argument is unknown.
RUNNERS: Final = frozenset(
    [
        *words("builtins.exec builtins.eval runpy.run_path runpy.run_module os.system os.popen"),
        *(f"subprocess.{name}" for name in words("run call check_call check_output Popen")),
        *(f"os.{kind}{form}" for kind in ("exec",) for form in words("v ve vp vpe l le lp lpe")),
        *(f"os.{kind}{form}" for kind in ("spawn",) for form in words("v ve vp vpe l le lp lpe")),
    ]
)

_ALIASES: Final[Mapping[str, str]] = {
    "io.open": "builtins.open",
    "codecs.open": "builtins.open",
    "os.path.realpath": "os.path.abspath",
    "os.path.normpath": "os.path.abspath",
    "os.path.expanduser": "os.path.abspath",
    "pathlib.PurePath": "pathlib.Path",
    "pathlib.PosixPath": "pathlib.Path",
    "brotlicffi": "brotli",
    "zstd.decompress": "zstandard.decompress",
    "pyzstd.decompress": "zstandard.decompress",
    "compression.zstd.decompress": "zstandard.decompress",
    "compression.lzma.decompress": "lzma.decompress",
    "compression.zlib.decompress": "zlib.decompress",
    "compression.bz2.decompress": "bz2.decompress",
    "compression.gzip.decompress": "gzip.decompress",
    "brotlicffi.decompress": "brotli.decompress",
    "_bootstrap_external.SourceFileLoader": "importlib.machinery.SourceFileLoader",
}

_CONSTANTS: Final[Mapping[str, Any]] = {
    **{
        f"lzma.{name}": value
        for name, value in vars(lzma).items()
        if name.isupper() and isinstance(value, int)
    },
    **{
        f"zlib.{name}": value
        for name, value in vars(zlib).items()
        if name.isupper() and isinstance(value, int)
    },
    **{f"string.{name}": value for name, value in vars(string).items() if isinstance(value, str)},
    "os.sep": "/",
    "os.linesep": "\n",
    "os.name": "posix",
    "os.path.sep": "/",
    "sys.executable": "python3",
    "sys.platform": "linux",
    "sys.version_info": (3, 12, 0, "final", 0),
    "sys.byteorder": "little",
}


def known(*names: str) -> Callable[[Call], Call]:
    """Enter a function as the meaning of calls of ``names``."""

    def enter(function: Call) -> Call:
        _CALLS.update(dict.fromkeys(names, function))
        return function

    return enter


def is_builtin(name: str) -> bool:
    """Return whether ``name`` is one of Python's builtins."""
    return hasattr(builtins, name)


def text_of(value: Any) -> str:
    """Return ``str(value)`` of a scalar; raises :class:`Refused`."""
    if isinstance(value, PathValue):
        return value.text
    if not simple(value) or (isinstance(value, int) and value.bit_length() > 10_000):
        raise Refused("prints something that is not followed")
    return str(value)


def call(machine: Interpreter, ref: Ref, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    """Return what calling a library function gives; raises :class:`Cannot` or :class:`Refused`."""
    name = _ALIASES.get(ref.name, ref.name)
    function = _CALLS.get(name)
    if function is None:
        last = name.rsplit(".", 1)[-1]
        decoding = last in ("decompress", "loads", "load", "decode", "decrypt") or name.startswith("marshal.")
        shown = name.removeprefix("builtins.")
        raise Cannot(f"{shown}() is not followed", node, decoding)
    try:
        return function(machine, args, keywords, node)
    except (Refused, Cannot):
        raise
    except (
        TypeError,
        ValueError,
        IndexError,
        KeyError,
        AttributeError,
        ArithmeticError,
        UnicodeError,
    ) as error:
        # The call does not fit its function: wrong kind or number of arguments.
        raise Cannot(f"{name.removeprefix('builtins.')}() fails ({type(error).__name__})", node) from None


# Modules


def import_module(machine: Interpreter, name: str, alias: str | None, node: ast.stmt) -> None:
    """Bind what ``import name [as alias]`` binds; a module that the wrapper has written runs."""
    scope = machine.globals
    written = _written_module(machine, name)
    if written is not None:
        _run_file(machine, written, node, "module" if _is_helper(machine) else "main")
    if alias is not None:
        scope[alias] = Ref(name)
    else:
        scope[name.split(".", 1)[0]] = Ref(name.split(".", 1)[0])


def import_from(machine: Interpreter, node: ast.ImportFrom) -> None:
    """Bind what a ``from … import …`` binds."""
    module = node.module or ""
    if not node.level and (written := _written_module(machine, module)) is not None:
        _run_file(machine, written, node, "module" if _is_helper(machine) else "main")
    for alias in node.names:
        if alias.name == "*":
            continue
        try:
            value = member(machine, Ref(module), alias.name, node)
        except Cannot as error:
            value = Unknown(error)
        machine.globals[alias.asname or alias.name] = value


def _written_module(machine: Interpreter, name: str) -> str | None:
    """Return the path of the module if the wrapper has written it."""
    ends = (f"/{name.replace('.', '/')}.py", f"/{name.replace('.', '/')}/__init__.py")
    return next((path for path in machine.files.written if name and path.endswith(ends)), None)


def _is_helper(machine: Interpreter) -> bool:
    return any(run.namespace == "main" for run in machine.runs)


def member(machine: Interpreter, owner: Ref, name: str, node: ast.AST) -> Any:
    """Return an attribute of a module or library object; raises :class:`Cannot`."""
    whole = f"{owner.name}.{name}"
    if whole in _CONSTANTS:
        return _CONSTANTS[whole]
    if whole == "sys.argv":
        return [machine.file]
    if whole == "sys.path":
        return []
    if whole == "sys.modules.__main__.__file__":
        return machine.file
    if owner.name == "builtins" and name == "__dict__":
        return Ref("builtins.__dict__")
    if owner.name == "os.environ" and name in ("get", "setdefault", "update", "pop", "copy"):
        return Ref(whole)
    if name == "__name__":
        return owner.name
    if name.startswith("__") and name not in ("__import__", "__dict__", "__file__", "__loader__"):
        raise Cannot("an attribute that is not followed", node)
    return Ref(whole)


def item(machine: Interpreter, owner: Ref | Namespace, key: Any, node: ast.AST) -> Any:
    """Return ``owner[key]`` of a library mapping or a namespace; raises :class:`Cannot`."""
    if isinstance(owner, Namespace) and isinstance(key, str):
        if owner.module is not None:
            return machine.attribute(owner.module, key, node)
        if key == "__builtins__":
            return Ref("builtins")
        if key in machine.globals:
            value = machine.globals[key]
            if isinstance(value, Unknown):
                raise value.why
            return value
    if isinstance(owner, Ref) and isinstance(key, str):
        if owner.name in ("builtins.__dict__", "builtins"):
            return Ref(f"builtins.{key}")
        if owner.name == "sys.modules":
            return Ref(f"sys.modules.{key}" if key == "__main__" else key)
        if owner.name == "os.environ" and key in machine.environ:
            return machine.environ[key]
    raise Cannot("an item that is not known here", node)


def environ_update(machine: Interpreter, values: Any) -> None:
    """Keep environment variables that the wrapper sets."""
    if isinstance(values, dict):
        for key, value in values.items():
            if isinstance(key, str) and isinstance(value, str) and len(machine.environ) < 10_000:
                machine.environ[key] = value


# Running code


@known("builtins.exec")
def _exec(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> None:
    source = args[0] if args else Unknown(Cannot("exec() without an argument", node))
    where = args[1] if len(args) > 1 else keywords.get("globals")
    namespace, name = "main", ""
    if isinstance(where, Namespace) and where.module is not None:
        namespace, name = "module", where.module.name
    elif isinstance(where, dict) and where.get("__name__") != "__main__":
        namespace = "other"
    machine.run(source, node, namespace, name)


@known("builtins.eval")
def _eval(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    source = args[0] if args else Unknown(Cannot("eval() without an argument", node))
    if isinstance(source, Code):
        machine.run(source, node)
        return None
    if isinstance(source, Unknown):
        raise source.why
    if not isinstance(source, (str, bytes, bytearray)):
        raise Cannot("what it evaluates is not text", node)
    if len(source) > 200_000:
        raise Refused("evaluates an expression that is too long to follow")
    try:
        tree = ast.parse(source.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise Cannot("what it evaluates is no expression", node, decoding=bool(machine.how(source))) from None
    for inner in ast.walk(tree):
        if "lineno" in inner._attributes:
            ast.copy_location(inner, node)
    return machine.evaluate(tree.body)


@known("builtins.compile")
def _compile(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    source = args[0] if args else keywords["source"]
    if isinstance(source, (bytearray, Handle)):
        source = bytes(source) if isinstance(source, bytearray) else bytes(source.data)
    if not isinstance(source, (str, bytes)):
        raise Cannot("what it compiles is not text", node)
    filename = args[1] if len(args) > 1 else keywords.get("filename", "")
    return Code(source, filename if isinstance(filename, str) else "")


@known("ast.parse")
def _parse(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return _compile(machine, args[:1], keywords, node)


@known("types.FunctionType", "types.LambdaType")
def _function_type(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    if not isinstance(args[0], Code):
        raise Cannot("a code object that is not followed", node)
    return Bound(args[0], "__call__")


@known("runpy.run_path")
def _run_path(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    path = args[0] if args else keywords.get("path_name")
    if isinstance(path, Unknown):
        machine.run(path, node)
        return None
    _run_file(machine, _path_text(path), node)
    return None


@known("runpy.run_module", "runpy._run_module_as_main")
def _run_module(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    name = args[0] if args else keywords.get("mod_name")
    if not isinstance(name, str):
        raise Cannot("a module name that is not known", node)
    path = _written_module(machine, name) or f"{posixpath.dirname(machine.file)}/{name.replace('.', '/')}.py"
    _run_file(machine, path, node)
    return None


def _run_file(machine: Interpreter, path: str, node: ast.AST, namespace: str = "main") -> None:
    whole = machine.files.absolute(path)
    if whole == machine.files.absolute(machine.file):
        return  # a script that starts itself again, as launchers do
    data = machine.files.read(path)
    if data is None:
        name = machine.files.relative(path) or path
        why = Cannot(f"runs the file {name[:80]!r}, which is not in the submission", node)
        machine.run(Unknown(why), node, namespace, whole)
        return
    how = machine.files.how_written.get(whole, ("file",))
    machine.run(data, node, namespace, whole, how)


def _start(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    """Follow a program that is started: a Python file that the wrapper has written, or ``-c`` code."""
    parts: list[Any] = []
    for arg in [*args, keywords.get("args")]:
        if isinstance(arg, (list, tuple)):
            parts.extend(arg)
        elif isinstance(arg, str):
            try:
                parts.extend(shlex.split(arg) if " " in arg and len(arg) < 100_000 else [arg])
            except ValueError:
                parts.append(arg)
        else:
            parts.append(arg)
    for before, word in itertools.pairwise(parts):
        if before == "-c" and isinstance(word, str) and "python" in str(parts[0]):
            machine.run(word, node)
            return Unknown(Cannot("a program's result", node))
    for word in parts:
        path = word.text if isinstance(word, PathValue) else word
        if isinstance(path, str) and path.endswith(".py"):
            whole = machine.files.absolute(path)
            if whole in machine.files.written:
                _run_file(machine, path, node)
                break
    return Unknown(Cannot("a program's result", node))


for _name in RUNNERS:
    if _name.startswith(("os.", "subprocess.")):
        known(_name)(_start)


@known("importlib.util.spec_from_file_location")
def _spec(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    location = args[1] if len(args) > 1 else keywords["location"]
    return ModuleValue(str(args[0]), path=_path_text(location))


@known("importlib.machinery.SourceFileLoader")
def _file_loader(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return Bound(ModuleValue(str(args[0]), path=_path_text(args[1])), "loader")


@known("importlib.util.module_from_spec")
def _from_spec(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return args[0]


@known("importlib.util.spec_from_loader")
def _spec_from_loader(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return ModuleValue(str(args[0]))


@known("importlib.import_module", "builtins.__import__")
def _import(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    name = args[0]
    if not isinstance(name, str):
        raise Cannot("a module name that is not known", node)
    written = _written_module(machine, name)
    if written is not None:
        _run_file(machine, written, node, "module" if _is_helper(machine) else "main")
    return Ref(name)


@known("types.ModuleType", "imp.new_module")
def _module_type(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return ModuleValue(args[0] if isinstance(args[0], str) else "module")


# Names and namespaces


@known("builtins.globals", "builtins.locals")
def _globals(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return Namespace()


@known("builtins.vars")
def _vars(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return Namespace() if not args else machine.attribute(args[0], "__dict__", node)


@known("builtins.getattr")
def _getattr(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    if not isinstance(args[1], str):
        raise Cannot("a computed attribute that is not known", node)
    return machine.attribute(args[0], args[1], node)


@known("functools.partial")
def _partial(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return Bound(args[0], "partial", tuple(args[1:]), tuple(keywords.items()))


@known("functools.reduce")
def _reduce(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    items = list(machine.iterate(args[1], node))
    value = args[2] if len(args) > 2 else items.pop(0)
    for one in items:
        machine.work.step()
        value = machine.call(args[0], [value, one], {}, node)
    return value


@known("operator.xor")
def _xor(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return int(args[0]) ^ int(args[1])


# Environment


@known("os.environ.setdefault")
def _setdefault(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    key, value = args
    if isinstance(key, str) and key not in machine.environ:
        environ_update(machine, {key: value})
    return machine.environ.get(key, value)


@known("os.environ.update")
def _update(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> None:
    environ_update(machine, {**(args[0] if args and isinstance(args[0], dict) else {}), **keywords})


@known("os.putenv")
def _putenv(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> None:
    environ_update(machine, {args[0]: args[1]})


@known("os.environ.get", "os.getenv")
def _getenv(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    if args[0] in machine.environ:
        return machine.environ[args[0]]
    return args[1] if len(args) > 1 else keywords.get("default")


# Plain builtins


@known("builtins.bytes", "builtins.bytearray")
def _bytes(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    made = bytearray if isinstance(node, ast.Call) and _called(node) == "bytearray" else bytes
    if not args:
        return made()
    value = args[0]
    if isinstance(value, str):
        encoding = args[1] if len(args) > 1 else keywords.get("encoding", "utf-8")
        return machine.made(made(value, text_encoding(encoding)), None, value)
    if isinstance(value, int):
        machine.work.spend(max(value, 0))
        return made(value)
    if isinstance(value, (bytes, bytearray)):
        return machine.made(made(value), None, value)
    return machine.made(made(machine.iterate(value, node)), None, value)


def _called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else ""


@known("builtins.memoryview")
def _memoryview(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return args[0]


@known("builtins.str")
def _str(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    if not args:
        return ""
    if isinstance(args[0], (bytes, bytearray)):
        encoding = args[1] if len(args) > 1 else keywords.get("encoding")
        if encoding is None:
            raise Refused("prints something that is not followed")
        return machine.made(args[0].decode(text_encoding(encoding)), None, args[0])
    return args[0] if isinstance(args[0], str) else text_of(args[0])


@known("os.fspath", "os.fsdecode")
def _fspath(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return _path_text(args[0])


@known("builtins.int")
def _int(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    base = args[1] if len(args) > 1 else keywords.get("base", 10)
    value = args[0] if args else 0
    if isinstance(value, (str, bytes)):
        if len(value) > 200_000:
            raise Refused("integer too large")
        return int(value, base)
    return int(value)


@known("builtins.chr")
def _chr(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return chr(args[0])


@known("builtins.ord")
def _ord(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return ord(args[0])


@known("builtins.len")
def _len(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    if not is_plain(args[0]):
        raise Cannot("a length that is not known", node)
    return len(args[0])


@known("builtins.range")
def _range(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return range(*args)


@known("builtins.list", "builtins.tuple", "builtins.iter")
def _list(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    items = list(machine.iterate(args[0], node)) if args else []
    machine.work.spend(8 * len(items))
    made: Any = tuple(items) if isinstance(node, ast.Call) and _called(node) == "tuple" else items
    return machine.made(made, None, *args)


@known("builtins.dict")
def _dict(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    result: dict[Any, Any] = {}
    if args:
        pairs = args[0].items() if isinstance(args[0], dict) else machine.iterate(args[0], node)
        result.update({key: value for key, value in pairs if simple(key)})
    result.update(keywords)
    return result


@known("builtins.reversed")
def _reversed(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return machine.made(list(machine.iterate(args[0], node))[::-1], "reversed", args[0])


@known("builtins.sorted")
def _sorted(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    items = list(machine.iterate(args[0], node))
    if not all(simple(one) for one in items):
        raise Cannot("sorts something that is not followed", node)
    key = keywords.get("key")
    ranks = items if key is None else [machine.call(key, [one], {}, node) for one in items]
    if not all(simple(one) for one in ranks):
        raise Cannot("sorts something that is not followed", node)
    order = sorted(range(len(items)), key=ranks.__getitem__, reverse=bool(keywords.get("reverse")))
    return machine.made([items[at] for at in order], None, args[0])


@known("builtins.enumerate")
def _enumerate(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    start = args[1] if len(args) > 1 else keywords.get("start", 0)
    return machine.made(
        [(i, one) for i, one in enumerate(machine.iterate(args[0], node), start)], None, args[0]
    )


@known("builtins.zip")
def _zip(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    columns = [machine.iterate(one, node) for one in args]
    return machine.made(list(zip(*columns, strict=False)), None, *args)


@known("itertools.cycle")
def _cycle(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    raise Cannot("itertools.cycle() is not followed", node, decoding=True)


@known("builtins.map")
def _map(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    columns = [machine.iterate(one, node) for one in args[1:]]
    result = []
    for row in zip(*columns, strict=False):
        machine.work.step()
        result.append(machine.call(args[0], list(row), {}, node))
    return machine.made(result, "map", *args[1:], *result[:1])


@known("builtins.filter")
def _filter(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    kept = [
        one
        for one in machine.iterate(args[1], node)
        if (one if args[0] is None else machine.call(args[0], [one], {}, node))
    ]
    return machine.made(kept, None, args[1])


@known("builtins.sum", "builtins.max", "builtins.min")
def _fold(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    functions: dict[str, Callable[[list[Any]], Any]] = {"sum": sum, "max": max, "min": min}
    function = functions[_called(node) if isinstance(node, ast.Call) else ""]
    values = machine.iterate(args[0], node) if len(args) == 1 else args
    if not all(isinstance(one, (int, float)) for one in values):
        raise Cannot("adds up something that is not followed", node)
    return function(list(values))


@known("builtins.isinstance", "builtins.hasattr", "builtins.callable", "builtins.print", "builtins.id")
def _opaque(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    raise Cannot("a result that is not followed", node)


@known("builtins.next")
def _next(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    if not isinstance(args[0], list) or not args[0]:
        raise Cannot("an iterator that is not followed", node)
    return args[0].pop(0)


@known("re.sub")
def _re_sub(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    pattern, new, old = args[:3]
    text = pattern if isinstance(pattern, str) else pattern.decode("latin-1")
    # One character class, repeated or not: matching is linear whatever the input.
    if len(args) > 3 or keywords or not re.fullmatch(r"(?:\\.|\[[^\[\]]+\]|[^\\\[\](){}.*+?^$|])[+*]?", text):
        raise Cannot("a regular expression that is not followed", node)
    if not isinstance(new, (str, bytes)) or len(new) > 100 or "\\" in repr(new):
        raise Cannot("a replacement that is not followed", node)
    machine.work.spend(len(old) * (len(new) + 1))
    return machine.made(re.sub(pattern, new, old), None, old)


# Decoding


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
        if (
            not isinstance(one, dict)
            or not set(one) <= allowed
            or not all(isinstance(v, int) for v in one.values())
        ):
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


def _gunzip(data: bytes) -> bytes:
    return inflate(data, 31, members=True)


def _decompressor(label: str, function: Callable[[bytes], bytes]) -> Call:
    def decode(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
        data = _data(args, keywords)
        machine.work.spend(len(data))
        return machine.made(function(data), label, *args[:1], *keywords.values())

    return decode


_WHOLE: Final[Mapping[str, tuple[str, Callable[[bytes], bytes]]]] = {
    "gzip.decompress": ("gzip", _gunzip),
    "bz2.decompress": ("bz2", unbz2),
    "brotli.decompress": ("brotli", unbrotli),
    "zstandard.decompress": ("zstd", unzstd),
}
for _name, (_label, _function) in _WHOLE.items():
    known(_name)(_decompressor(_label, _function))


@known(
    "zstandard.ZstdDecompressor", "brotli.Decompressor", "bz2.BZ2Decompressor", "zstandard.get_decompressor"
)
def _decoder_object(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    name = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
    if "dict_data" in keywords or args:
        raise Refused("a decompressor with arguments that are not followed")
    if "BZ2" in name or "bz2" in name:
        return Decoder("bz2", unbz2)
    return Decoder("zstd", unzstd) if "std" in name else Decoder("brotli", unbrotli)


@known("lzma.LZMADecompressor")
def _lzma_object(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    form = args[0] if args else keywords.get("format", lzma.FORMAT_AUTO)
    filters = _filters(args[2] if len(args) > 2 else keywords.get("filters"))
    return Decoder(
        "lzma raw" if form == lzma.FORMAT_RAW else "lzma", lambda data: unlzma(data, form, filters)
    )


@known("zlib.decompressobj")
def _zlib_object(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    wbits = args[0] if args else keywords.get("wbits", zlib.MAX_WBITS)
    return Decoder("zlib", lambda data: inflate(data, wbits))


@known("json.loads", "json.load")
def _json(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    text = _read(machine, args[0]) if isinstance(args[0], Handle) else args[0]
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


@known("builtins.str.join", "builtins.bytes.join", "builtins.bytes.decode", "builtins.str.encode")
def _unbound(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    name = node.func.attr if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else ""
    return machine.call(Bound(args[0], name), args[1:], keywords, node)


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
    import textwrap

    machine.work.spend(len(args[0]))
    return machine.made(textwrap.dedent(args[0]), None, args[0])


# Files and paths


def _path_text(value: Any) -> str:
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
    return PathValue(posixpath.join(_path_text(left), _path_text(right)))


@known("pathlib.Path")
def _path(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return PathValue(posixpath.join(*[_path_text(one) for one in args]) if args else ".")


@known("pathlib.Path.cwd", "os.getcwd")
def _cwd(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    folder = posixpath.dirname(machine.file)
    return folder if isinstance(node, ast.Call) and "getcwd" in ast.unparse(node.func) else PathValue(folder)


def _path_function(name: str) -> Call:
    def apply(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
        parts = [_path_text(one) for one in args]
        if name == "abspath":
            return machine.files.absolute(parts[0])
        return getattr(posixpath, name)(*parts)

    return apply


for _name in ("join", "dirname", "basename", "splitext", "abspath", "split"):
    known(f"os.path.{_name}")(_path_function(_name))


@known("os.path.exists", "os.path.isfile")
def _exists(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return machine.files.read(_path_text(args[0])) is not None


@known("tempfile.mkdtemp", "tempfile.gettempdir", "tempfile.TemporaryDirectory")
def _mkdtemp(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    if isinstance(node, ast.Call) and "TemporaryDirectory" in ast.unparse(node.func):
        return Bound(SCRATCH, "temporary")
    return SCRATCH


@known("tempfile.NamedTemporaryFile", "tempfile.mkstemp")
def _named_temporary(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    mode = args[0] if args else keywords.get("mode", "w+b")
    suffix = keywords.get("suffix") or ""
    path = f"{SCRATCH}/temporary{len(machine.files.written)}{suffix if isinstance(suffix, str) else ''}"
    machine.files.write(path, b"")
    handle = Handle(bytearray(), path, text="b" not in mode)
    return (handle, path) if isinstance(node, ast.Call) and "mkstemp" in ast.unparse(node.func) else handle


@known("os.fdopen")
def _fdopen(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    if not isinstance(args[0], Handle):
        raise Cannot("a file that is not known", node)
    args[0].text = "b" not in (args[1] if len(args) > 1 else keywords.get("mode", "r"))
    return args[0]


@known("os.write")
def _os_write(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return call_method(machine, args[0], "write", args[1:], keywords, node)


@known(
    *words("""
os.makedirs os.mkdir os.close os.remove os.unlink os.chmod sys.path.insert
sys.path.append
"""),
    *words("""
shutil.rmtree atexit.register warnings.filterwarnings warnings.simplefilter
os.chdir
"""),
    *["builtins.setattr", "sys.stdout.flush"],
)
def _nothing(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> None:
    if isinstance(node, ast.Call) and _called(node) == "setattr" and isinstance(args[0], ModuleValue):
        args[0].attributes[str(args[1])] = args[2]


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
    how = machine.files.how_written.get(whole, ("own file",) if own else ("file",))
    return Handle(bytearray(data), path, text, text_encoding(encoding), how=how)


@known("builtins.open")
def _open(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    path = args[0] if args else keywords["file"]
    if isinstance(path, Handle):
        return path
    mode = args[1] if len(args) > 1 else keywords.get("mode", "r")
    encoding = keywords.get("encoding") or "utf-8"
    return open_file(machine, _path_text(path), mode, encoding, node)


@known("io.BytesIO", "io.StringIO")
def _stream(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    data = args[0] if args else b""
    machine.work.spend(len(data))
    if isinstance(data, str):
        return Handle(bytearray(data.encode("utf-8")), text=True, how=machine.how(data))
    return Handle(bytearray(data), how=machine.how(data))


def _opener(label: str, function: Callable[[bytes], bytes]) -> Call:
    def opening(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
        source = keywords.get("fileobj") or (args[0] if args else None)
        mode = args[1] if len(args) > 1 else keywords.get("mode", "rb")
        if "r" not in mode:
            raise Cannot("a compressed file that it writes", node)
        if not isinstance(source, Handle):
            source = open_file(machine, _path_text(source), "rb", "utf-8", node)
        plain = function(source.read(-1))
        machine.work.spend(len(plain))
        return Handle(bytearray(plain), text="t" in mode, how=(*source.how, label))

    return opening


for _name, _opened in {
    "gzip.open": ("gzip", _gunzip),
    "gzip.GzipFile": ("gzip", _gunzip),
    "bz2.open": ("bz2", unbz2),
    "bz2.BZ2File": ("bz2", unbz2),
    "zstandard.open": ("zstd", unzstd),
    "lzma.open": ("lzma", lambda data: unlzma(data, lzma.FORMAT_AUTO, None)),
    "lzma.LZMAFile": ("lzma", lambda data: unlzma(data, lzma.FORMAT_AUTO, None)),
}.items():
    known(_name)(_opener(*_opened))


@known("pkgutil.get_data")
def _get_data(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    path = posixpath.join(posixpath.dirname(machine.file), _path_text(args[1]))
    handle = open_file(machine, path, "rb", "utf-8", node)
    return _read(machine, handle)


@known("__loader__.get_data")
def _loader_data(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return _read(machine, open_file(machine, _path_text(args[0]), "rb", "utf-8", node))


@known("__loader__.get_source", "inspect.getsource")
def _own_source(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    if args and args[0] not in ("__main__", Ref("sys.modules.__main__")):
        raise Cannot("a source that is not known", node)
    return _read(machine, open_file(machine, machine.file, "r", "utf-8", node))


@known("linecache.getlines", "fileinput.input")
def _getlines(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    handle = open_file(machine, _path_text(args[0]), "r", "utf-8", node)
    return call_method(machine, handle, "readlines", [], {}, node)


@known("tokenize.open")
def _tokenize_open(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return open_file(machine, _path_text(args[0]), "r", "utf-8", node)


def _read(machine: Interpreter, handle: Handle, size: int = -1) -> Any:
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


def call_method(
    machine: Interpreter, owner: Any, name: str, args: list[Any], keywords: dict[str, Any], node: ast.AST
) -> Any:
    """Return what a method of a symbolic value gives; raises :class:`Cannot` or :class:`Refused`."""
    try:
        if isinstance(owner, Handle):
            return _handle_method(machine, owner, name, args, keywords, node)
        if isinstance(owner, PathValue):
            return _path_method(machine, owner, name, args, keywords, node)
        if isinstance(owner, Decoder):
            return _decoder_method(machine, owner, name, args, keywords)
        if isinstance(owner, Namespace):
            if name == "update" and args and isinstance(args[0], dict):
                target = machine.globals if owner.module is None else owner.module.attributes
                target.update(args[0])
                return None
            if name in ("get", "__getitem__") and args:
                return item(machine, owner, args[0], node)
        if isinstance(owner, Code) and name == "__call__":
            machine.run(owner, node)
            return None
        if isinstance(owner, Bound):
            return _bound_method(machine, owner, name, args, node)
        if isinstance(owner, ModuleValue) and name == "loader":
            raise Cannot("a loader that is not followed", node)
    except (TypeError, ValueError, IndexError, KeyError, AttributeError) as error:
        raise Cannot(f".{name}() fails ({type(error).__name__})", node) from None
    raise Cannot(f"method .{name}() is not followed", node)


def _bound_method(machine: Interpreter, owner: Bound, name: str, args: list[Any], node: ast.AST) -> Any:
    if owner.name == "hash" and name in ("digest", "hexdigest"):
        return owner.owner if name == "digest" else owner.owner.hex()
    if owner.name == "loader" and isinstance(owner.owner, ModuleValue):
        module = args[0] if args and isinstance(args[0], ModuleValue) else owner.owner
        path = owner.owner.path
        if name in ("exec_module", "load_module") and path is not None:
            if machine.files.absolute(path) in machine.files.written:
                _run_file(machine, path, node, "module" if _is_helper(machine) else "main")
            return module
        if name in ("get_data", "get_source") and path is not None:
            mode = "rb" if name == "get_data" else "r"
            return _read(machine, open_file(machine, path, mode, "utf-8", node))
    if owner.name == "temporary" and name in ("cleanup", "__enter__", "__exit__"):
        return owner.owner
    raise Cannot(f"method .{name}() is not followed", node)


def _handle_method(
    machine: Interpreter, handle: Handle, name: str, args: list[Any], keywords: dict[str, Any], node: ast.AST
) -> Any:
    if name in ("read", "read1"):
        return _read(machine, handle, args[0] if args and args[0] is not None else -1)
    if name == "getvalue":
        return machine.made(bytes(handle.data), None, handle)
    if name in ("readlines", "splitlines"):
        text = _read(machine, handle)
        lines = text.splitlines(True)
        bounded(machine.work, lines)
        for line in lines[:10_000]:
            machine.keep(line, handle.how)
        return machine.made(lines, None, text)
    if name in ("readline", "__next__"):
        end = handle.data.find(b"\n", handle.position)
        return _read(machine, handle, -1 if end < 0 else end + 1 - handle.position)
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


def _path_method(
    machine: Interpreter, path: PathValue, name: str, args: list[Any], keywords: dict[str, Any], node: ast.AST
) -> Any:
    if name in ("read_text", "read_bytes"):
        encoding = (args[0] if args else keywords.get("encoding")) or "utf-8"
        mode = "r" if name == "read_text" else "rb"
        return _read(machine, open_file(machine, path.text, mode, encoding, node))
    if name in ("write_text", "write_bytes"):
        handle = open_file(machine, path.text, "w" if name == "write_text" else "wb", "utf-8", node)
        return _handle_method(machine, handle, "write", args[:1], {}, node)
    if name == "open":
        mode = args[0] if args else keywords.get("mode", "r")
        return open_file(machine, path.text, mode, keywords.get("encoding") or "utf-8", node)
    if name in ("resolve", "absolute", "expanduser"):
        return PathValue(machine.files.absolute(path.text))
    if name == "joinpath":
        return PathValue(posixpath.join(path.text, *[_path_text(one) for one in args]))
    if name in ("with_name", "with_suffix", "with_stem"):
        folder, last = posixpath.split(path.text)
        stem, suffix = posixpath.splitext(last)
        new = _path_text(args[0])
        return PathValue(
            posixpath.join(
                folder, {"with_name": new, "with_suffix": stem + new, "with_stem": new + suffix}[name]
            )
        )
    if name in ("as_posix", "__str__", "__fspath__"):
        return path.text
    if name in ("exists", "is_file"):
        return machine.files.read(path.text) is not None
    if name in ("mkdir", "unlink", "touch", "chmod"):
        return None
    raise Cannot(f"method .{name}() is not followed", node)


def _decoder_method(
    machine: Interpreter, decoder: Decoder, name: str, args: list[Any], keywords: dict[str, Any]
) -> Any:
    if name in ("decompress", "process"):
        data = _data(args, keywords)
        machine.work.spend(len(data))
        return machine.made(decoder.run(data), decoder.label, *args[:1])
    if name == "stream_reader":
        handle = (
            args[0] if isinstance(args[0], Handle) else Handle(bytearray(args[0]), how=machine.how(args[0]))
        )
        plain = decoder.run(handle.read(-1))
        machine.work.spend(len(plain))
        return Handle(bytearray(plain), how=(*handle.how, decoder.label))
    if name in ("flush", "finish"):
        return b""
    if name == "decompressobj":
        return decoder
    raise Refused(f"method .{name}() of a decompressor is not followed")
