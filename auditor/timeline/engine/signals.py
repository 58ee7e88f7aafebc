"""What the engine and the library tell while a program is followed, and who listens.

A *tracker* answers one question that a reviewer asks. It listens to some signals, may add origins to results, keeps
its own state and writes its events. The engine knows no tracker: it calls :class:`Signals`, which asks those that
listen. A new question is a new tracker; no handler of the engine changes.

There are four kinds of signals (see :mod:`~auditor.timeline.engine.asking`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from auditor.program import ir
from auditor.timeline.engine import calls, plain
from auditor.timeline.engine.asking import KINDS, added, asked, passed_on, told
from auditor.timeline.values.payloads import Heap, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine
    from auditor.timeline.events import Adapt, Forward, Report

Names = dict[str, Value]
Kind = TypeVar("Kind", bound="Tracker")


class Tracker:
    """Listens to nothing. A tracker overrides the signals that it needs."""

    rank = 50  # listeners are asked in this order
    deaf: frozenset[str] = frozenset()  # signals that it listens to and need not hear of in this program

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    # ---------------------------------------------------------------- expressions

    @passed_on
    def subscripted(self, base: Value, index: Value, node: ir.Subscript, out: Value) -> Value:
        """Hear that ``out`` is ``base[index]``."""
        return out

    @passed_on
    def unpacked(self, whole: Value, index: int, out: Value) -> Value:
        """Hear that an assignment or a pattern takes ``out`` from a place of ``whole``."""
        return out

    @passed_on
    def sliced(self, lower: Value | None, upper: Value | None, out: Value) -> Value:
        """Hear that ``out`` is the slice between two bounds."""
        return out

    @passed_on
    def negated(self, node: ir.UnaryOp, out: Value) -> Value:
        """Hear that ``out`` is an operator applied to one operand."""
        return out

    @passed_on
    def operands(self, node: ir.BinOp, left: Value, right: Value, origins: int) -> int:
        """Hear that an operation is about to be made of two operands; ``origins`` are those of its result."""
        return origins

    @passed_on
    def mingled(self, node: ir.Node, origins: int) -> int:
        """Hear that something is made from ``origins``, parameters settled."""
        return origins

    @passed_on
    def combined(self, node: ir.BinOp | ir.AugAssign, left: Value, right: Value, out: Value) -> Value:
        """Hear that ``out`` is an arithmetic operation on two operands."""
        return out

    @passed_on
    def moved(self, node: ir.BinOp, left: Value, right: Value, out: Value) -> Value:
        """Hear that ``out`` is the sum, difference or product of two constants."""
        return out

    @passed_on
    def compared(self, op: str, left: Value, right: Value, node: ir.Compare, out: Value) -> Value:
        """Hear that ``out`` is the truth of one comparison out of the chain ``node``."""
        return out

    @passed_on
    def chained(self, node: ir.Compare, out: Value) -> Value:
        """Hear that ``out`` is the truth of a whole chain of comparisons."""
        return out

    @passed_on
    def called(self, func: Value, args: Args, node: ir.Call, out: Value) -> Value:
        """Hear that ``out`` is what a call gave."""
        return out

    @passed_on
    def conditional(self, test: Value, one: Value, other: Value, out: Value) -> Value:
        """Hear that ``out`` is ``one if test else other``, which no setting decides."""
        return out

    @passed_on
    def filtered(self, tests: list[Value], out: Value) -> Value:
        """Hear that ``out`` is a comprehension of what passes ``tests``."""
        return out

    @passed_on
    def ranked(self, keys: list[Value], node: ir.Node, out: Value) -> Value:
        """Hear that ``out`` is picked among things, or things in order, by what a function says of each: ``keys``."""
        return out

    # ---------------------------------------------------------------- names, branches, stores

    @passed_on
    def bound(self, value: Value) -> Value:
        """Hear that ``value`` is assigned, returned or written into something."""
        return value

    @told
    def branch_entered(self, node: ir.Expr, test: Value) -> None:
        """Hear that the body of an ``if`` that no setting decides is followed next."""

    @told
    def branch_left(self) -> None:
        """Hear that that body has been followed."""

    @told
    def otherwise(self, test: Value | None) -> None:
        """Hear that what runs where ``test`` does not hold is followed next; None: that it has been followed."""

    @told
    def branches_joined(self, test: Value, before: Mapping[str, Value], after: Names) -> None:
        """Hear that a body under ``test`` goes on: what all names held ``before``, and those it changed ``after``."""

    @told
    def left(self, node: ir.Jump | ir.Return) -> None:
        """Hear that a round, a loop or a function is about to be left."""

    @told
    def looped(self, node: ir.While, test: Value) -> None:
        """Hear that a round of a ``while`` is followed if ``test`` holds."""

    @told
    def attribute_stored(self, base: Value, name: str, value: Value, node: ir.Attr) -> None:
        """Hear that ``base.name = value``."""

    @passed_on
    def item_stored(self, base: Value, node: ir.Subscript, out: tuple[Value, Value]) -> tuple[Value, Value]:
        """Hear that ``base[index] = value``; ``out`` is the index and the value."""
        return out

    # ---------------------------------------------------------------- libraries

    @told
    def library_called(self, name: str, args: Args, node: ir.Node) -> None:
        """Hear that a library's function is called by its dotted name."""

    @asked
    def compiled_called(self, name: str, args: Args, node: ir.Node) -> Value | None:
        """Answer what a function of machine code gives; None where nobody knows."""
        return None

    @asked
    def extension_called(self, name: str, args: Args, node: ir.Node) -> Value | None:
        """Answer what ``module.name()`` gives, of a module that lies nowhere as Python; None where nobody knows."""
        return None

    @asked
    def address_taken(self, name: str, receiver: Value, where: ir.Expr) -> Value | None:
        """Answer with the address of an array, where ``receiver.name()`` gives one."""
        return None

    @told
    def parameter_made(self, heap: Heap, node: ir.Node | None) -> None:
        """Hear that a parameter of its own is made, from the tensor that ``node`` gives."""

    @added
    def filled(self, where: ir.Expr | None, name: str, args: Args) -> int:
        """Hear that an in-place method fills what stands at ``where``; the answer are further origins of it."""
        return 0

    @told
    def hooked(self, module: Value, args: Args) -> None:
        """Hear that a function is registered as a hook of a module."""

    @told
    def unhooked(self) -> None:
        """Hear that a hook's handle is removed."""

    @added
    def read(self, origins: int, node: ir.Node) -> int:
        """Hear that data is read from a path made from ``origins``; the answer are further origins of what is read."""
        return 0

    @told
    def written(self, origins: int) -> None:
        """Hear that something made from ``origins`` is written to a file."""

    @passed_on
    def filed(self, value: Value) -> Value:
        """Hear that ``value`` is what a file holds from now on."""
        return value

    @told
    def kept(self, origins: int, node: ir.Node, sink: str) -> None:
        """Hear that something made from ``origins`` is kept in ``sink`` (parameters, a file)."""

    @told
    def saved(self, what: str, node: ir.Node) -> None:
        """Hear that a checkpoint or the like is written."""

    # ---------------------------------------------------------------- learning

    @added
    def differentiated(self, origins: int, node: ir.Node) -> int:
        """Hear that a loss made from ``origins`` is differentiated; the answer is the gradient's origin."""
        return 0

    @told
    def gradient_left(self, gradient: int) -> None:
        """Hear that a gradient waits in ``.grad`` for the next step."""

    @told
    def gradient_hooked(self, receiver: Value, name: str, args: Args) -> None:
        """Hear that ``receiver.name(function)`` registers what is called when a gradient is taken."""

    @told
    def gradient_taken(self, gradient: int, node: ir.Node) -> None:
        """Hear that ``backward()`` has been called, and its gradient left."""

    @told
    def gradient_given(self, origins: int) -> None:
        """Hear that something made from ``origins`` is written into a parameter's ``.grad``."""

    @added
    def state_moved(self, owner: Heap, name: str, origins: int, node: ir.Node) -> int:
        """Hear that ``owner.name``, no parameter, takes up something made from ``origins``; return more origins."""
        return 0

    @told
    def parameter_filled(self, heap: Heap, origins: int, node: ir.Node) -> None:
        """Hear that a new parameter is made of a tensor made from ``origins``."""

    @told
    def gradients_cleared(self) -> None:
        """Hear that ``zero_grad()``."""

    @added
    def gradients_waiting(self) -> int:
        """Answer with the origins of what ``.grad`` holds."""
        return 0

    @told
    def stepped(self, origins: int, node: ir.Node) -> None:
        """Hear that an optimizer over the live parameters in ``origins`` takes a step."""

    @told
    def parameters_written(self, base: Value, value: Value, node: ir.Node, *, replace: bool = False) -> None:
        """Hear that live parameters in ``base`` are written in place with ``value``."""

    @told
    def parameters_restored(self, heaps: list[Heap], origins: int, node: ir.Node) -> None:
        """Hear that the parameters of ``heaps`` are set from values made from ``origins``."""

    @told
    def loop_ended(self, first: int, iterations: int) -> None:
        """Hear that all rounds of a loop have run, those since ``first`` (see ``loop_begun``)."""

    @added
    def loop_begun(self) -> int:
        """Answer with a mark of where a loop begins, for ``loop_ended``."""
        return 0

    # ---------------------------------------------------------------- scoring

    @asked
    def applied(
        self, model: Heap | None, origins: int, name: str, node: ir.Node, extra: Sequence[Heap], beside: int
    ) -> Value | None:
        """Answer what a model, applied to something made from ``origins``, gives (``beside``: see ``applying``)."""
        return None

    @told
    def printed(self, origins: int, node: ir.Node) -> None:
        """Hear that something made from ``origins`` is printed, logged or written."""

    # ---------------------------------------------------------------- what trackers tell each other

    @told
    def learned(self, origins: int) -> None:
        """Hear that a loss made from ``origins`` is what something is learned from."""

    @told
    def adapted(self, event: Adapt, heaps: list[Heap], parts: int) -> None:
        """Hear that parameters were adapted; ``parts`` are the parts of a window that the loss keeps."""

    @added
    def observed(self, origins: int, node: ir.Node) -> int:
        """Hear that a model is applied to something; the answer are further origins of the result."""
        return 0

    @added
    def inside_read(self, model: Heap, origins: int, node: ir.Node) -> int:
        """Hear that a module, whose inside is not followed, is applied to something made from ``origins``."""
        return 0

    @told
    def scored(self, origins: int, forwards: list[Forward], node: ir.Node) -> None:
        """Hear that what was made from ``origins`` takes part in ``forwards``."""

    @told
    def reported(self, origins: int, report: Report) -> None:
        """Hear that a score made from ``origins`` is reported."""

    # ---------------------------------------------------------------- the end

    @asked
    def wants_closer(self) -> bool | None:
        """Answer whether the program should be followed once more, with more kept apart (``machine.closely``)."""
        return None

    @told
    def closed(self) -> None:
        """Hear that nothing more is followed, because all was or because a limit was reached."""

    @told
    def finished(self) -> None:
        """Hear that the program has been followed to its end."""


KINDS["called"] = calls.ask  # as what is passed on, but by those only that heed such a call
KINDS["library_called"] = calls.tell_by_name
KINDS["combined"] = plain.combined  # as what is passed on, but where it is plain by fewer
KINDS["compared"] = plain.compared
KINDS["subscripted"] = plain.subscripted


class Signals(Tracker):
    """Hands every signal to the trackers that listen to it: its methods are those of :class:`Tracker`."""

    def __init__(self, machine: Machine, kinds: Sequence[type[Tracker]]) -> None:
        super().__init__(machine)
        self.trackers = [kind(machine) for kind in sorted(kinds, key=lambda kind: (kind.rank, kind.__name__))]
        self.kinds: dict[type[Tracker], Tracker] = {type(tracker): tracker for tracker in self.trackers}
        for name, ask in KINDS.items():
            silent = getattr(Tracker, name)
            heard = [
                getattr(t, name) for t in self.trackers if getattr(type(t), name) is not silent and name not in t.deaf
            ]
            if heard:
                alone = len(heard) == 1 and ask not in (calls.ask, calls.tell_by_name)
                setattr(self, name, heard[0] if alone else ask(heard))

    def of(self, kind: type[Kind]) -> Kind:
        """Return the tracker of that kind; KeyError where it does not take part."""
        return self.kinds[kind]  # type: ignore[return-value]
