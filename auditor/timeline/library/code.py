"""Code that runs otherwise than by being imported or called: ``exec``, ``runpy``, and processes that run a file.

What is run is followed where it can be told: constants, and files of the submission.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditor.program import ir
from auditor.program.model import Unit, Unparsed
from auditor.program.parse import read_module
from auditor.program.source import Source
from auditor.timeline.engine import arguments, containers, imports
from auditor.timeline.library import switches, unmodelled
from auditor.timeline.values.frames import Frame, ModuleScope
from auditor.timeline.values.names import Names
from auditor.timeline.values.payloads import NONE, UNKNOWN, External, Heap, Known, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine

MAX_TEXT = 100_000
MAX_NESTED = 4
_SHELL = frozenset({"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"})
RUNS = frozenset(
    {
        *_SHELL, "subprocess.run", "subprocess.call", "subprocess.check_call", "subprocess.check_output",
        "subprocess.Popen", "os.execv", "os.execvp", "os.execve", "os.spawnv", "os.spawnl",
        "asyncio.create_subprocess_exec", "asyncio.create_subprocess_shell",
    }
)  # fmt: skip


def compiled(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``compile(text, …)``: the text, which is what running it means."""
    return args.get(0, "source") or UNKNOWN


def executed(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``exec(code)`` and ``exec(code, names)``."""
    body = _body(machine, args.get(0) or UNKNOWN, node)
    if body is None:
        return unmodelled.any_code(machine, args, node)
    source, statements = body
    names = args.get(1, "globals")
    outer = machine.frame
    if names is not None and isinstance(names.p, Heap) and names.p.kind in ("dict", "module", "instance"):
        space = names.p.attrs
        machine.frame = Frame(ModuleScope(source, space, is_main=False), space)
    elif source is not outer.scope.source:
        scope = ModuleScope(source, outer.scope.names, outer.scope.is_main)
        machine.frame = Frame(scope, outer.names, parent=outer.parent, func=outer.func, owner=outer.owner)
    machine.nested += 1
    try:
        machine.block(statements)
    finally:
        machine.nested -= 1
        machine.frame = outer
    return NONE


def evaluated(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``eval(text)``."""
    body = _body(machine, args.get(0) or UNKNOWN, node)
    if body is None or len(args.positional) > 1 or len(body[1]) != 1 or not isinstance(body[1][0], ir.ExprStmt):
        return unmodelled.any_code(machine, args, node) if body is None else executed(machine, args, node)
    machine.nested += 1
    try:
        return machine.eval(body[1][0].value)
    finally:
        machine.nested -= 1


def _body(machine: Machine, code: Value, node: ir.Node) -> tuple[Source, tuple[ir.Stmt, ...]] | None:
    """Return the statements that ``code`` stands for, and where they stand; None where that can't be told."""
    if machine.nested >= MAX_NESTED:
        return None
    here = machine.frame.scope.source
    if isinstance(code.p, Known) and isinstance(code.p.v, str | bytes) and len(code.p.v) <= MAX_TEXT:
        text = code.p.v if isinstance(code.p.v, str) else code.p.v.decode("utf-8", "replace")
        key = (here.path, node.start, text)
        known = machine.read_texts.get(key)
        if known is None:
            lowered = read_module(Source(here.path, text.strip("\n") + "\n", here.layer))
            known = () if isinstance(lowered, Unparsed) else tuple(_placed(s, node, [0]) for s in lowered.body)
            machine.read_texts[key] = known
        return (here, known) if known else None
    return None


def _placed(node: ir.Node, call: ir.Node, count: list[int]) -> ir.Stmt:
    """Return a statement of a text with the place of the call that runs it; as far as it is long, each its own."""
    start = min(call.start + count[0], max(call.start, call.end - 1))
    count[0] += 1
    fields: dict[str, Any] = {"start": start, "end": call.end}
    for name in type(node).__struct_fields__:
        if name not in fields:
            fields[name] = _within(getattr(node, name), call, count)
    return type(node)(**fields)  # type: ignore[return-value]


def _within(value: object, call: ir.Node, count: list[int]) -> object:
    if isinstance(value, ir.Node):
        return _placed(value, call, count)
    return tuple(_within(item, call, count) for item in value) if type(value) is tuple else value


def unit_at(machine: Machine, path: Value) -> Unit | None:
    """Return the file of the submission at ``path``, read as code."""
    if not isinstance(path.p, Known) or not isinstance(path.p.v, str):
        return None
    name = path.p.v.removeprefix("./")
    here = machine.frame.scope.source.path.rpartition("/")[0]
    for each in (f"{here}/{name}" if here else name, name, f"{here}/{name.rpartition('/')[2]}".lstrip("/")):
        unit = machine.program.units.get(each)
        if unit is not None and unit is not machine.program.main:
            return unit
    return None


def _own(machine: Machine, path: Value) -> Unit | None:
    """Return the script itself, where ``path`` is its own."""
    main = machine.program.main
    return main if isinstance(path.p, Known) and path.p.v in (main.path, f"./{main.path}") else None


def run_path(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``runpy.run_path(path, init_globals)``."""
    unit = unit_at(machine, args.get(0, "path_name") or UNKNOWN)
    if unit is None:
        return unmodelled.any_code(machine, args, node)
    given = args.get(1, "init_globals")
    return run_unit(machine, unit, given, node)


def run_module(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``runpy.run_module(name)``."""
    name = args.get(0, "mod_name") or UNKNOWN
    dotted = name.p.v if isinstance(name.p, Known) and isinstance(name.p.v, str) else ""
    unit = imports.unit_of(machine, dotted, 0) if dotted else None
    if unit is None:
        return unmodelled.any_code(machine, args, node)
    return run_unit(machine, unit, args.get(1, "init_globals"), node)


def import_module(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``importlib.import_module(name)`` and ``__import__(name)``."""
    name = args.get(0, "name") or UNKNOWN
    if not isinstance(name.p, Known) or not isinstance(name.p.v, str):
        return unmodelled.any_code(machine, args, node)
    unit = imports.unit_of(machine, name.p.v.lstrip("."), 0)
    if unit is not None:
        return imports.import_unit(machine, unit)
    return Value(External(name.p.v))


def run_unit(machine: Machine, unit: Unit, given: Value | None, node: ir.Node) -> Value:
    """Follow a file as a script of its own; return its names."""
    if unit.module is None or machine.nested >= MAX_NESTED:
        return unmodelled.any_code(machine, arguments.Args((given,) if given else (), node=node), node)
    names = Names()
    if given is not None and isinstance(given.p, Heap):
        names.update(given.p.attrs)
    names["__name__"] = Value(Known("__main__"))
    names["__file__"] = Value(Known(unit.path))
    outer, live = machine.frame, machine.live
    machine.frame = Frame(ModuleScope(unit.source, names, is_main=False), names)
    machine.nested += 1
    try:
        machine.block(unit.module.body)
    finally:
        machine.nested -= 1
        machine.frame, machine.live = outer, live
    return Value(Heap("dict", attrs=names, made_at=machine.order))


# ------------------------------------------------------------------ processes


def ran(machine: Machine, name: str, args: Args, node: ir.Node) -> Value | None:
    """Follow a process that runs a file of the submission; None where it runs something else.

    What comes back is made from what the file prints.
    """
    words = _words(machine, args)
    found = [(i, unit) for i, word in enumerate(words) if (unit := unit_at(machine, word) or _own(machine, word))]
    if not found:
        return None
    at, unit = found[0]
    environ = args.keywords.get("env")
    given = environ.p.attrs if environ is not None and isinstance(environ.p, Heap) else {}
    own = unit is machine.program.main
    if own and (machine.nested or not (given or machine.environ or words[at + 1 :])):
        return None  # nothing tells it from this one: a launcher
    set_before = dict(machine.environ)
    for key, value in given.items():
        switches.write(machine, Value(Known(key)), value)
    outer, machine.argv = machine.argv, words[at + 1 :]
    spoken, machine.spoken = machine.spoken, 0
    running = machine.active, machine.depth
    if own:
        machine.active, machine.depth = {}, 0
    run_unit(machine, unit, None, node)
    machine.active, machine.depth = running
    printed, machine.spoken = machine.spoken, spoken | machine.spoken
    machine.argv, machine.environ = outer, set_before
    if name.endswith(("check_output", "getoutput", "popen")):
        return Value(None, printed)
    return Value(Heap("external", name="process", origins=printed, made_at=machine.order), printed)


def _words(machine: Machine, args: Args) -> list[Value]:
    """Return the words of a command, each with what is known of it."""
    first = args.get(0, "args") or args.get(0, "command") or UNKNOWN
    items = containers.exact_items(machine, first)
    if items is None:
        items = [first, *args.positional[1:]] if isinstance(first.p, Known) else []
    words: list[Value] = []
    for item in items:
        if isinstance(item.p, Known) and isinstance(item.p.v, str) and " " in item.p.v:
            words.extend(Value(Known(word)) for word in item.p.v.split()[:64])
        elif (inner := containers.exact_items(machine, item)) is not None:
            words.extend(inner)
        else:
            words.append(item)
    return words


def option(machine: Machine, names: list[str], flag: bool, otherwise: Value) -> Value:
    """Return what the command that started this script gives an option; ``otherwise`` where it gives nothing."""
    for index, word in enumerate(machine.argv or ()):
        text = word.p.v if isinstance(word.p, Known) and isinstance(word.p.v, str) else ""
        if text in names:
            if flag:
                return Value(Known(True))
            return (machine.argv or [])[index + 1] if index + 1 < len(machine.argv or ()) else UNKNOWN
        if text.partition("=")[0] in names:
            return Value(Known(text.partition("=")[2]))
    return otherwise
