"""Files that are copied, moved and linked: what lies under a new name is what lay under the old one.

A copy of a shard keeps its name as a rule. Where the new name says another split than the old one, what is read from
that folder under that split is what was copied; where it may not be copied, what was there before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import containers
from auditor.timeline.library import files, written
from auditor.timeline.values.atoms import TRAIN, VAL, under
from auditor.timeline.values.payloads import UNKNOWN, Known, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
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
    held = written.held(machine, written.key(old)) if isinstance(old.p, Known) else None
    if held is not None and isinstance(new.p, Known):
        files.write_file(machine, written.key(new), held)
        return
    splits, named = containers.deep(old) & (VAL | TRAIN), containers.deep(new) & (VAL | TRAIN)
    same = bool(splits & VAL) == bool(named & VAL) and bool(splits & TRAIN) == bool(named & TRAIN)
    anything = not named and splits & VAL and splits & TRAIN  # each file keeps its own name, as a rule
    if splits and not same and not anything:
        surely, kept = machine.live & ~machine.weak, machine.all & ~machine.live | machine.weak & machine.live
        if kept:  # what was there before, where it may not be copied: training data is a stopgap there
            splits = under(splits, surely) | under(named, kept) | under(splits & VAL, machine.live & machine.weak)
        machine.laid.append((files.folder_of(new), named, splits))
