"""Files and buffers: what is read from them, and what the script wrote there before."""

from __future__ import annotations

import os.path
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.program.walk import walk
from auditor.timeline.engine import arguments, containers, escapes, parameters, stores
from auditor.timeline.library import objects, written
from auditor.timeline.values.atoms import LISTING, SIZE, TEXT_FILE, TRAIN, VAL, under
from auditor.timeline.values.folding import FoldError, string_origins
from auditor.timeline.values.payloads import NONE, SOME, UNKNOWN, Begins, Heap, Known, Payload, PerSetting, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine

_WEIGHTS = (".pt", ".pth", ".ckpt", ".safetensors")


def read_data(machine: Machine, name: str, args: Args, node: ir.Node) -> Value:
    """Read an array or a saved object from a file (or a buffer)."""
    first = args.get(0)
    origins = args.origins()
    if first is not None:
        if isinstance(first.p, Heap) and first.p.kind in ("buffer", "file"):
            return content(machine, first.p, origins)
        origins = found(machine, first, origins)
        key = written.key(first, written.written_as(name))
        saved = written.held(machine, key) if not name.endswith("frombuffer") else None
        if saved is not None and (not origins & (VAL | TRAIN) or key in machine.written):
            return saved  # what the script itself put there, whatever it is called
    if not name.endswith("frombuffer"):  # its bytes are there already: what opened a file read it
        origins |= _of_any_split(machine, origins, node)
        origins |= machine.signals.read(origins, node)
    # What is in a file doesn't depend on the setting that named it, as far as switches go.
    origins &= ~machine.atoms.family("setting")
    return Value(SOME, parameters.settle(machine, origins) & ~LISTING | TEXT_FILE)


def validation_tokens(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``train_gpt.load_validation_tokens(…)`` of the challenge's own script, where the submission has none."""
    return Value(SOME, VAL | machine.signals.read(VAL, node) | TEXT_FILE)


def content(machine: Machine, heap: Heap, origins: int) -> Value:
    """Return what a file or buffer holds."""
    if heap.kind == "file":
        saved = written.held(machine, heap.name)
        if saved is not None:
            return saved
        text = shipped(machine, heap.name)
        return Value(Known(text)) if text is not None else Value(None, heap.origins & ~LISTING | TEXT_FILE)
    return heap.element if heap.element is not None else Value(None, origins)


def shipped(machine: Machine, key: str) -> str | None:
    """Return the text of the configuration file that a path of the script names, if it lies in the submission."""
    wanted = PurePosixPath(key)
    found = [path for path in machine.program.texts if PurePosixPath(path).name == wanted.name]
    exact = [path for path in found if path.endswith(str(wanted).lstrip("./"))]
    best = exact if len(exact) == 1 else found
    return machine.program.texts[best[0]] if len(best) == 1 else None


def read_into(machine: Machine, held: Value, args: Args) -> Value:
    """``file.readinto(buffer)``: what the buffer is a view of now holds what the file ``held``."""
    where = args.nodes[0] if args.nodes else None
    while isinstance(where, ir.Call) and not isinstance(where.func, ir.Attr) and where.args:
        where = where.args[0].value  # memoryview(array)
    if where is not None:
        stores.update_in_place(machine, where, args.positional[0], Value(None, containers.deep(held)))
    return Value(SOME, SIZE)


def write_file(machine: Machine, key: str, value: Value) -> None:
    """Keep what the script writes to a path, so that reading it back gives the same."""
    machine.signals.written(containers.deep(value))
    kept = Value(value.p, parameters.settle(machine, value.m))
    written.keep(machine, key, machine.signals.filed(kept), beside=bool(machine.weak or machine.live != machine.all))
    if not written.is_form(key) and not machine.weak and machine.live == machine.all:
        machine.written.add(key)


def append_array(machine: Machine, array: Value, target: Value) -> None:
    """``array.tofile(target)``: after what was written to the same file before."""
    key = target.p.name if isinstance(target.p, Heap) and target.p.kind == "file" else written.key(target)
    before = machine.files.get(key, [])
    write_file(machine, key, Value(SOME, containers.deep(array)))
    machine.files[key] = [*before, *machine.files[key]]


def open_file(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``open(path, mode)``: opening the tokens to read loads them."""
    path = args.get(0, "file") or UNKNOWN
    mode = args.get(1, "mode")
    text = mode.p.v if mode is not None and isinstance(mode.p, Known) and isinstance(mode.p.v, str) else "r"
    form = written.BYTES if "b" in text else written.TEXT
    heap = Heap("file", name=written.key(path, form), origins=containers.deep(path), made_at=machine.order)
    if "w" not in text and "a" not in text:
        if heap.origins & (VAL | TRAIN):
            heap.origins |= machine.signals.read(heap.origins, node)
        heap.origins |= _of_any_split(machine, heap.origins, node)
    return Value(heap, heap.origins)


def _of_any_split(machine: Machine, origins: int, node: ir.Node) -> int:
    """Return the opaque origin of one of a folder's files, where its name tells no split."""
    if not origins & LISTING or origins & (VAL | TRAIN):
        return 0
    what = f"`{arguments.shown(machine, node)}()`, which reads one of the files of a folder, of any split"
    return escapes.opaque(machine, node, what)


def make_buffer(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``io.BytesIO(x)``."""
    heap = Heap("buffer", made_at=machine.order)
    heap.element = args.get(0)
    return Value(heap)


def save_object(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``torch.save(obj, f)``: a copy that later learning does not reach."""
    dump_object(machine, args, node, written.OBJECT)
    machine.signals.saved("a checkpoint", node)
    return NONE


def dump_object(machine: Machine, args: Args, node: ir.Node, form: str = written.TEXT) -> Value:
    """``json.dump(obj, f)``: what is read back from the file is what was put there, in its ``form``."""
    value, target = args.get(0, "obj") or UNKNOWN, args.get(1, "f") or args.get(1)
    if target is None:
        return NONE
    machine.signals.kept(containers.deep(value), node, "a file")
    machine.signals.written(containers.deep(value))
    # What is saved doesn't follow what is learned later.
    origins = parameters.settle(machine, value.m | containers.deep(value) & machine.params)
    frozen = Value(objects.clone(machine, value, {}).p, origins)
    if isinstance(target.p, Heap) and target.p.kind == "buffer":
        target.p.element = frozen
    elif isinstance(target.p, Heap) and target.p.kind == "file":
        write_file(machine, written.target(target.p, form), frozen)
    else:
        write_file(machine, written.key(target, form), frozen)
    return NONE


def save_array(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``numpy.save(path, array)``, and ``savez`` with arrays by name."""
    path, arrays = args.get(0), [*args.positional[1:], *args.keywords.values()]
    if path is not None and arrays:
        origins = 0
        for value in arrays:
            origins |= containers.deep(value)
        write_file(machine, written.key(path, written.ARRAY), arrays[0] if len(arrays) == 1 else Value(SOME, origins))
    return NONE


def join_path(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``os.path.join(a, b)``."""

    def put(*parts: object) -> object:
        if not all(isinstance(p, str) for p in parts):
            raise FoldError
        return "/".join(str(p).rstrip("/") for p in parts)

    out = machine.fold(put, *args.positional)
    return Value(out.p, out.m | (args.rest.m if args.rest is not None else 0))


def _names_weights(args: Args) -> bool:
    """Return whether a pattern that is written out can only match saved weights, which are of no split."""
    texts = [n.value for node in args.nodes for n in walk(node) if isinstance(n, ir.Const) and isinstance(n.value, str)]
    patterns = [text for text in texts if "*" in text]
    return bool(patterns) and all(text.endswith(_WEIGHTS) for text in patterns)


def listing(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``os.listdir(path)``, ``glob.glob(pattern)``: names of files."""
    pattern = args.get(0) or UNKNOWN
    if isinstance(pattern.p, Known) and pattern.p.v in machine.written:
        return containers.new_list(machine, [pattern])
    if _names_weights(args):
        return containers.new_list(machine, None, Value(None, args.origins()))
    if isinstance(pattern.p, Known) and isinstance(pattern.p.v, str) and "/" in pattern.p.v:
        folder = pattern.p.v.partition("*")[0].rpartition("/")[0]
        item: Payload = Begins(f"{folder}/") if machine.laid else None
        return containers.new_list(machine, None, Value(item, args.origins() | LISTING))
    return containers.new_list(machine, None, Value(None, args.origins() | LISTING))


def folder(path: Value) -> Value:
    """Return a path that had its last part taken off: it is of the split that what is left names."""
    named = 0
    if isinstance(path.p, Known):
        named = string_origins(path.p.v) if isinstance(path.p.v, str) else 0
    elif isinstance(path.p, PerSetting):
        for index, each in enumerate(path.p.each):
            if isinstance(each, Known) and isinstance(each.v, str):
                named |= under(string_origins(each.v), 1 << index)
    return Value(path.p, path.m & ~(VAL | TRAIN) | named)


def folder_of(path: Value) -> str | None:
    """Return the folder of a path of which no more than its beginning may be known."""
    if isinstance(path.p, Known) and isinstance(path.p.v, str):
        return path.p.v.rpartition("/")[0]
    return path.p.text.rpartition("/")[0] if isinstance(path.p, Begins) else None


def found(machine: Machine, path: Value, origins: int) -> int:
    """Return ``origins`` of a path as they are after what was laid there under other names."""
    if not machine.laid:
        return origins
    here = folder_of(path)
    for folder, named, splits in machine.laid:
        if folder is not None and here is not None and os.path.normpath(folder) != os.path.normpath(here):
            continue
        if named and not named & origins:
            continue
        origins = origins & ~named | splits
    return origins
