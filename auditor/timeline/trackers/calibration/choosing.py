"""The switches that chose the tokens which a calibration is given: no condition asks them where it is called."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from auditor.program import ir
from auditor.program.index import Nodes
from auditor.program.model import Program
from auditor.timeline.events import Timeline
from auditor.timeline.trackers.calibration.calibration import Apply
from auditor.timeline.trackers.calibration.found import Calibration
from auditor.timeline.values.frames import Guard, Site


def with_choices(program: Program | None, timeline: Timeline, found: Calibration) -> Apply:
    """Return the application with the conditions that chose its tokens, as if it stood under them.

    They stand before the calls that lead to it, and what they decide in the settings that it runs under is whether
    what these calls are given is validation tokens.
    """
    running = found.bits & timeline.in_play or found.bits
    guards = dict.fromkeys(found.apply.guards)
    for site in (*(step.site for step in found.apply.calls), found.apply.site):
        for call, nodes in _around(program, site) if program is not None else ():
            names = {node.id for arg in call.args for node in _names(arg.value)}
            guards.update(dict.fromkeys(_Search(site, names, running, found.apply.taken).among(nodes)))
    return replace(found.apply, guards=tuple(guards))


def _around(program: Program, site: Site) -> Iterator[tuple[ir.Call, Nodes]]:
    """Yield the call at a place with all that the function around it does."""
    unit = program.units.get(site.source.path)
    if unit is None or unit.source is not site.source:
        return
    for body in unit.index.bodies:
        for call in body.nodes.of(ir.Call):
            if (call.start, call.end) == (site.start, site.end):
                yield call, body.nodes


def _names(value: ir.Expr) -> Iterator[ir.Name]:
    """Yield the name that is handed over, also a piece of it (``tokens[:n]``)."""
    while isinstance(value, ir.Subscript):
        value = value.value
    if isinstance(value, ir.Name):
        yield value


class _Search(Struct, frozen=True):
    """What is looked for before ``site``: conditions that decide what ``names`` are under the settings ``running``."""

    site: Site
    names: set[str]
    running: int
    taken: dict[tuple[str, int, bool], Guard]

    def among(self, nodes: Nodes) -> Iterator[Guard]:
        """Yield the conditions, outermost first; nothing in a branch that isn't taken."""
        closed: list[tuple[int, int]] = []
        assigned = [
            node.start
            for node in nodes.of(ir.Assign)
            if any(isinstance(target, ir.Name) and target.id in self.names for target in node.targets)
        ]
        for node in nodes.of(ir.If):
            if node.end > self.site.start or any(start <= node.start < end for start, end in closed):
                continue
            if not any(node.start <= at < node.end for at in assigned):
                continue
            open_ways = [way for taken in (True, False) if (way := self._way(node, taken)) is not None]
            if len(open_ways) == 1:
                yield open_ways[0]
                closed += [(s.start, s.end) for s in (node.orelse if open_ways[0].taken else node.body)]

    def _way(self, node: ir.If, taken: bool) -> Guard | None:
        guard = self.taken.get((self.site.source.path, node.test.start, taken))
        return guard if guard is not None and guard.opens & self.running else None
