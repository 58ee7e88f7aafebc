"""What could not be followed, as far as a score may rest on it.

What escapes is opaque (:mod:`auditor.timeline.engine.escapes`); here it goes on from where it was given to: from a
gradient to the model that learns from it, and into the reports.
"""

from __future__ import annotations

from auditor.program import ir
from auditor.timeline.engine import escapes
from auditor.timeline.engine.containers import deep
from auditor.timeline.engine.parameters import heaps_of
from auditor.timeline.engine.signals import Tracker
from auditor.timeline.events import Opaque, Report
from auditor.timeline.values.payloads import Heap, Value


class Ledger(Tracker):
    """What of a score was not followed."""

    rank = 20  # a step is heard before the gradients that it uses are spent

    def differentiated(self, origins: int, node: ir.Node) -> int:
        """Return what of the loss is opaque: its gradient is, too."""
        return self._opaque(origins)

    def stepped(self, origins: int, node: ir.Node) -> None:
        """Let a model rest on what the gradients of its step, or its optimizer, are made from."""
        self._learned(heaps_of(self.machine, origins), origins | self.machine.signals.gradients_waiting())

    def parameters_written(self, base: Value, value: Value, node: ir.Node, *, replace: bool = False) -> None:
        """Let a model rest on what is written into its parameters."""
        self._learned(heaps_of(self.machine, base.m), deep(value))

    def parameters_restored(self, heaps: list[Heap], origins: int, node: ir.Node) -> None:
        """Let a model rest on what its parameters are set from."""
        self._learned(heaps, origins)

    def reported(self, origins: int, report: Report) -> None:
        """Note what of a report is opaque."""
        meanings = self.machine.atoms.meanings(self._opaque(origins), escapes.FAMILY)
        report.opaque = tuple(o for o in meanings if isinstance(o, Opaque))

    def _opaque(self, origins: int) -> int:
        return origins & self.machine.atoms.family(escapes.FAMILY)

    def _learned(self, heaps: list[Heap], origins: int) -> None:
        opaque = self._opaque(origins)
        if opaque:
            escapes.stain_objects(self.machine, heaps, opaque)
