"""What the engine asks of the libraries that a program calls. :mod:`auditor.timeline.library` answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from auditor.program import ir
from auditor.timeline.values.payloads import Function, Heap, Method, Payload, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine


class Library(Protocol):
    """Calls into libraries, attributes of their values, and the settings that the standard library reads."""

    shape_attributes: frozenset[str]  # of arrays: what they tell is not which tokens they hold
    view_attributes: frozenset[str]  # of arrays: the same memory

    def call_function(self, machine: Machine, name: str, args: Args, node: ir.Node) -> Value:
        """Call a function by its dotted name."""

    def call_method(self, machine: Machine, method: Method, args: Args, node: ir.Node) -> Value:
        """Call a method of a value whose class the program doesn't define."""

    def launcher(self, machine: Machine, function: Function) -> Value:
        """Return what ``function[…]`` is: a kernel, ready to be started."""

    def applied(self, machine: Machine, module: Heap, args: Args) -> None:
        """Carry out what applying a library's module does to the module itself."""

    def mode_of(self, machine: Machine, module: Heap) -> Value | None:
        """Return whether a module is in training mode, where that is known."""

    def lies_nowhere(self, name: str) -> bool:
        """Return whether something imported by that dotted name is of no library that is known."""

    def is_optimizer(self, name: str) -> bool:
        """Return whether a dotted name is an optimizer's class."""

    def in_environment(self, machine: Machine, key: Value, container: Value) -> Value | None:
        """Return whether a variable is set, where ``container`` is the environment, else None."""

    def environment_read(self, machine: Machine, key: Value, node: ir.Node) -> Value:
        """Return ``os.environ[key]``."""

    def environment_written(self, machine: Machine, key: Value, value: Value) -> None:
        """Carry out ``os.environ[key] = value``."""

    def parse_printed(self, text: str, like: Payload) -> object:
        """Return what a log prints of a value, as the kind of constant that ``like`` is."""
