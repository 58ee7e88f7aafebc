"""Models whose forward lets a position read later ones, when they are applied to validation tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import field
from msgspec.structs import replace

from auditor.program import ir
from auditor.timeline.engine.recording import common
from auditor.timeline.engine.signals import Tracker
from auditor.timeline.events import Event, Report
from auditor.timeline.trackers.forwards.axes import Mixed, Several, Tensor
from auditor.timeline.trackers.forwards.follow import Pass
from auditor.timeline.trackers.forwards.held import plain
from auditor.timeline.trackers.forwards.noise import Noise
from auditor.timeline.values.atoms import RANDOM, val_settings
from auditor.timeline.values.frames import Site
from auditor.timeline.values.payloads import Function, Heap, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine


_STATES = 3  # axes of hidden states, where tokens have one or two


class Lookahead(Event, eq=False):
    """A model is applied at ``applied``; at ``site``, in its forward, later positions come in, as ``what``.

    ``bounds``: reports of losses that count only where the tokens that it is given were replaced at random, as those of
    a denoiser's bound do.
    """

    applied: Site | None = None
    what: str = ""
    certain: bool = False
    bounds: list[Report] = field(default_factory=list)


class Forwards(Tracker):
    """Forwards that look ahead."""

    rank = 20

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.known: dict[tuple[object, ...], list[Mixed]] = {}
        self.told: set[tuple[object, ...]] = set()

    def applied(
        self, model: Heap | None, origins: int, name: str, node: ir.Node, extra: Sequence[Heap], beside: int
    ) -> Value | None:
        """Look into the model that is applied; another tracker answers."""
        machine = self.machine
        if model is None or model.cls is None or not val_settings(origins) & machine.live:
            return None
        method = name.rpartition(".")[2] if "." in name else "forward"
        rank = _rank(model, method, node)
        named = _named(machine, node)
        key = (id(model.cls.node), method, rank, tuple(named.items()))
        if key not in self.known:
            self.known[key] = _look(machine, model, method, rank, named)
        for mixed in self.known[key]:
            place = (mixed.site, node.start, tuple(c.site.start for c in machine.calls))
            if place in self.told:
                continue
            self.told.add(place)
            fields = common(machine, node, machine.live & val_settings(origins))
            fields["site"] = mixed.site
            event = Lookahead(**fields, applied=machine.site(node), what=mixed.what, certain=mixed.certain)
            noise = machine.of(Noise)
            event.bounds = noise.bounds if origins & noise.hidden else []
            event.certain = mixed.certain and not origins & RANDOM
            machine.events.append(event)
        return None


def _rank(model: Heap, method: str, node: ir.Node) -> int:
    """Return how many axes the tokens have: as many as the method unpacks, else as the argument shows."""
    function = model.cls.find(method) if model.cls is not None else None
    if function is not None and isinstance(function.p, Function) and isinstance(function.p.node, ir.FunctionDef):
        for statement in function.p.node.body:
            if (
                isinstance(statement, ir.Assign)
                and isinstance(statement.value, ir.Attr)
                and statement.value.attr == "shape"
            ):
                target = statement.targets[0]
                if isinstance(target, ir.Sequence):
                    return len(target.elts)
    argument = node.args[0].value if isinstance(node, ir.Call) and node.args else None
    if isinstance(argument, ir.Subscript) and isinstance(argument.index, ir.Slice):
        return 1
    return 2


def _named(machine: Machine, node: ir.Node) -> dict[str, object]:
    """Return the truth values that a call gives by name, where all settings in play agree on them."""
    args = node.args if isinstance(node, ir.Call) else ()
    plainly = (a for a in args if a.keyword and isinstance(a.value, ir.Const | ir.Name | ir.Attr))
    given = {a.keyword: plain(machine.eval(a.value)) for a in plainly if a.keyword}
    return {name: value for name, value in given.items() if isinstance(value, bool)}


def _look(machine: Machine, model: Heap, method: str, rank: int, named: dict[str, object]) -> list[Mixed]:
    done = Pass(machine)
    tokens = Tensor(("T",), raw=True) if rank == 1 else Tensor(("B", "T", "D")[:rank], raw=rank < _STATES)
    result = done.run(model, method, [tokens], named)
    items = result.items if isinstance(result, Several) else (result,)
    done.found += [later for item in items if isinstance(item, Tensor) and (later := item.knows_later) is not None]
    if done.draws:
        done.found = [replace(mixed, certain=False) for mixed in done.found]
    return list(dict.fromkeys(done.found))[:3]
