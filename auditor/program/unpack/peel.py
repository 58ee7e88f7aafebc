"""Peels a packed script, layer by layer."""

from __future__ import annotations

import ast
import hashlib
import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from auditor.program.continued import blanked
from auditor.program.nesting import too_deep
from auditor.program.unpack.methods import Work
from auditor.program.unpack.model import (
    MAX_BYTES,
    MAX_LAYERS,
    LaterCall,
    Layer,
    PackFailure,
    Segment,
    Unpacked,
    printable,
)
from auditor.program.unpack.splice import Insertion, splice
from auditor.program.unpack.text import decode_text
from auditor.program.unpack.values import Cannot, Files, untold
from auditor.program.unpack.wrapper import is_wrapper, may_run_made_code, runs_made_code

if TYPE_CHECKING:
    from auditor.program.unpack.interpreter import Run

_SMALL: Final = 3000  # statements' nodes below which a script gets the whole budget
_BRIEF_STEPS: Final = 300_000


def unpack(data: bytes, path: str, sibling: Callable[[str], bytes | None]) -> Unpacked:
    """Return the layers of a script, outermost first; nothing of it is executed.

    ``path`` is the script's path relative to the submission's folder, and ``sibling`` returns the bytes of
    another file there (relative path with forward slashes, never leaving the folder), or None. A script is
    packed when what it executes comes out of a decoding or out of another file; a plain one has one layer.
    What cannot be opened is ``failure``; it is never an exception.
    """
    layers = [Layer(0, path, data)]
    seen = {hashlib.sha256(data).digest()}
    files = Files(lambda name: data if name == path else sibling(name))
    extra: dict[str, bytes] = {}
    environ: dict[str, str] = {}
    kept: set[str] = set()
    inherited: dict[str, Any] = {}
    if len(data) > MAX_BYTES:
        reason = f"the file is larger than {MAX_BYTES // 2**20} MiB"
        return Unpacked(tuple(layers), PackFailure(0, path, None, reason))
    work = Work()
    running = path  # the file whose code runs, as ``__file__`` names it
    failure: PackFailure | None = None
    while failure is None:
        layer = layers[-1]
        text = decode_text(layer.data)[0].replace("\r\n", "\n").replace("\r", "\n")
        if _runs_nothing_made(text):
            break
        body = _parse(text)
        assert body is not None
        body = [*body, *_later(layer, text)]
        step = _follow(layer, text, body, running, files, work, inherited)
        kept |= files.written.keys() if step.wrapper else files.how_written.keys()
        environ.update({name: value for name, value in step.environ.items() if name not in environ})
        extra.update(step.files)
        failure = step.failure
        if step.data is None:
            break
        digest = hashlib.sha256(step.data).digest()
        if digest in seen:
            failure = PackFailure(layer.index, layer.path, step.line, "the script runs itself again without end")
        elif layer.index == MAX_LAYERS:
            failure = PackFailure(layer.index, layer.path, step.line, f"more than {MAX_LAYERS} layers")
        else:
            seen.add(digest)
            layers.append(
                Layer(
                    layer.index + 1,
                    step.path,
                    step.data,
                    step.how,
                    step.line,
                    step.line_map,
                    step.left,
                    step.runs_as,
                    step.later,
                )
            )
            running, inherited = step.running, step.inherited
    for name, content in files.written.items():
        if content and name in kept and content not in (layer.data for layer in layers):
            extra.setdefault(files.name(name), content)
    return Unpacked(tuple(layers), failure, environ, extra)


@lru_cache(maxsize=4)
def _runs_nothing_made(text: str) -> bool:
    """Return whether a source runs no code that it has made itself; asked twice of a script, for code and size."""
    if not may_run_made_code(text):
        return True
    body = _parse(text)
    return body is None or not runs_made_code(body)


class _Followed:
    """What following one layer gave."""

    def __init__(self) -> None:
        self.data: bytes | None = None
        self.path = ""
        self.running = ""
        self.how: tuple[str, ...] = ()
        self.left: tuple[str, ...] = ()
        self.runs_as = "__main__"
        self.later: tuple[LaterCall, ...] = ()
        self.line: int | None = None
        self.line_map: tuple[Segment, ...] | None = None
        self.environ: dict[str, str] = {}
        self.files: dict[str, bytes] = {}
        self.inherited: dict[str, Any] = {}
        self.failure: PackFailure | None = None
        self.wrapper = False


def _follow(
    layer: Layer,
    text: str,
    body: list[ast.stmt],
    running: str,
    files: Files,
    work: Work,
    inherited: dict[str, Any],
) -> _Followed:
    from auditor.program.unpack.interpreter import Interpreter  # plain scripts need none of its libraries

    brief = sum(1 for statement in body for _ in ast.walk(statement)) > _SMALL
    machine = Interpreter(running, files, Work(_BRIEF_STEPS) if brief else work, inherited, layer.runs_as)
    files.opened.clear()
    machine.follow(body)
    step = _Followed()
    step.path, step.running, step.inherited = layer.path, running, machine.globals
    wrapper = step.wrapper = is_wrapper(body, machine.called, inherited)
    main: list[Run] = []
    for run in machine.runs:
        imported = isinstance(run.call, (ast.Import, ast.ImportFrom)) and not wrapper
        if (run.namespace == "module" or imported) and run.source is not None:
            # A script that goes on with what it imports has a module there, not its next layer.
            step.files[_module_path(run, files)] = run.source
        elif run.namespace == "other" and not wrapper:
            if run.source is not None and run.how:
                step.files[f"{layer.path}.line{_line(run.call)}.py"] = run.source
        elif run.source is None:
            assert run.why is not None
            if (wrapper or run.why.decoding) and step.failure is None:
                step.failure = _failure(layer, text, run, run.why)
        elif wrapper or run.how:
            main.append(run)
    if wrapper:
        step.environ = machine.environ
    if not main:
        return step
    first = main[0]
    step.line = _line(first.call)
    if wrapper and all(run.source == first.source for run in main):
        step.data = first.source
        step.how = tuple(one.name for one in first.how) or ("text",)
        step.left = untold(first.how)
        step.runs_as, step.later = first.runs_as, tuple(first.later)
        if first.name:
            step.running = first.name
        found = [name for name, content in files.opened.items() if content == first.source]
        if found:
            step.path = found[0]
        return step
    insertions = [
        Insertion(run.statement, run.call, decode_text(run.source)[0].replace("\r\n", "\n").replace("\r", "\n"))
        for run in main
        if run.source is not None
    ]
    joined, step.line_map = splice(text, insertions)
    step.data = joined.encode("utf-8", "surrogatepass")
    step.how = tuple(dict.fromkeys(one.name for run in main for one in run.how)) or ("text",)
    step.left = tuple(dict.fromkeys(part for run in main for part in untold(run.how)))
    step.environ = {}
    if len(step.data) > MAX_BYTES:
        step.data = None
        reason = f"unpacks to more than {MAX_BYTES // 2**20} MiB"
        step.failure = PackFailure(layer.index, layer.path, step.line, reason)
    return step


def _later(layer: Layer, text: str) -> list[ast.stmt]:
    """Return what the layer above calls once this one has run, as statements behind its last line."""
    line = text.count("\n") + 1
    made: list[ast.stmt] = []
    for call in layer.later:
        arguments: list[ast.expr] = [ast.Constant(one) for one in call.arguments]
        statement = ast.Expr(ast.Call(ast.Name(call.name, ast.Load()), arguments, []))
        made.append(ast.increment_lineno(ast.fix_missing_locations(statement), line - 1))
    return made


def _module_path(run: Run, files: Files) -> str:
    if run.name.startswith("/"):
        return files.name(run.name)
    return f"{run.name.replace('.', '/')}.py"


def _line(node: ast.AST) -> int | None:
    return getattr(node, "lineno", None)


def _failure(layer: Layer, text: str, run: Run, why: Cannot) -> PackFailure:
    node = why.node if why.node is not None and _line(why.node) is not None else run.call
    quoted = _quote(text, node) if isinstance(node, (ast.expr, ast.stmt)) else ""
    return PackFailure(layer.index, layer.path, _line(node), printable(why.reason, 200), printable(quoted))


def _quote(text: str, node: ast.expr | ast.stmt) -> str:
    """Return the beginning of a node's source (``ast.get_source_segment`` is slow on long literals)."""
    lines = text.split("\n")[node.lineno - 1 : node.end_lineno]
    if not lines:
        return ""
    first = lines[0].encode("utf-8", "replace")
    if len(lines) == 1:
        return first[node.col_offset : node.end_col_offset].decode("utf-8", "replace")
    return "\n".join([first[node.col_offset :].decode("utf-8", "replace"), *lines[1:10]])


def _parse(text: str) -> list[ast.stmt] | None:
    """Return the module-level statements that can be read, or None when there are none."""
    try:
        return _parse_whole(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _parse_apart(text)


def _parse_whole(text: str) -> list[ast.stmt]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a submission's invalid escapes are none of the user's business
        return ast.parse(text.replace("\0", " ")).body


def _parse_apart(text: str) -> list[ast.stmt] | None:
    """Read newer grammar than the interpreter's with LibCST, one module-level statement at a time."""
    import libcst

    if too_deep(text) is not None:
        return None
    text = blanked(text)  # or LibCST leaves lines out, and those after them are counted wrongly
    try:
        module = libcst.parse_module(text)
    except (libcst.ParserSyntaxError, libcst.CSTValidationError, ValueError, RecursionError, MemoryError):
        return None
    body: list[ast.stmt] = []
    line = sum(1 for _ in module.header)
    for statement in module.body:
        code = module.code_for_node(statement)
        try:
            parsed = _parse_whole(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            parsed = [ast.ClassDef("_", [], [], [ast.Pass()], [])]  # something that is more than a wrapper
            ast.fix_missing_locations(parsed[0])
        for one in parsed:
            ast.increment_lineno(one, line)
            body.append(one)
        line += code.count("\n")
    return body
