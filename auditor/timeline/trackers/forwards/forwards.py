"""Models whose forward lets a position read later ones, when they are applied to validation tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.timeline.engine import arguments
from auditor.timeline.engine.recording import common
from auditor.timeline.engine.signals import Tracker
from auditor.timeline.events import Event
from auditor.timeline.trackers.forwards.axes import Mixed, Several, Tensor
from auditor.timeline.trackers.forwards.follow import Pass
from auditor.timeline.values.atoms import RANDOM, VAL, val_settings
from auditor.timeline.values.frames import Site
from auditor.timeline.values.payloads import Function, Heap, Native, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine


_REPLACES = {"where": 0, "masked_fill": 1, "masked_fill_": 1}  # the place of what says which are replaced
_STATES = 3  # axes of hidden states, where tokens have one or two


@dataclass(eq=False)
class Lookahead(Event):
    """A model is applied at ``applied``; at ``site``, in its forward, later positions come in, as ``what``.

    ``hidden``: of the tokens that it is given, those that something drawn at random picks are replaced, as for a
    denoiser.
    """

    applied: Site | None = None
    what: str = ""
    certain: bool = False
    hidden: bool = False


class Forwards(Tracker):
    """Forwards that look ahead."""

    rank = 20

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.known: dict[tuple[int, str, int], tuple[list[Mixed], bool]] = {}
        self.told: set[tuple[object, ...]] = set()

    def called(self, func: Value, args: Args, node: ir.Call, out: Value) -> Value:
        """Note tokens of which those that are picked at random are replaced."""
        if not out.m & RANDOM or isinstance(func.p, Function | Native):
            return out
        name = arguments.callee_name(func).rpartition(".")[2]
        if name not in _REPLACES:
            return out
        given = arguments.given_to(func, args)
        at = _REPLACES[name]
        if len(given) <= at or not given[at].m & RANDOM:
            return out
        return self._hidden(out) if any(v.m & VAL for v in given) else out

    def item_stored(self, base: Value, node: ir.Subscript, out: tuple[Value, Value]) -> tuple[Value, Value]:
        """Note the same, done in place."""
        index, value = out
        if index.m & RANDOM and base.m & VAL and not value.m & VAL:
            return index, self._hidden(value)
        return out

    def _hidden(self, value: Value) -> Value:
        return Value(value.p, value.m | self.machine.atoms.bit("hidden", ""))

    def applied(
        self, model: Heap | None, origins: int, name: str, node: ir.Node, extra: Sequence[Heap] = ()
    ) -> Value | None:
        """Look into the model that is applied; another tracker answers."""
        machine = self.machine
        if model is None or model.cls is None or not val_settings(origins) & machine.live:
            return None
        method = name.rpartition(".")[2] if "." in name else "forward"
        rank = _rank(model, method, node)
        key = (id(model.cls.node), method, rank)
        if key not in self.known:
            self.known[key] = _look(machine, model, method, rank)
        found, hides = self.known[key]
        for mixed in found:
            place = (mixed.site, node.start, tuple(c.site.start for c in machine.calls))
            if place in self.told:
                continue
            self.told.add(place)
            fields = common(machine, node, machine.live & val_settings(origins))
            fields["site"] = mixed.site
            event = Lookahead(**fields, applied=machine.site(node), what=mixed.what, certain=mixed.certain)
            event.hidden = hides or bool(origins & machine.atoms.family("hidden"))
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


def _look(machine: Machine, model: Heap, method: str, rank: int) -> tuple[list[Mixed], bool]:
    """Return where later positions come in, and whether tokens that are picked at random are replaced first."""
    done = Pass(machine)
    tokens = Tensor(("T",), raw=True) if rank == 1 else Tensor(("B", "T", "D")[:rank], raw=rank < _STATES)
    result = done.run(model, method, [tokens])
    items = result.items if isinstance(result, Several) else (result,)
    done.found += [later for item in items if isinstance(item, Tensor) and (later := item.knows_later) is not None]
    if done.draws:
        done.found = [replace(mixed, certain=False) for mixed in done.found]
    return list(dict.fromkeys(done.found))[:3], done.hides
