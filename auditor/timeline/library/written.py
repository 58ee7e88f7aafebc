"""Files that the script wrote: which of them a reader may have before it, and what they hold on the way that it is on.

What lies under names that can't be told is kept apart by what it is written as: text is nothing that ``torch.load``
reads, and a saved object nothing that ``numpy.load`` does. Bytes may be anything but text, so that whoever reads a
format reads them, too, and whoever reads bytes reads every format. A switch stays the same during a run: what is
written on its one way is never read on its other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from auditor.timeline.engine import presence
from auditor.timeline.values.frames import Written
from auditor.timeline.values.payloads import Heap, Known, Value, join, join_all

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine

BYTES: Final = "*"
TEXT: Final = "* as text"
OBJECT: Final = "* as an object"
ARRAY: Final = "* as an array"
_MOST: Final = 8  # writings of one key that are kept apart
_HELD: Final = {
    BYTES: (BYTES, OBJECT, ARRAY),
    TEXT: (TEXT, BYTES),
    OBJECT: (OBJECT, BYTES),
    ARRAY: (ARRAY, BYTES),
}


def key(path: Value, form: str = BYTES) -> str:
    """Return the key of a path in the model of the disk: its ``form`` where the path is not a constant."""
    if isinstance(path.p, Known) and isinstance(path.p.v, str):
        return path.p.v
    return form


def is_form(key: str) -> bool:
    """Return whether ``key`` names a form, not a path."""
    return key in _HELD


def held(machine: Machine, key: str) -> Value | None:
    """Return what the files that ``key`` may name hold of what the script wrote on its way here; None for nothing."""
    out: Value | None = None
    other_ways = {branch ^ 1 for branch in machine.way()}
    for each in _HELD.get(key, (key,)):
        for found in machine.files.get(each, ()):
            if found.live & machine.live and not found.way & other_ways:
                out = found.value if out is None else join(out, found.value)
    return out


def keep(machine: Machine, key: str, value: Value, *, beside: bool) -> None:
    """Let the file ``key`` hold ``value``; ``beside`` what it held before."""
    way = frozenset(machine.switched.intersection(machine.way()))
    before = machine.files.get(key, []) if beside else []
    if len(before) >= _MOST:
        before = [Written(join_all([each.value for each in before]), frozenset(), machine.all)]
    machine.files[key] = [*before, Written(presence.put(machine, value), way, machine.live)]


def written_as(name: str) -> str:
    """Return the form in which a library's function ``name`` writes, or reads, a file."""
    library, _, last = name.rpartition(".")
    if library.startswith(("json", "csv")):
        return TEXT
    if library.startswith("numpy"):
        return ARRAY if last in ("load", "save", "savez", "savez_compressed") else BYTES
    return OBJECT if library.startswith(("torch", "pickle", "safetensors", "joblib", "dill", "cloudpickle")) else BYTES


def target(heap: Heap, form: str) -> str:
    """Return the key of an open file that something is written to in ``form``."""
    return form if heap.name == BYTES else heap.name
