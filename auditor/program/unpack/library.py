"""Modules, running code, names and the environment, as wrappers use them."""

from __future__ import annotations

import ast
import builtins
import itertools
import lzma
import posixpath
import shlex
import string
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from auditor.program.unpack import builtin_calls, iteration_calls  # noqa: F401 (enter their functions)
from auditor.program.unpack.container_calls import archive_method
from auditor.program.unpack.decoding_calls import decoder_method, zstandard_method
from auditor.program.unpack.file_calls import handle_method, open_file, path_method, path_text, read
from auditor.program.unpack.model import LaterCall, Refused, words
from auditor.program.unpack.registry import known
from auditor.program.unpack.values import (
    Archive,
    Bound,
    Cannot,
    Code,
    Decoder,
    Decompressor,
    Handle,
    ModuleValue,
    Namespace,
    PathValue,
    Ref,
    Step,
    Unknown,
)

if TYPE_CHECKING:
    from auditor.program.unpack.interpreter import Interpreter

# Calls that run code or start programs: followed even when an argument is unknown.
RUNNERS: Final = frozenset(
    [
        *words("builtins.exec builtins.eval runpy.run_path runpy.run_module os.system os.popen"),
        *(f"subprocess.{name}" for name in words("run call check_call check_output Popen")),
        *(f"os.{kind}{form}" for kind in ("exec",) for form in words("v ve vp vpe l le lp lpe")),
        *(f"os.{kind}{form}" for kind in ("spawn",) for form in words("v ve vp vpe l le lp lpe")),
    ]
)


_CONSTANTS: Final[Mapping[str, Any]] = {
    **{f"lzma.{name}": value for name, value in vars(lzma).items() if name.isupper() and isinstance(value, int)},
    **{f"zlib.{name}": value for name, value in vars(zlib).items() if name.isupper() and isinstance(value, int)},
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


def is_builtin(name: str) -> bool:
    """Return whether ``name`` is one of Python's builtins."""
    return hasattr(builtins, name)


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
    namespace, name, runs_as = "main", "", "__main__"
    if isinstance(where, Namespace) and where.module is not None:
        namespace, name = "module", where.module.name
    elif isinstance(where, dict):
        named = where.get("__name__", "builtins")  # that is where Python finds the name otherwise
        runs_as = named if isinstance(named, str) else runs_as
        namespace = "main" if runs_as == "__main__" else "other"
    run = machine.run(source, node, namespace, name, runs_as=runs_as)
    if isinstance(where, dict):
        machine.namespaces[id(where)] = where, ModuleValue(runs_as, later=run.later)


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
    return _run_file(machine, path_text(path), node, runs_as=_run_name(args, keywords, "<run_path>"))


@known("runpy.run_module", "runpy._run_module_as_main")
def _run_module(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    name = args[0] if args else keywords.get("mod_name")
    if not isinstance(name, str):
        raise Cannot("a module name that is not known", node)
    path = _written_module(machine, name) or f"{posixpath.dirname(machine.file)}/{name.replace('.', '/')}.py"
    return _run_file(machine, path, node, runs_as=_run_name(args, keywords, name))


def _run_name(args: list[Any], keywords: dict[str, Any], default: str) -> str:
    """Return what ``__name__`` is in a file that ``runpy`` runs; "__main__" where that isn't known."""
    given = args[2] if len(args) > 2 else keywords.get("run_name")
    return default if given is None else given if isinstance(given, str) else "__main__"


def _run_file(
    machine: Interpreter, path: str, node: ast.AST, namespace: str = "main", runs_as: str = "__main__"
) -> ModuleValue | None:
    """Note that a file is run; return what it defines, None for nothing that could be called."""
    whole = machine.files.absolute(path)
    if whole == machine.files.absolute(machine.file):
        return None  # a script that starts itself again, as launchers do
    data = machine.files.read(path)
    if data is None:
        name = machine.files.relative(path) or path
        why = Cannot(f"runs the file {name[:80]!r}, which is not in the submission", node)
        machine.run(Unknown(why), node, namespace, whole)
        return None
    how = machine.files.how_written.get(whole, (Step("file"),))
    run = machine.run(data, node, namespace, whole, how, runs_as)
    return ModuleValue(runs_as, path=whole, later=run.later)


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
    folder = keywords.get("cwd")
    outer, files = machine.files.cwd, machine.files
    if isinstance(folder, (str, PathValue)):
        files.cwd = files.absolute(path_text(folder))
    try:
        _started(machine, parts, node)
    finally:
        files.cwd = outer
    return Unknown(Cannot("a program's result", node))


def _started(machine: Interpreter, parts: list[Any], node: ast.AST) -> None:
    for before, word in itertools.pairwise(parts):
        if not isinstance(word, str) or "python" not in str(parts[0]):
            continue
        if before == "-c":
            machine.run(word, node)
            return
        if before == "-m" and (written := _written_module(machine, word)) is not None:
            _run_file(machine, written, node)
            return
    for word in parts:
        path = word.text if isinstance(word, PathValue) else word
        if isinstance(path, str) and path.endswith(".py"):
            whole = machine.files.absolute(path)
            if whole in machine.files.written:
                _run_file(machine, path, node)
                break


for _name in RUNNERS:
    if _name.startswith(("os.", "subprocess.")):
        known(_name)(_start)


@known("importlib.util.spec_from_file_location")
def _spec(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    location = args[1] if len(args) > 1 else keywords["location"]
    return ModuleValue(str(args[0]), path=path_text(location))


@known("importlib.machinery.SourceFileLoader")
def _file_loader(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return Bound(ModuleValue(str(args[0]), path=path_text(args[1])), "loader")


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
    found = None
    if written is not None:
        found = _run_file(machine, written, node, "module" if _is_helper(machine) else "main", name)
    return found or Ref(name)


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


@known("builtins.setattr")
def _setattr(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> None:
    if isinstance(args[0], ModuleValue):
        args[0].attributes[str(args[1])] = args[2]


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


def call_method(
    machine: Interpreter, owner: Any, name: str, args: list[Any], keywords: dict[str, Any], node: ast.AST
) -> Any:
    """Return what a method of a symbolic value gives; raises :class:`Cannot` or :class:`Refused`."""
    try:
        if isinstance(owner, Handle):
            return handle_method(machine, owner, name, args, keywords, node)
        if isinstance(owner, PathValue):
            return path_method(machine, owner, name, args, keywords, node)
        if isinstance(owner, Decoder):
            return decoder_method(machine, owner, name, args, keywords)
        if isinstance(owner, Archive):
            return archive_method(machine, owner, name, args, keywords, node)
        if isinstance(owner, Decompressor):
            return zstandard_method(machine, owner, name, args, keywords)
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
        if isinstance(owner, ModuleValue) and owner.later is not None:
            known_args = (one if isinstance(one, (str, int, float, bool)) else None for one in args)
            owner.later.append(LaterCall(name, tuple(known_args)))
            raise Cannot("what the code that ran gives back", node)
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
                found = _run_file(machine, path, node, "module" if _is_helper(machine) else "main", owner.owner.name)
                if found is not None and found.later is not None:
                    # The module keeps its identity; what is called of it from now on is called of the code that ran.
                    machine.modules[id(module)] = module, found.later
                    return found if name == "load_module" else module
            return module
        if name in ("get_data", "get_source") and path is not None:
            mode = "rb" if name == "get_data" else "r"
            return read(machine, open_file(machine, path, mode, "utf-8", node))
    if owner.name == "temporary" and name in ("cleanup", "__enter__", "__exit__"):
        return owner.owner
    raise Cannot(f"method .{name}() is not followed", node)
