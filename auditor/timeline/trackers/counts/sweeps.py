"""Which tokens a loop that has ended went over: all of them, or as many as another loop does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.program.source import Source
from auditor.timeline.trackers.keys.reads import Keys
from auditor.timeline.values.atoms import bits_of

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine

_OPEN_BOUND = re.compile(r":\s*(?!-\s*\d)[^\]\s,:-]")  # a stretch that ends somewhere inside
_SIZE = re.compile(r"\.numel\(\)|\blen\(|\.shape\b|\.size\b|\.nelement\(\)")
_PART = re.compile(r"[*/]\s*[\d.]|[\d.]\s*\*|\bmin\(|\[:")  # half of them, at most so many


def unbounded(machine: Machine, bit: int) -> bool:
    """Return whether a read is of everything, but for a constant number of tokens at either end."""
    read = machine.of(Keys).meaning[bit]
    inside = _index_text(machine, bit)
    if not read.slice and not inside[1:-1].strip("- ").isdecimal():
        return False
    if read.slice and _OPEN_BOUND.search(inside):
        return False
    return all(unbounded(machine, parent) for parent in bits_of(read.parents))


def covers(machine: Machine, reads: int, judged: int, node: ir.Node) -> bool:
    """Return whether loops that have ended picked ``reads``, and among them what is ``judged`` at ``node``.

    They did where one counts up to the number of tokens, or goes over the very same as a loop in progress.
    """
    common = _lineage(machine, judged)
    places = [machine.site(node), *(step.site for step in machine.calls)]
    running = [loop for at in places for loop in _around(machine, at.source, at.start)]
    here = {_over(machine.frame.scope.source, loop) for loop in running}
    return bool(reads) and all(_covered(machine, bit, common, here) for bit in bits_of(reads))


def _lineage(machine: Machine, reads: int) -> int:
    """Return all reads out of which ``reads`` were picked."""
    out = 0
    for bit in bits_of(reads):
        parents = machine.of(Keys).meaning[bit].parents
        out |= parents | _lineage(machine, parents)
    return out


def _covered(machine: Machine, bit: int, common: int, here: set[str | None]) -> bool:
    """Return whether a read is whole, or picked by a loop over all, out of what is whole or ``common`` to both."""
    if bit & common:
        return True
    read = machine.of(Keys).meaning[bit]
    inside = _index_text(machine, bit)
    if read.slice and _OPEN_BOUND.search(inside):
        loops = [
            loop
            for loop in _around(machine, read.site.source, read.site.start)
            if isinstance(loop.target, ir.Name) and re.search(rf"\b{loop.target.id}\b", inside)
        ]
        over = _over(read.site.source, loops[-1]) if loops else None
        if over is None or not ((_SIZE.search(over) and not _PART.search(over)) or over in here):
            return False
    elif not read.slice:
        return False
    return all(_covered(machine, parent, common, here) for parent in bits_of(read.parents))


def _around(machine: Machine, source: Source, at: int) -> list[ir.For]:
    """Return the ``for`` loops that a place stands in, outermost first."""
    unit = machine.program.units.get(source.path)
    own = (n for body in unit.bodies for n in body.nodes.of(ir.For)) if unit is not None else ()
    return sorted((n for n in own if n.start <= at < n.end), key=lambda n: n.start)


def _over(source: Source, loop: ir.For) -> str | None:
    """Return what a loop goes over, where that is a ``range``."""
    called = loop.iter.func if isinstance(loop.iter, ir.Call) else None
    if not isinstance(called, ir.Name) or called.id != "range":
        return None
    return source.text[loop.iter.start : loop.iter.end]


def _index_text(machine: Machine, bit: int) -> str:
    read = machine.of(Keys).meaning[bit]
    text = read.site.source.text[read.site.start : read.site.end]
    return text[text.find("[") :]
