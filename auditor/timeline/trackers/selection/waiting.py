"""Finds that wait until it is known which token is scored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.timeline.engine.signals import Tracker
from auditor.timeline.events import Mixture, MixtureKind
from auditor.timeline.trackers.keys.reads import Keys
from auditor.timeline.trackers.mixtures.mixtures import emit
from auditor.timeline.values.atoms import bits_of

if TYPE_CHECKING:
    from auditor.program import ir
    from auditor.timeline.engine.machine import Machine
    from auditor.timeline.values.frames import Site


class Waiting(Tracker):
    """A tracker whose finds count where what they look at is the token being scored."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.waiting: dict[int, int] = {}  # the origin of a find → the reads that must be that token

    def found(self, kind: MixtureKind, reads: int, node: ir.Node, site: Site | None = None) -> int:
        """Return the origin of a mixture that looks at ``reads``."""
        atom = emit(self.machine, kind, node, site)
        self.waiting[atom] = self.waiting.get(atom, 0) | reads
        return atom

    def closed(self) -> None:
        """Take back what looks at other tokens than the one being scored."""
        keys = self.machine.of(Keys)
        labels = keys.labels & ~keys.inputs
        for atom, reads in self.waiting.items():
            if any(keys.among(bit, labels) and not keys.among(bit, keys.inputs) for bit in bits_of(reads)):
                continue
            if keys.same(reads & ~keys.inputs) & keys.same(labels):  # read once more, at another place
                continue
            for event in self.machine.atoms.meanings(atom, "mixture"):
                assert isinstance(event, Mixture)
                event.reports.clear()
