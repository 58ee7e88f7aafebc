"""What leaves the program that can be followed: into code without a source, or into calls that nobody modelled.

What comes back is opaque: it carries an origin (family "opaque", an :class:`~auditor.timeline.events.Opaque`) through
everything that is made from it. So does what the call can change: objects handed over, with all that can be reached
from them, and tensors handed over by name. Numbers and texts can't be changed by whom they are given to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import containers, models, stores
from auditor.timeline.events import Opaque
from auditor.timeline.values.atoms import LISTING, VAL
from auditor.timeline.values.frames import Site
from auditor.timeline.values.payloads import (
    Bound,
    Class,
    Either,
    External,
    Function,
    Heap,
    Known,
    Method,
    Native,
    PerSetting,
    Tup,
    Value,
)

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine

FAMILY = "opaque"
_LIBRARY_MODELS = ("torch.nn.", "mlx.nn.", "transformers.", "fla.", "mamba_ssm.", "train_gpt.")  # classes of layers


def sourceless(machine: Machine) -> str:
    """Say of a module that was not followed why there is no source of it."""
    if machine.program.whole:
        return "whose source is not in the submission"
    return "whose source was not read: the submission has more modules than are followed"


def escape(
    machine: Machine,
    node: ir.Node,
    what: str,
    values: Sequence[Value],
    nodes: Sequence[ir.Expr] = (),
    *,
    sure: bool = False,
    learns: bool = False,
) -> int:
    """Let ``values`` go into something that can't be followed at ``node``; return the origin of what comes back.

    ``what`` names it as the end of "… go into"; ``nodes`` are the expressions of the first ``values``, by which tensors
    are found that may be changed. Where nothing of interest goes in (no validation tokens, nothing made from a model
    or its parameters), there is no such origin and 0 is returned, unless ``sure``: there is no source
    of what is called, so that its result is opaque whatever it is given. ``learns``: it may change parameters, as
    whoever is given a function that learns may.
    """
    escapes = tuple(dict.fromkeys(word for value in values for word in _words(machine, value)))
    if not escapes and not sure:
        return 0
    bit = opaque(machine, node, what, escapes)
    if learns or any(_learns(machine, value) for value in values):
        stain_objects(machine, _parameters(machine, machine.params), bit)
    for position, value in enumerate(values):
        where = nodes[position] if position < len(nodes) else None
        stain(machine, value, bit, where)
    return bit


def opaque(machine: Machine, node: ir.Node, what: str, escapes: tuple[str, ...] = ()) -> int:
    """Return the origin of something at ``node`` that can't be followed, the same one every time."""
    return opaque_at(machine, machine.site(node), what, escapes)


def opaque_at(machine: Machine, site: Site, what: str, escapes: tuple[str, ...] = ()) -> int:
    """Return the origin of something at ``site`` that can't be followed, the same one every time."""
    key = (site.source.path, site.source.layer, site.start, what)
    known = machine.opaque.get(key)
    if known is None:
        known = machine.opaque[key] = Opaque(site, what)
    known.escapes = tuple(dict.fromkeys((*known.escapes, *escapes)))
    known.bits |= machine.live
    return machine.atoms.bit(FAMILY, known)


def decided(opaque: int, held: Mapping[str, Value | None], after: dict[str, Value]) -> None:
    """Let what an ``opaque`` condition decides be opaque: names that are bound otherwise than before (``held``)."""
    if opaque:
        for name, before in held.items():
            value = after.get(name)
            if value is not None and before is not value and not isinstance(value.p, Function | Class):
                after[name] = Value(value.p, value.m | opaque)


def stain(machine: Machine, value: Value, bit: int, where: ir.Expr | None = None) -> None:
    """Let everything that whoever has ``value`` can change be made from ``bit``, too."""
    heaps = [*_heaps(value.p), *_parameters(machine, value.m)]
    if heaps:
        stain_objects(machine, heaps, bit)
        return
    if where is None or isinstance(where, ir.Call | ir.Const):
        return
    if not isinstance(value.p, Known | Function | Bound | Class | External | Method | Native | Tup):
        stores.update_in_place(machine, where, value, Value(None, bit))


def stain_objects(machine: Machine, heaps: Iterable[Heap], bit: int) -> None:
    """Let ``heaps`` and everything that can be reached from them be made from ``bit``, too."""
    for heap in _reachable(machine, heaps):
        if heap.origins & bit == bit:
            continue
        heap.origins |= bit
        machine.heap_version += 1
        if heap.kind == "list":
            containers.append_any(heap, Value(None, bit))
        elif heap.kind == "dict":
            heap.element = Value(None, bit) if heap.element is None else containers.tag(heap.element, bit)
        if heap.kind in ("dict", "instance", "namespace"):
            for name, value in heap.attrs.items():
                if not isinstance(value.p, Function | Bound | Class):
                    heap.attrs[name] = containers.tag(value, bit)


def _heaps(p: object, depth: int = 4) -> list[Heap]:
    if isinstance(p, Heap):
        return [p]
    if isinstance(p, Bound):
        return _heaps(p.receiver.p, depth - 1) if depth else []
    if depth and isinstance(p, Tup):
        return [h for item in p.items for h in _heaps(item.p, depth - 1)]
    if depth and isinstance(p, PerSetting | Either):
        return [h for option in (p.each if isinstance(p, PerSetting) else p.options) for h in _heaps(option, depth - 1)]
    return []


def _parameters(machine: Machine, origins: int) -> list[Heap]:
    live = origins & machine.params
    return [h for h in machine.atoms.meanings(live, "param") if isinstance(h, Heap)] if live else []


def _reachable(machine: Machine, heaps: Iterable[Heap]) -> list[Heap]:
    """Return ``heaps`` and the objects that can be reached through their fields."""
    stack = list(heaps)
    found: dict[int, Heap] = {}
    while stack:
        heap = stack.pop()
        if id(heap) in found or heap.kind in ("module", "file", "parser"):
            continue
        found[id(heap)] = heap
        fields = [*heap.attrs.values(), *(heap.items or ()), *([heap.element] if heap.element is not None else [])]
        for value in fields:
            stack += _heaps(value.p)
            stack += _parameters(machine, value.m)
        stack += _parameters(machine, heap.origins)
    return list(found.values())


def _words(machine: Machine, value: Value) -> list[str]:
    """Return what of interest ``value`` is or holds, in words."""
    out: list[str] = []
    if _learns(machine, value):
        p = value.p.func if isinstance(value.p, Bound) else value.p
        name = p.name if isinstance(p, Function) and isinstance(p.node, ir.FunctionDef) else ""
        out.append(f"`{name}`, a function that learns," if name else "a function that learns")
    heaps = _heaps(value.p)
    if any(h.kind == "optimizer" for h in heaps):
        out.append("an optimizer")
    elif any(_is_model(h) for h in _reachable(machine, heaps)):
        out.append("the model")
    origins = containers.deep(value)
    if origins & machine.params and not out:
        out.append("parameters of the model")
    if origins & machine.atoms.family("forward"):
        out.append("what the model makes of validation tokens")
    elif origins & VAL and not origins & LISTING and not isinstance(value.p, Known):
        out.append("validation tokens")
    elif origins & machine.atoms.family("adapted") and not out:
        out.append("weights learned from validation tokens")
    return out


def _learns(machine: Machine, value: Value) -> bool:
    p = value.p.func if isinstance(value.p, Bound) else value.p
    return isinstance(p, Function) and machine.relevance.adapts(p.node)


def _is_model(heap: Heap) -> bool:
    if heap.kind == "external":
        return heap.name.startswith(_LIBRARY_MODELS)
    return heap.kind == "parameter" or models.is_module(heap)
