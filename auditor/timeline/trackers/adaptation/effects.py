"""What is learned from what: gradients, steps, adaptations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from auditor.program import ir
from auditor.timeline.engine.parameters import adapted, heaps_of, reach
from auditor.timeline.engine.recording import common, emit_once, name_of
from auditor.timeline.engine.signals import Tracker
from auditor.timeline.events import Adapt, Forward
from auditor.timeline.trackers.adaptation import shifts
from auditor.timeline.values.atoms import TRAIN, VAL, bits_of, train_settings, val_settings
from auditor.timeline.values.frames import Site
from auditor.timeline.values.payloads import Heap

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine


class Gradient(Struct, eq=False):
    """A loss that was differentiated: what it was made from, where, and under which settings."""

    kinds: int
    region: int
    forwards: tuple[Forward, ...]
    bits: int
    site: Site
    parts: int = 0  # the parts of a window that the loss keeps
    branches: tuple[int, ...] = ()  # open conditions on the way (see Event.branches)
    taught: tuple[int, ...] = ()  # adaptations of the models whose outputs the loss compares with


class Adaptations(Tracker):
    """What is learned from what, in the order in which it happens."""

    rank = 30

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.events: list[Adapt] = []
        self.reached: dict[int, set[Heap]] = {}  # for each of them, the objects that it changed
        self.pending: list[int] = []  # gradient atoms that wait for an optimizer step
        self.spent = False  # the waiting gradients have been used in a step

    def differentiated(self, origins: int, node: ir.Node) -> int:
        """Note a gradient."""
        return backward(self.machine, origins, node)

    def gradient_left(self, gradient: int) -> None:
        """Let a gradient wait."""
        pend(self.machine, gradient)

    def gradients_cleared(self) -> None:
        """Gradients are set to zero."""
        forget_gradients(self.machine)

    def gradients_waiting(self) -> int:
        """Return the origins of the waiting gradients."""
        out = 0
        for gradient in self.pending:
            out |= gradient
        return out

    def stepped(self, origins: int, node: ir.Node) -> None:
        """Note a step of an optimizer."""
        step(self.machine, origins, node)

    def loop_begun(self) -> int:
        """Return how many adaptations there are."""
        return len(self.events)

    def loop_ended(self, first: int, iterations: int) -> None:
        """Every iteration has run by now: what was adapted on one is adapted on all."""
        if not iterations:
            return
        loops = {shifts.round_of(self.machine, bit)[0] for bit in bits_of(iterations)}
        for event in self.events[first:]:
            for bit in bits_of(event.region):
                if shifts.round_of(self.machine, bit)[0] in loops:
                    event.region &= ~bit


# ------------------------------------------------------------------ gradients and updates


def backward(machine: Machine, origins: int, node: ir.Node) -> int:
    """Differentiate a loss made from ``origins``; return the gradient's origin."""
    machine.signals.learned(origins)
    forwards = tuple(f for f in machine.atoms.meanings(origins, "forward") if isinstance(f, Forward))
    for forward in forwards:
        forward.learned = True
    kinds = origins & (VAL | TRAIN)
    if not forwards and val_settings(kinds) & train_settings(kinds):
        # Tokens of one split and a number computed from the other: the training tokens are what is learned.
        kinds &= ~val_settings(kinds & train_settings(kinds))
    if forwards:
        region = forwards[-1].region
        for forward in forwards:
            region &= forward.region
    else:
        region = shifts.region(machine, origins)
    parts = origins & machine.atoms.family("part")
    taught = tuple(n for n in machine.atoms.meanings(origins, "adapted") if isinstance(n, int))
    branches = tuple(machine.branches)
    gradient = Gradient(kinds, region, forwards, machine.live, machine.site(node), parts, branches, taught)
    return machine.atoms.fresh("gradient", gradient)


def pend(machine: Machine, gradient: int) -> None:
    """Let a gradient wait for the next optimizer step."""
    if machine.of(Adaptations).spent:
        machine.of(Adaptations).pending.clear()
        machine.of(Adaptations).spent = False
    machine.of(Adaptations).pending.append(gradient)


def forget_gradients(machine: Machine) -> None:
    """Gradients are set to zero: but for those of settings that don't come here, or of an open condition's other way."""
    kept: list[int] = []
    for bit in machine.of(Adaptations).pending:
        for gradient in machine.atoms.meanings(bit, "gradient"):
            if not isinstance(gradient, Gradient):
                continue
            if any(branch ^ 1 in machine.branches for branch in gradient.branches):
                kept.append(bit)
            elif gradient.bits & ~machine.live:
                rest = replace(gradient, bits=gradient.bits & ~machine.live)
                kept.append(machine.atoms.fresh("gradient", rest))
    machine.of(Adaptations).pending[:] = kept


def step(machine: Machine, origins: int, node: ir.Node) -> None:
    """Let an optimizer over the live parameters in ``origins`` take a step on the waiting gradients."""
    gradients = [
        g
        for bit in machine.of(Adaptations).pending
        for g in machine.atoms.meanings(bit, "gradient")
        if isinstance(g, Gradient)
    ]
    machine.of(Adaptations).spent = True
    adapt(machine, heaps_of(machine, origins), gradients, node)


def adapt(machine: Machine, heaps: list[Heap], gradients: list[Gradient], node: ir.Node) -> None:
    """Record that ``heaps`` are updated with ``gradients``."""
    trained = 0  # the settings under which this learns from something else than validation tokens
    for gradient in gradients:
        bits = gradient.bits & machine.live
        if not bits:
            continue
        if gradient.taught:
            _taught(machine, heaps, gradient.taught, bits)
        trained |= bits & train_settings(gradient.kinds)
        if not gradient.kinds & VAL:
            trained |= bits
        bits &= val_settings(gradient.kinds)
        if not bits:
            continue
        number = len(machine.of(Adaptations).events)
        event = Adapt(
            **common(machine, node, bits),
            number=number,
            kinds=gradient.kinds,
            region=gradient.region,
            gradient=gradient.site,
            forwards=gradient.forwards,
            params=tuple(dict.fromkeys(name_of(h) for h in heaps)),
            loop_nodes=tuple(machine.loop_sites),
        )
        machine.of(Adaptations).events.append(event)
        machine.events.append(event)
        machine.signals.adapted(event, heaps, gradient.parts)
        _mark(machine, heaps, number, bits)
    if trained:
        emit_once(
            machine,
            Adapt(
                **common(machine, node, trained),
                number=-1,
                kinds=TRAIN,
                params=tuple(dict.fromkeys(name_of(h) for h in heaps)),
                gradient=next((g.site for g in gradients), None),
            ),
        )


def _taught(machine: Machine, heaps: list[Heap], numbers: tuple[int, ...], bits: int) -> None:
    """Let ``heaps`` learn what other models have learned, from their outputs."""
    for number in numbers:
        given = machine.of(Adaptations).events[number].bits & bits
        if given:  # what it has learned itself, it isn't taught
            _mark(machine, [heap for heap in heaps if number not in adapted(machine, heap)], number, given)


def _mark(machine: Machine, heaps: list[Heap], number: int, bits: int) -> None:
    """Let ``heaps``, and all that they hold, be changed by an adaptation."""
    reached = machine.of(Adaptations).reached.setdefault(number, set())
    for heap in heaps:
        for each in reach(machine, heap):
            if each.kind in ("instance", "external", "parameter"):
                each.adapted[number] = each.adapted.get(number, 0) | bits
                reached.add(each)


def overlap(machine: Machine, a: int, b: int) -> bool:
    """Return whether the tokens picked by two regions may be the same ones.

    They are not when some loop picks both, in different iterations.
    """
    if a & b == a or a & b == b:
        return True
    picked: dict[object, set[object]] = {}
    for meaning in machine.atoms.meanings(a, "iteration"):
        assert isinstance(meaning, tuple)
        picked.setdefault(meaning[0], set()).add(meaning[1])
    others: dict[object, set[object]] = {}
    for meaning in machine.atoms.meanings(b, "iteration"):
        assert isinstance(meaning, tuple)
        others.setdefault(meaning[0], set()).add(meaning[1])
    return all(not (key in picked and picked[key].isdisjoint(numbers)) for key, numbers in others.items())
