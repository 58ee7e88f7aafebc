"""What calls into libraries do, as far as the challenge's scripts use them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.library import averages, iterators, kernels, modes, switches, unmodelled
from auditor.timeline.library.functions import call_external
from auditor.timeline.library.methods import call_method
from auditor.timeline.library.names import SHAPE_ATTRIBUTES, VIEW_ATTRIBUTES, is_optimizer_name
from auditor.timeline.library.options import in_environment, parse_printed
from auditor.timeline.values.payloads import Function, Heap, Method, Payload, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine


class Libraries:
    """The libraries that we know (see :class:`auditor.timeline.engine.libraries.Library`)."""

    shape_attributes = SHAPE_ATTRIBUTES
    view_attributes = VIEW_ATTRIBUTES

    def call_function(self, machine: Machine, name: str, args: Args, node: ir.Node) -> Value:
        """Call a function by its dotted name."""
        return call_external(machine, name, iterators.forced(machine, name, args), node)

    def call_method(self, machine: Machine, method: Method, args: Args, node: ir.Node) -> Value:
        """Call a method of a value whose class the program doesn't define."""
        return call_method(machine, method, args, node)

    def launcher(self, machine: Machine, function: Function) -> Value:
        """Return what ``function[…]`` is: a kernel, ready to be started."""
        return kernels.launcher(machine, function)

    def applied(self, machine: Machine, module: Heap, args: Args) -> None:
        """Carry out what applying a library's module does to the module itself."""
        averages.watched(machine, module, args)

    def mode_of(self, machine: Machine, module: Heap) -> Value | None:
        """Return whether a module is in training mode, where that is known."""
        return modes.mode_of(machine, module)

    def lies_nowhere(self, name: str) -> bool:
        """Return whether something imported by that dotted name is of no library that is known."""
        return unmodelled.missing(name)

    def is_optimizer(self, name: str) -> bool:
        """Return whether a dotted name is an optimizer's class."""
        return is_optimizer_name(name)

    def in_environment(self, machine: Machine, key: Value, container: Value) -> Value | None:
        """Return whether a variable is set, where ``container`` is the environment, else None."""
        return in_environment(machine, key, container)

    def environment_read(self, machine: Machine, key: Value, node: ir.Node) -> Value:
        """Return ``os.environ[key]``."""
        return switches.read(machine, key, None, node)

    def environment_written(self, machine: Machine, key: Value, value: Value) -> None:
        """Carry out ``os.environ[key] = value``."""
        switches.write(machine, key, value)

    def parse_printed(self, text: str, like: Payload) -> object:
        """Return what a log prints of a value, as the kind of constant that ``like`` is."""
        return parse_printed(text, like)
