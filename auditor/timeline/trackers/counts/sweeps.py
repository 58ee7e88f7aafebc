"""Which tokens a loop that has ended went over: all of them, or as many as another loop does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.program.defined import body_at, only_value
from auditor.program.source import Source
from auditor.program.walk import walk
from auditor.regex import regex
from auditor.timeline.trackers.counts.stretches import goes_to_end
from auditor.timeline.trackers.keys.reads import Keys
from auditor.timeline.values.atoms import bits_of

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine

_OPEN_BOUND = regex(r":\s*(?!-\s*\d)[^\]\s,:-]")  # a stretch that ends somewhere inside
_SIZE = regex(r"\.numel\(\)|\blen\(|\.shape\b|\.size\b|\.nelement\(\)")
_PART = regex(r"[*/]\s*[\d.]|[\d.]\s*\*|\bmin\(|\[:")  # half of them, at most so many


def unbounded(machine: Machine, bit: int) -> bool:
    """Return whether a read is of everything, but for a constant number of tokens at either end."""
    read = machine.of(Keys).meaning[bit]
    inside = _index_text(machine, bit)
    if not machine.of(Keys).under.get(bit, -1) & (machine.live & ~1 or machine.live):
        return all(unbounded(machine, parent) for parent in bits_of(read.parents))  # what other settings leave out
    if goes_to_end(machine, read):
        return all(unbounded(machine, parent) for parent in bits_of(read.parents))
    if not read.slice and not inside[1:-1].strip("- ").isdecimal():
        return False
    if read.slice and _OPEN_BOUND.search(inside):
        return False
    return all(unbounded(machine, parent) for parent in bits_of(read.parents))


def whole(machine: Machine, reads: int) -> bool:
    """Return whether a key that is made of ``reads``, place by place, is made at every place."""
    meaning = machine.of(Keys).meaning
    every = [bit for bit in bits_of(reads) if unbounded(machine, bit)]
    return len(every) == reads.bit_count() or any(goes_to_end(machine, meaning[bit]) for bit in every)


def covers(machine: Machine, reads: int, judged: int, node: ir.Node) -> bool:
    """Return whether loops that have ended picked ``reads``, and among them what is ``judged`` at ``node``.

    They did where one counts up to the number of tokens, or goes over the very same as a loop in progress.
    """
    common = _lineage(machine, judged)
    places = [machine.site(node), *(step.site for step in machine.calls)]
    running = [loop for at in places for loop in _around(machine, at.source, at.start)]
    here = {_over(machine.frame.scope.source, loop) for loop in running}
    return bool(reads) and all(_covered(machine, bit, common, here) for bit in bits_of(reads))


def gone_over(machine: Machine, node: ir.Subscript) -> set[str]:
    """Return what the loops of the current function go over that give ``node``'s index, as written."""
    scope, func = machine.frame.scope, machine.frame.func
    first = func.node.start if func is not None else 0
    inside = {part.id for part in walk(node.index) if isinstance(part, ir.Name)}
    around = [loop for loop in _around(machine, scope.source, node.start) if loop.start >= first]
    loops = [loop for loop in around if inside.intersection(_variables(loop))]
    return {text for loop in loops if (text := _over(scope.source, loop)) is not None}


def same_end(machine: Machine, reads: int, judged: int) -> bool:
    """Return whether one of ``reads`` is a stretch that ends where one that is ``judged`` does, out of the same."""
    meaning = machine.of(Keys).meaning
    ends = {(meaning[bit].parents, end) for bit in bits_of(judged) if (end := _end(machine, bit))}
    return any((meaning[bit].parents, _end(machine, bit)) in ends for bit in bits_of(reads))


def _end(machine: Machine, bit: int) -> str:
    """Return where a plain stretch ends (``b`` of ``[a:b]``), as written; "" for another read."""
    inside = _index_text(machine, bit).strip("[]")
    lower, colon, upper = inside.partition(":")
    return upper.strip() if colon and lower.strip() and ":" not in upper and "," not in inside else ""


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
            if any(re.search(rf"\b{name}\b", inside) for name in _variables(loop))
        ]
        over = _over(read.site.source, loops[-1]) if loops else None
        if over is None or not (
            over in here or any(map(_is_size, (over, _spelled_out(machine, read.site.source, loops[-1]))))
        ):
            return False
    elif not read.slice and not goes_to_end(machine, read):
        return False
    return all(_covered(machine, parent, common, here) for parent in bits_of(read.parents))


def _around(machine: Machine, source: Source, at: int) -> list[ir.For | ir.While]:
    """Return the loops that a place stands in, outermost first."""
    unit = machine.program.units.get(source.path)
    bodies = [body.nodes for body in unit.bodies] if unit is not None else []
    own: list[ir.For | ir.While] = [n for nodes in bodies for n in nodes.of(ir.For)]
    own += [n for nodes in bodies for n in nodes.of(ir.While)]
    return sorted((n for n in own if n.start <= at < n.end), key=lambda n: n.start)


def _variables(loop: ir.For | ir.While) -> list[str]:
    """Return what tells the rounds of a loop: its variable, or what its test compares."""
    if isinstance(loop, ir.For):
        return [loop.target.id] if isinstance(loop.target, ir.Name) else []
    sides = [loop.test.left, *loop.test.rights] if isinstance(loop.test, ir.Compare) else []
    return [n.id for side in sides for n in walk(side) if isinstance(n, ir.Name)]


def _over(source: Source, loop: ir.For | ir.While) -> str | None:
    """Return what a loop goes over: a ``range``, or the test of a ``while``."""
    if isinstance(loop, ir.While):
        return source.text[loop.test.start : loop.test.end]
    called = loop.iter.func if isinstance(loop.iter, ir.Call) else None
    if not isinstance(called, ir.Name) or called.id != "range":
        return None
    return source.text[loop.iter.start : loop.iter.end]


def _is_size(text: str) -> bool:
    """Return whether a text names how many tokens there are, and no part of them."""
    return bool(_SIZE.search(text) and not _PART.search(text))


def _spelled_out(machine: Machine, source: Source, loop: ir.For | ir.While) -> str:
    """Return the same with what its names are set to, where that is once."""
    unit = machine.program.units.get(source.path)
    body = body_at(unit.bodies, loop.start) if unit is not None else None
    over = loop.test if isinstance(loop, ir.While) else loop.iter
    texts = [source.text[over.start : over.end]]
    names = {n.id for n in walk(over) if isinstance(n, ir.Name)} - set(_variables(loop))
    for name in sorted(names):
        value = only_value(body, name) if body is not None else None
        texts += [source.text[value.start : value.end]] if value is not None else []
    return " ".join(texts)


def _index_text(machine: Machine, bit: int) -> str:
    read = machine.of(Keys).meaning[bit]
    text = read.site.source.text[read.site.start : read.site.end]
    return text[text.find("[") :]
