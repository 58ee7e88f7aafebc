"""Parameters that are written in place or set from saved ones: what was learned goes with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import branches
from auditor.timeline.engine.containers import deep
from auditor.timeline.engine.parameters import adapted, heaps_of, param, reach, settle
from auditor.timeline.engine.recording import common, emit_once, name_of
from auditor.timeline.engine.signals import Tracker
from auditor.timeline.events import Restore
from auditor.timeline.trackers.adaptation import by_hand
from auditor.timeline.trackers.adaptation.effects import Adaptations, Gradient, adapt
from auditor.timeline.values.payloads import Heap, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine


class Writes(Tracker):
    """Parameters that are written or set back."""

    rank = 30

    def parameters_written(self, base: Value, value: Value, node: ir.Node, *, replace: bool = False) -> None:
        """Parameters are written in place."""
        write_params(self.machine, base, value, node, replace=replace)

    def parameters_restored(self, heaps: list[Heap], origins: int, node: ir.Node) -> None:
        """Parameters are set from saved ones."""
        restore(self.machine, heaps, origins, node)


def write_params(machine: Machine, base: Value, value: Value, node: ir.Node, *, replace: bool = False) -> None:
    """Live parameters in ``base`` are written in place with something made from ``value``."""
    origins = deep(value)
    heaps = heaps_of(machine, base.m)
    gradients = [g for g in machine.atoms.meanings(origins, "gradient") if isinstance(g, Gradient)]
    if gradients:
        adapt(machine, heaps, gradients, node)
        return
    machine.signals.kept(origins, node, "parameters")
    by_hand.tried(machine, heaps, origins)
    if by_hand.fitted(machine, heaps, origins, node):
        return
    by_hand.taken_back(machine, heaps, node)
    if not replace and not settle(machine, origins) & machine.atoms.family("adapted"):
        return
    restore(machine, heaps, origins, node, replace=replace)


def restore(machine: Machine, heaps: list[Heap], origins: int, node: ir.Node, *, replace: bool = True) -> None:
    """Set the parameters of ``heaps`` from values made from ``origins``."""
    machine.signals.kept(origins, node, "parameters")
    by_hand.taken_back(machine, heaps, node)
    own = 0
    for heap in heaps:
        own |= param(machine, heap)
    if origins & own and not origins & machine.atoms.family("adapted"):
        return  # set from themselves
    numbers = machine.atoms.meanings(settle(machine, origins), "adapted")
    new = {n: machine.of(Adaptations).events[n].bits & machine.live for n in numbers if isinstance(n, int)}
    firmly = machine.live if replace else 0
    here = set(branches.still_open(machine, machine.branches))
    # Under the conditions under which something was learned, setting it back is certain.
    weak = {
        n: 0 if here <= set(machine.of(Adaptations).events[n].branches) else machine.weak
        for h in heaps
        for n in adapted(machine, h)
    }
    changed = False
    known = machine.of(Adaptations).reached
    for heap in heaps:
        below = reach(machine, heap)
        # What was learned in a part of it comes back to that part.
        parts = {n: known.get(n, set()).intersection(below) for n in new}
        for each in below:
            if each.kind not in ("instance", "external", "parameter"):
                continue
            if not each.adapted and not new:
                continue
            changed = True
            # What is undone under these very conditions is no longer among what `weak` was made from.
            stays = {n: ~firmly | weak.get(n, machine.weak) for n in each.adapted}
            kept = {n: bits & stays[n] for n, bits in each.adapted.items() if bits & stays[n]}
            each.undone |= {n: frozenset(here) for n in kept if here and firmly}
            for number, bits in new.items():
                if parts[number] and each not in parts[number]:
                    continue
                kept[number] = kept.get(number, 0) | bits
                each.undone.pop(number, None)
            each.adapted = kept
    if changed:
        emit_once(
            machine,
            Restore(
                **common(machine, node, machine.live),
                params=", ".join(dict.fromkeys(name_of(h) for h in heaps)),
                clean=not any(bits & ~1 for bits in new.values()),  # bit 0 is "any value", not in play
            ),
        )
