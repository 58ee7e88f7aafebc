"""The origins that this room gives to losses and probabilities of the true token, and choices that are pending.

A choice is *pending* until what was chosen is added up: the best of several checkpoints is no score of a token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import containers
from auditor.timeline.engine.signals import Tracker
from auditor.timeline.events import MixtureKind
from auditor.timeline.trackers.keys.reads import Keys
from auditor.timeline.trackers.mixtures.mixtures import choice
from auditor.timeline.values.payloads import Known, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine


class Marks(Tracker):
    """The fixed origins of this room; it listens to nothing."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        atoms = machine.atoms
        self.losses = atoms.bit("space", "loss")  # a negative log probability
        self.logs = atoms.bit("space", "log")  # a log probability
        self.probs = atoms.bit("space", "probability")
        self.space = self.losses | self.logs | self.probs
        self.rivals = atoms.bit("rivals", "")  # several predictions of the same token, side by side
        self.whole = atoms.bit("whole", "")  # several predictions of all tokens, side by side
        self.gap = atoms.bit("gap", "")  # the difference of two predictions of the same token
        self.cut = atoms.bit("cut", "")  # such a difference, cut off at one side
        self.weighted = atoms.bit("weighted", "")  # a log probability to which a weight was added
        self.remainder = atoms.bit("remainder", "")  # the log of what a share leaves: a weight, whatever it is made of
        self.bent = atoms.bit("bent", "")  # a power of a loss
        self.summed = atoms.bit("summed", "")  # losses of several tokens, added up


def pending(machine: Machine, kind: MixtureKind, node: ir.Node) -> int:
    """Return the origin of a choice of ``kind`` at ``node``, which counts where it is summed into a score."""
    return choice(machine, node, kind)


def under(machine: Machine, settings: list[int], kind: MixtureKind, node: ir.Node) -> int:
    """Return the origin of a pending choice that is one under some settings only (0: under none that is live)."""
    live = machine.live
    machine.live &= sum(1 << index for index in settings) | 1
    try:
        return pending(machine, kind, node) if machine.live & ~1 else 0
    finally:
        machine.live = live


def predicts(machine: Machine, value: Value) -> bool:
    """Return whether a value is a prediction of the true token: a model's, or counts that were asked for it."""
    keys = machine.of(Keys)
    origins = containers.deep(value)
    return bool(origins & keys.gold) or (not isinstance(value.p, Known) and keys.judges(origins))


def kept_apart(machine: Machine, one: Value, other: Value) -> bool:
    """Return whether two predictions of a token are different ones: one rests on something that the other doesn't."""
    keys = machine.of(Keys)
    telling = (
        machine.atoms.family("forward") | keys.lookups | keys.mixtures | keys.reads | machine.atoms.family("counted")
    )
    return bool((containers.deep(one) ^ containers.deep(other)) & telling)
