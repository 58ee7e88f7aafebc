"""Calls that no table covers, and what lies nowhere: modules without a source, methods that no class has."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.program.walk import walk
from auditor.timeline.engine import arguments, calling, containers, escapes, parameters
from auditor.timeline.engine.expressions import BUILTINS
from auditor.timeline.library import effects
from auditor.timeline.library.effects.bases import BASES, OBJECT
from auditor.timeline.library.effects.effect import Effect
from auditor.timeline.library.effects.libraries import lies_nowhere
from auditor.timeline.values.atoms import VAL
from auditor.timeline.values.payloads import Class, Function, Heap, Known, Method, Value, join_all

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine

MAX_CANDIDATES = 16
_HARMLESS = frozenset({Effect.PURE, Effect.VIEW, Effect.SHAPE})


@lru_cache(maxsize=4096)
def missing(name: str) -> bool:
    """Return whether the dotted ``name`` of something imported belongs to a module that lies nowhere."""
    return name.partition(".")[0] not in BUILTINS and lies_nowhere(name)


def call(machine: Machine, name: str, args: Args, node: ir.Node) -> int:
    """Return the opaque origin of a library's function that no table covers, 0 for one that a table covers."""
    if effects.of_call(name) is not None:
        return 0
    what = f"`{arguments.shown(machine, node)}()`, a call that golf-audit does not know"
    return machine.escape(node, what, args.all(), args.nodes)


def any_code(machine: Machine, args: Args, node: ir.Node) -> Value:
    """Run code that can't be told: whatever the names hold that it can see it may change."""
    names = {**machine.frame.scope.names, **machine.frame.names}
    held = [value for value in names.values() if isinstance(value.p, Heap)]
    what = f"`{arguments.shown(machine, node)}()`, whose code could not be told"
    bit = machine.escape(node, what, [*args.all(), *held], args.nodes, sure=True)
    for name, value in names.items():
        if value.m & VAL and not isinstance(value.p, Heap | Known):
            machine.rebind(name, Value(value.p, value.m | bit))
    return Value(None, parameters.settle(machine, args.origins()) | bit)


def call_missing(machine: Machine, args: Args, node: ir.Node) -> Value:
    """Call something of a module that lies nowhere: what it is given it may change, print or keep."""
    what = f"`{arguments.shown(machine, node)}()`, {escapes.sourceless(machine)}"
    bit = machine.escape(node, what, args.all(), args.nodes, sure=True)
    return Value(None, parameters.settle(machine, args.origins()) | bit)


def method(machine: Machine, called: Method, args: Args, node: ir.Node) -> int:
    """Return the opaque origin of a method of a value of unknown class that no table covers, 0 for another."""
    if effects.of_method(called.name) is not None:
        return 0
    if isinstance(called.receiver.p, Known):
        return 0  # a constant has no such method: where it is None, that way ends with an error
    unknown = called.receiver.m & machine.atoms.family(escapes.FAMILY)
    why = "a method of something that could not be followed" if unknown else "a method that golf-audit does not know"
    what = f"`{arguments.shown(machine, node)}()`, {why}"
    values = [called.receiver, *args.all()]
    return machine.escape(node, what, values, (called.where, *args.nodes))


def own_method(machine: Machine, called: Method, args: Args, node: ir.Node) -> Value | None:
    """Follow a method that only classes of the program have, of an object that isn't known (``model.modules()``).

    Which of these classes it is stays open where several have it. None where no class at hand has it, or the object
    is of a library, or the name is one that libraries' objects have, too.
    """
    if called.name == "forward" or effects.of_method(called.name) or isinstance(called.receiver.p, Heap | Known):
        return None
    found: dict[int, Function] = {}
    for value in [*machine.frame.scope.names.values(), *machine.frame.names.values()]:
        method = value.p.find(called.name) if isinstance(value.p, Class) else None
        if method is not None and isinstance(method.p, Function):
            found.setdefault(id(method.p.node), method.p)
    if not 0 < len(found) <= MAX_CANDIDATES:
        return None
    weak = machine.weak
    if len(found) > 1:
        machine.weak |= machine.live
    out = join_all([calling.invoke(machine, function, called.receiver, args, node) for function in found.values()])
    machine.weak = weak
    return out


def handed_to_opaque(machine: Machine, called: Method, args: Args) -> None:
    """Let what is given to a method of something opaque be opaque, too: the method may be any code."""
    p = called.receiver.p
    if isinstance(p, Heap) and p.kind != "external":
        return
    bits = (called.receiver.m | (p.origins if isinstance(p, Heap) else 0)) & machine.atoms.family(escapes.FAMILY)
    if not bits or effects.of_method(called.name) in _HARMLESS:
        return
    for position, value in enumerate(args.all()):
        escapes.stain(machine, value, bits, args.nodes[position] if position < len(args.nodes) else None)


def undefined_method(machine: Machine, called: Method, args: Args, node: ir.Node) -> Value | None:
    """Call a method that no class of its object has; None where one of them may have it."""
    p = called.receiver.p
    if not isinstance(p, Heap) or p.kind != "instance" or p.cls is None:
        return None
    external = p.cls.external_bases()
    if any(missing(base) and base not in BUILTINS for base in external if "." in base):
        return call_missing(machine, _with_receiver(called.receiver, args), node)
    if any(base not in BASES for base in external) or any(called.name in BASES[base] for base in external):
        return None
    if called.name in OBJECT or p.cls.find("__getattr__") or p.cls.find("__getattribute__"):
        return None
    if called.name in _assigned(machine):
        return None
    what = f"`{arguments.shown(machine, node)}()`, a method that no class of its object has"
    bit = machine.escape(node, what, [called.receiver, *args.all()], (called.where, *args.nodes), sure=True)
    return Value(None, parameters.settle(machine, containers.deep(called.receiver) | args.origins()) | bit)


def _assigned(machine: Machine) -> frozenset[str]:
    """Return the names of all attributes that the program assigns, with all texts where it uses ``setattr``."""
    known = machine.attributes
    if known is None:
        names: set[str] = set()
        for unit in machine.program.units.values():
            for node in unit.index.of(ir.Assign, ir.AugAssign, ir.Const):
                if isinstance(node, ir.Assign | ir.AugAssign):
                    targets = node.targets if isinstance(node, ir.Assign) else (node.target,)
                    names.update(t.attr for target in targets for t in walk(target) if isinstance(t, ir.Attr))
                elif isinstance(node.value, str) and node.value.isidentifier():
                    names.add(node.value)  # setattr, __dict__, type(): any way of giving an attribute by its name
        known = machine.attributes = frozenset(names)
    return known


def _with_receiver(receiver: Value, args: Args) -> Args:
    return arguments.Args((receiver, *args.positional), args.keywords, args.rest, args.node)
