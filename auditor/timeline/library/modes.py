"""Whether a module is in training mode: ``train()`` and ``eval()`` of it, or of one that holds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.timeline.engine import branches
from auditor.timeline.engine.parameters import reach
from auditor.timeline.values.payloads import FALSE, TRUE, Heap, Known, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine


def set_mode(machine: Machine, module: Heap, name: str, args: Args) -> None:
    """``module.train(mode)`` or ``module.eval()``, for all modules that it holds."""
    given = args.get(0, "mode") if name == "train" else FALSE
    mode = given.p.v if given is not None and isinstance(given.p, Known) else None
    mode = True if given is None else mode if isinstance(mode, bool) else None
    here = _open(machine)
    for heap in reach(machine, module):
        if heap.kind in ("instance", "external"):
            # What was set on this way, or on a branch of it, is set anew.
            kept = [m for m in heap.modes if m[1][: len(here)] != here or m[2] & ~machine.live]
            heap.modes = [*kept[-_MOST:], (mode, here, machine.live)]


def mode_of(machine: Machine, module: Heap) -> Value | None:
    """Return ``module.training`` where every ``train()`` and ``eval()`` that may have been the last one agrees."""
    if not module.modes:
        return None
    here = _open(machine)
    found: set[bool | None] = set()
    for mode, way, live in reversed(module.modes):
        if not live & machine.live:
            continue
        found.add(mode)
        if here[: len(way)] == way and not machine.live & ~live:
            break  # on the way to here
    else:
        found.add(True)  # as modules are made
    return (TRUE if True in found else FALSE) if len(found) == 1 and None not in found else None


_MOST = 8


def _open(machine: Machine) -> tuple[int, ...]:
    return tuple(branches.still_open(machine, machine.branches))
