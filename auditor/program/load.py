"""From a submission's files to a program: unpack, decode, parse and lower what the script may run."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath

from msgspec.structs import replace

from auditor.challenge.places import is_metadata
from auditor.program import ir
from auditor.program.model import Packing, Program, Unit, Unparsed
from auditor.program.parse import read_module
from auditor.program.source import Source
from auditor.program.unpack import Layer, PackFailure, decode_text, unpack
from auditor.submission.model import Carried, Submission, Unread

MAX_LOG_BYTES = 64 * 1024 * 1024  # of a log that carries the script
MAX_SCRIPT_BYTES = 32 * 1024 * 1024
MAX_NATIVE_BYTES = 4 * 1024 * 1024
MAX_CONFIGURATION_BYTES = 64 * 1024
MAX_HELPERS = 40
CONFIGURATION = (".json", ".toml", ".yaml", ".yml", ".ini", ".cfg", ".env")
NATIVE_SUFFIXES = (".c", ".cc", ".cpp", ".cxx", ".cu", ".cuh", ".h", ".hpp")


def load_program(submission: Submission) -> Program | Unparsed:
    """Return the program of ``submission``, or why its script cannot be read.

    Only helpers that the script imports (or imports of imports) are parsed. A script that is packed in a
    way we can't open has ``failure`` set in its unit.
    """
    script = submission.script
    if script is None:
        return Unparsed(submission.name, None, "it has no train script")
    written: dict[str, bytes] = {}

    def sibling(name: str) -> bytes | None:
        path = _below(script, name)
        if path is None or path not in files:
            return None
        try:
            return submission.tree.read(path, MAX_SCRIPT_BYTES)
        except Unread:
            return None

    files = frozenset(submission.tree.paths())
    carried = {each.name: each for each in submission.carried[1:]}
    if submission.carried:
        unit = _carried_unit(submission, submission.carried[0], script)
    else:
        unit = _read_unit(submission, script, sibling, written)
    units: dict[str, Unit] = {script: unit}
    known = {path for path in (*files, *written, *carried) if path.endswith(".py")}
    pending = [unit]
    while pending and len(units) < MAX_HELPERS:
        current = pending.pop()
        if current.module is None:
            continue
        for path in [*_imported(current, known), *_run(current, files)]:
            if path in units:
                continue
            if path in carried:
                helper = _carried_unit(submission, carried[path], path)
            elif path in written:
                helper = _unit_of(path, written[path], lambda _name: None, {})
            else:
                helper = _read_unit(submission, path, sibling, {})
            units[path] = helper
            pending.append(helper)
    native: dict[str, Source] = {}
    for path in [*submission.helpers, *written]:
        if not path.endswith(NATIVE_SUFFIXES):
            continue
        try:
            data = written[path] if path in written else submission.tree.read(path, MAX_NATIVE_BYTES)
        except Unread:
            continue
        native[path] = Source(path, decode_text(data)[0])
    return Program(script, units, native, whole=not pending, texts=_configuration(submission, units))


def _configuration(submission: Submission, units: Mapping[str, Unit]) -> dict[str, str]:
    """Return the small configuration files that the program's texts name."""
    out: dict[str, str] = {}
    for path in submission.tree.paths():
        name = PurePosixPath(path).name
        if not name.endswith(CONFIGURATION) or is_metadata(name):
            continue
        if any(name in unit.source.text for unit in units.values()):
            try:
                out[path] = decode_text(submission.tree.read(path, MAX_CONFIGURATION_BYTES))[0]
            except Unread:
                continue
    return out


def _read_unit(
    submission: Submission, path: str, sibling: Callable[[str], bytes | None], written: dict[str, bytes]
) -> Unit:
    try:
        data = submission.tree.read(path, MAX_SCRIPT_BYTES)
    except Unread as error:
        source = Source(path, "")
        return Unit(path, (source,), None, Unparsed(path, None, str(error)))
    return _unit_of(path, data, sibling, written)


def _carried_unit(submission: Submission, carried: Carried, path: str) -> Unit:
    """Return a source file that a log carries, as the unit ``path``; it keeps the log's name and line numbers."""
    try:
        text = decode_text(submission.tree.read(carried.log, MAX_LOG_BYTES))[0]
    except Unread as error:
        return Unit(path, (Source(carried.log, ""),), None, Unparsed(carried.log, None, str(error)))
    lines = text.split("\n")[: carried.last_line]
    held = ["" if number < carried.first_line else line for number, line in enumerate(lines, start=1)]
    unit = _unit_of(carried.log, ("\n".join(held) + "\n").encode(), lambda _name: None, {})
    return replace(unit, path=path)


def _unit_of(path: str, data: bytes, sibling: Callable[[str], bytes | None], written: dict[str, bytes]) -> Unit:
    opened = unpack(data, path, sibling)
    sources = tuple(Source(path, decode_text(layer.data)[0], layer.index) for layer in opened.layers)
    packing = tuple(
        Packing(layer.how, layer.line, len(outer.data), len(layer.data), layer.left)
        for outer, layer in itertools.pairwise(opened.layers)
    )
    written.update(opened.files)
    if opened.failure is not None:
        return Unit(path, sources, None, _pack_failure(opened.failure), packing)
    if b"\0" in opened.layers[-1].data[:4096] and "\0" in sources[-1].text:
        reason = "not a text file (it holds NUL bytes)"
        return Unit(path, sources, None, Unparsed(path, 1, reason, sources[-1].layer), packing)
    lowered = read_module(sources[-1])
    if isinstance(lowered, Unparsed):
        return Unit(path, sources, None, lowered, packing)
    environ, last = opened.environ, opened.layers[-1]
    if environ or last.later or last.runs_as != "__main__":
        before = [*_named(last), *(_environment(environ) if environ else ())]
        lowered = ir.Module((*before, *lowered.body, *_called_later(last, len(sources[-1].text))))
    return Unit(path, sources, lowered, packing=packing)


def _named(layer: Layer) -> list[ir.Stmt]:
    """Return ``__name__ = …`` for a layer that doesn't run as the main module."""
    if layer.runs_as == "__main__":
        return []
    return [ir.Assign(0, 0, (ir.Name(0, 0, "__name__"),), ir.Const(0, 0, layer.runs_as))]


def _called_later(layer: Layer, end: int) -> list[ir.Stmt]:
    """Return the calls that the layer above makes of this one's functions, at the end of its text."""
    out: list[ir.Stmt] = []
    for call in layer.later:
        args = tuple(
            ir.Arg(end, end, ir.Name(end, end, "_wrapper_value") if one is None else ir.Const(end, end, one), None, "")
            for one in call.arguments
        )
        out.append(ir.ExprStmt(end, end, ir.Call(end, end, ir.Name(end, end, call.name), args)))
    return out


def _environment(environ: Mapping[str, str]) -> list[ir.Stmt]:
    """Return ``os.environ.setdefault`` statements for what wrappers set before the payload."""
    out: list[ir.Stmt] = [ir.Import(0, 0, (("os", "_wrapper_os"),))]
    for name, value in environ.items():
        func = ir.Attr(0, 0, ir.Attr(0, 0, ir.Name(0, 0, "_wrapper_os"), "environ"), "setdefault")
        args = tuple(ir.Arg(0, 0, ir.Const(0, 0, v), None, "") for v in (name, value))
        out.append(ir.ExprStmt(0, 0, ir.Call(0, 0, func, args)))
    return out


def _pack_failure(failure: PackFailure) -> Unparsed:
    quoted = f": {failure.expression}" if failure.expression else ""
    return Unparsed(failure.path, failure.line, f"{failure.reason}{quoted}", failure.layer, packed=True)


def _below(script: str, name: str) -> str | None:
    """Return ``name`` beside ``script`` as a path in the submission, or None when it leaves it."""
    parts: list[str] = list(PurePosixPath(script).parent.parts)
    for part in PurePosixPath(name).parts:
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part not in (".", "/"):
            parts.append(part)
    return "/".join(parts)


def _imported(unit: Unit, known: set[str]) -> list[str]:
    """Return the submission's own modules that ``unit`` imports, wherever in it."""
    assert unit.module is not None
    here = unit.path.rpartition("/")[0]
    found: list[str] = []
    for node in unit.index.of(ir.Import, ir.ImportFrom):
        if isinstance(node, ir.Import):
            names = [(dotted, 0) for dotted, _ in node.names]
        else:
            names = [(node.module, node.level)]
            names += [(f"{node.module}.{name}" if node.module else name, node.level) for name, _ in node.names]
        for dotted, level in names:
            base = here
            for _ in range(level - 1):
                base = base.rpartition("/")[0]
            tail = dotted.replace(".", "/")
            for folder in (base,) if level else (here, ""):
                beside = f"{folder}/" if folder else ""
                for path in (f"{beside}{tail}.py", f"{beside}{tail}/__init__.py" if tail else f"{beside}__init__.py"):
                    if path in known and path != unit.path and path not in found:
                        found.append(path)
    return found


_RUNNERS = (
    "spec_from_file_location", "SourceFileLoader", "runpy", "subprocess", "os.system", "os.popen", "os.exec", "exec(",
    "import_module", "__import__",
)  # fmt: skip


def _run(unit: Unit, files: frozenset[str]) -> list[str]:
    """Return the files of the submission that ``unit`` names in what runs code: scripts, modules, texts to execute."""
    assert unit.module is not None
    if not any(word in unit.source.text for word in _RUNNERS):
        return []
    here = PurePosixPath(unit.path).parent
    executes = "exec(" in unit.source.text
    named = (".py", *_TEXTS) if executes else ".py"
    basenames = {path.rpartition("/")[2] for path in files if path.endswith(named) and path != unit.path}
    if not basenames:
        return []
    found: list[str] = []
    for node in unit.index.of(ir.Const):
        if not isinstance(node.value, str) or not 0 < len(node.value) < 400:
            continue
        for word in node.value.split():
            names = []
            if ".py" in word or (executes and any(text in word for text in _TEXTS)):
                name = PurePosixPath(word).name
                names = [name] if name.endswith(".py") or (executes and name.endswith(_TEXTS)) else []
            if word.replace(".", "").replace("_", "").isalnum() and "import" in unit.source.text:
                names.append(f"{word.replace('.', '/')}.py")
            for each in names:
                if each.rpartition("/")[2] not in basenames:
                    continue
                path = str(here / each)
                if path in files and path != unit.path and path not in found:
                    found.append(path)
    return found


_TEXTS = (".txt", ".inc", ".cfg", ".dat", ".code", ".pyx", ".src")
