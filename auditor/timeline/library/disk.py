"""Files that are copied, moved and linked: what lies under a new name is what lay under the old one.

A copy of a shard keeps its name as a rule. Where the new name says another split than the old one, what is read from
that folder under that split is what was copied.
"""

from __future__ import annotations

import os.path
from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import containers
from auditor.timeline.values.atoms import TRAIN, VAL
from auditor.timeline.values.payloads import UNKNOWN, Begins, Known, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.calling import Args
    from auditor.timeline.engine.machine import Machine

COPIES = frozenset(
    {
        "shutil.copy", "shutil.copy2", "shutil.copyfile", "shutil.move", "os.rename", "os.replace", "os.link",
        "os.symlink",
    }
)  # fmt: skip
# Methods of paths, and whether the new name is the receiver.
METHODS = {"rename": False, "replace": False, "symlink_to": True, "hardlink_to": True, "link_to": False}


def copied(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``shutil.copy(old, new)`` and its like."""
    old, new = args.get(0, "src") or UNKNOWN, args.get(1, "dst") or UNKNOWN
    lay(machine, old, new)
    return new


def lay(machine: Machine, old: Value, new: Value) -> None:
    """Let what lies under the name ``old`` lie under ``new``, too."""
    from auditor.timeline.library import files

    held = machine.files.get(files.path_key(old)) if isinstance(old.p, Known) else None
    if held is not None and isinstance(new.p, Known):
        files.write_file(machine, files.path_key(new), held)
        return
    splits, named = containers.deep(old) & (VAL | TRAIN), containers.deep(new) & (VAL | TRAIN)
    if splits and splits != named:
        machine.laid.append((_folder(new), named, splits))


def _folder(path: Value) -> str | None:
    """Return the folder of a path of which no more than its beginning may be known."""
    if isinstance(path.p, Known) and isinstance(path.p.v, str):
        return path.p.v.rpartition("/")[0]
    return path.p.text.rpartition("/")[0] if isinstance(path.p, Begins) else None


def found(machine: Machine, path: Value, origins: int) -> int:
    """Return ``origins`` of a path as they are after what was laid there under other names."""
    if not machine.laid:
        return origins
    here = _folder(path)
    for folder, named, splits in machine.laid:
        if folder is not None and here is not None and os.path.normpath(folder) != os.path.normpath(here):
            continue
        if named and not named & origins:
            continue
        origins = origins & ~named | splits
    return origins
