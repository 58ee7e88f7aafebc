"""Finds that wait until it is known which token is scored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from auditor.timeline.events import Mixture
from auditor.timeline.trackers.keys.reads import Keys
from auditor.timeline.values.atoms import bits_of

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine


def forget_others(machine: Machine, waiting: Mapping[int, int]) -> None:
    """Take back what looks at other tokens than the one being scored; ``waiting``: origin of a find to its reads."""
    keys = machine.of(Keys)
    labels = keys.labels & ~keys.inputs
    for atom, reads in waiting.items():
        if any(keys.among(bit, labels) and not keys.among(bit, keys.inputs) for bit in bits_of(reads)):
            continue
        if keys.same(reads & ~keys.inputs) & keys.same(labels):  # read once more, at another place
            continue
        for event in machine.atoms.meanings(atom, "mixture"):
            assert isinstance(event, Mixture)
            event.reports.clear()
