"""``sys.argv``: the script's own path, and the words with which another script started this one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.timeline.engine import containers
from auditor.timeline.values.payloads import External, Known, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine

_NAME = "sys.argv"


def words(machine: Machine, name: str) -> Value | None:
    """Return the list that the attribute ``name`` is in a process that was started; None for any other."""
    if name != _NAME or machine.argv is None:
        return None
    return containers.new_list(machine, [_path(machine), *machine.argv])


def word(machine: Machine, base: Value, index: Value) -> Value | None:
    """Return ``sys.argv[0]``; None for any other item of anything, which only who starts the script knows."""
    if isinstance(base.p, External) and base.p.name == _NAME and isinstance(index.p, Known) and index.p.v == 0:
        return _path(machine)
    return None


def _path(machine: Machine) -> Value:
    return Value(Known(machine.frame.scope.source.path))
