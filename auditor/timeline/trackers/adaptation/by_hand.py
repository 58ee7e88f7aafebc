"""Learning without an optimizer: parameters set from validation tokens, gradients given by hand, search by score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import arguments, calling, insides, parameters, recording
from auditor.timeline.engine.signals import Tracker
from auditor.timeline.trackers.adaptation import effects, shifts
from auditor.timeline.values.atoms import RANDOM, TRAIN, VAL, val_settings
from auditor.timeline.values.payloads import SOME, Heap, Known, Tup, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine


class ByHand(Tracker):
    """What is known of hooks and of changes that are being tried out, while a program is followed."""

    rank = 35

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.hooks: list[tuple[Value, Value, str]] = []  # what is called on a backward: function, owner, method
        self.deciding: list[int] = []  # for each open condition in progress: what it looks at, where that is a score
        self.tried: set[int] = set()  # objects whose parameters were changed at random
        self.calling = False
        self.through = 0  # the functions of one's own, with a backward, through which the last loss was computed

    def attribute_stored(self, base: Value, name: str, value: Value, node: ir.Attr) -> None:
        """Note ``parameter.grad = value``: what an optimizer's next step will use."""
        if name == "grad" and base.m & self.machine.params:
            assigned(self.machine, value)

    def gradient_given(self, origins: int) -> None:
        """Note a gradient that is written into ``.grad``."""
        given(self.machine, origins)

    def differentiated(self, origins: int, node: ir.Node) -> int:
        """Note which functions with a backward of their own a loss was computed through."""
        self.through = origins & self.machine.atoms.family("through")
        return 0

    def gradient_hooked(self, receiver: Value, name: str, args: Args) -> None:
        """Note a function that is called when a gradient is taken."""
        hooked(self.machine, receiver, name, args)

    def gradient_taken(self, gradient: int, node: ir.Node) -> None:
        """Call the hooks."""
        backward(self.machine, gradient, node)

    def parameter_filled(self, heap: Heap, origins: int, node: ir.Node) -> None:
        """Note a parameter that is made of validation tokens."""
        fitted(self.machine, [heap], origins, node)

    def state_moved(self, owner: Heap, name: str, origins: int, node: ir.Node) -> int:
        """Note a statistic of validation tokens that a module keeps: what reads it has learned from them."""
        machine = self.machine
        if not val_settings(origins) & machine.live:
            return 0
        events = machine.of(effects.Adaptations).events
        before = len(events)
        effects.adapt(machine, [], [_direct(machine, origins, node)], node)
        out = 0
        for event in events[before:]:
            event.params = (f"{recording.name_of(owner)}.{name}",)
            out |= machine.atoms.bit("adapted", event.number)
        return out

    def inside_read(self, model: Heap, origins: int, node: ir.Node) -> int:
        """Return what a module that is applied has learned into a state that is no parameter."""
        family = self.machine.atoms.family("adapted")
        return insides.held(self.machine, model) & family if family else 0

    def branch_entered(self, node: ir.Expr, test: Value) -> None:
        """Note a branch that a score decides."""
        self.otherwise(test)

    def otherwise(self, test: Value | None) -> None:
        """Note that a score decides what runs otherwise, and forget it."""
        if test is None:
            self.deciding.pop()
            return
        scored = test.m & self.machine.atoms.family("forward") and test.m & VAL
        self.deciding.append(test.m if scored else 0)

    def branch_left(self) -> None:
        """Forget that branch."""
        self.deciding.pop()


_MOST_HOOKS = 12


def fitted(machine: Machine, heaps: Sequence[Heap], origins: int, node: ir.Node) -> bool:
    """Record that parameters are set from validation tokens themselves (counts, a solution); return whether they are.

    What was made by applying a model to them is a calibration, which is another tracker's matter.
    """
    own = val_settings(origins) & machine.live
    made = machine.atoms.family("forward") | machine.atoms.family("applied") | machine.atoms.family("observed")
    if not own or not heaps or origins & made:
        return False
    effects.adapt(machine, list(heaps), [_direct(machine, origins, node)], node)
    return True


def _direct(machine: Machine, origins: int, node: ir.Node) -> effects.Gradient:
    """Return what stands for a gradient where parameters are set from tokens themselves."""
    return effects.Gradient(
        kinds=origins & (VAL | TRAIN),
        region=shifts.region(machine, origins),
        forwards=(),
        bits=machine.live,
        site=machine.site(node),
        branches=tuple(machine.branches),
    )


def assigned(machine: Machine, value: Value) -> None:
    """``parameter.grad = value``: what an optimizer's next step will use."""
    if isinstance(value.p, Known) and value.p.v is None:
        effects.forget_gradients(machine)
        return
    given(machine, value.m)


def given(machine: Machine, origins: int) -> None:
    """Let the gradients in ``origins`` wait for the next step, once each."""
    for gradient in machine.atoms.meanings(origins, "gradient"):
        bit = next(
            (b for b in machine.of(effects.Adaptations).pending if gradient in machine.atoms.meanings(b, "gradient")), 0
        )
        if bit and not machine.of(effects.Adaptations).spent:
            continue
        for mask in _bits(machine, origins, gradient):
            effects.pend(machine, mask)


def _bits(machine: Machine, origins: int, gradient: object) -> list[int]:
    rest = origins & machine.atoms.family("gradient")
    out = []
    while rest:
        low = rest & -rest
        rest ^= low
        if gradient in machine.atoms.meanings(low, "gradient"):
            out.append(low)
    return out


# ------------------------------------------------------------------ hooks


def hooked(machine: Machine, receiver: Value, name: str, args: Args) -> None:
    """Remember a function that is called when a gradient is taken."""
    function = args.get(0, "hook")
    known = machine.of(ByHand).hooks
    if function is not None and function.p is not None and len(known) < _MOST_HOOKS:
        known.append((function, receiver, name))


def backward(machine: Machine, gradient: int, node: ir.Node) -> None:
    """Call the functions that are hooked to parameters, tensors and modules, with the gradient that was taken."""
    known = machine.of(ByHand)
    if known.calling or not known.hooks:
        return
    known.calling = True
    item = Value(SOME, gradient)
    both = Value(Tup((item,)), gradient)
    try:
        for function, receiver, name in known.hooks:
            if name == "autograd.Function":
                if not receiver.m & known.through:
                    continue
                given_to: tuple[Value, ...] = (Value(receiver.p), item)
            elif name == "register_post_accumulate_grad_hook":
                given_to = (receiver,)
            elif name == "register_hook":
                given_to = (item,)
            else:
                given_to = (receiver, both, both)
            calling.call(machine, function, arguments.Args(given_to, node=node), node)
    finally:
        known.calling = False


# ------------------------------------------------------------------ search


def tried(machine: Machine, heaps: Sequence[Heap], origins: int) -> None:
    """Remember that parameters are changed at random."""
    if origins & RANDOM and machine.in_loop:
        machine.of(ByHand).tried.update(id(heap) for heap in heaps)


def taken_back(machine: Machine, heaps: Sequence[Heap], node: ir.Node) -> None:
    """Record a search: what was tried on parameters is kept or taken back by a score of validation tokens."""
    known = machine.of(ByHand)
    deciding = [origins for origins in known.deciding if origins]
    if not deciding or not known.tried:
        return
    found = [h for h in heaps if any(id(each) in known.tried for each in parameters.reach(machine, h))]
    for origins in deciding[-1:]:
        if found and val_settings(origins) & machine.live:
            gradient = effects.Gradient(
                kinds=origins & VAL,
                region=shifts.region(machine, origins),
                forwards=(),
                bits=machine.live,
                site=machine.site(node),
                branches=(),
            )
            effects.adapt(machine, found, [gradient], node)
