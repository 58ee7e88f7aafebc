"""Tokens that are read twice by the same expression: ``ids[i]``, and ``ids[i]`` again while ``i`` is what it was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.regex import regex
from auditor.timeline.trackers.keys.reads import Keys, Read
from auditor.timeline.values.atoms import bits_of

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine

_NAME = regex(r"[^\W\d]\w*")
_BINDS = (ir.Assign, ir.AugAssign, ir.NamedExpr, ir.For)


def again(machine: Machine, counted: int, judged: int) -> bool:
    """Return whether one of the reads ``judged`` picks what one of the reads ``counted`` picked before it."""
    meaning = machine.of(Keys).meaning
    first = [meaning[bit] for bit in bits_of(counted)]
    return any(_same(machine, one, meaning[bit]) for bit in bits_of(judged) for one in first)


def _same(machine: Machine, first: Read, second: Read) -> bool:
    """Return whether two reads are of one text, out of the same, in one function, and nothing in it has changed."""
    if first.site.source is not second.site.source or first.site.start >= second.site.start:
        return False
    if (first.within, first.parents, first.place) != (second.within, second.parents, second.place):
        return False
    text, other = (read.site.source.text[read.site.start : read.site.end] for read in (first, second))
    return text == other and not _changed(machine, first, second, set(_NAME.findall(text)))


def _changed(machine: Machine, first: Read, second: Read, names: set[str]) -> bool:
    """Return whether one of ``names`` is bound between two reads, but by a loop that goes over the same once more."""
    source, start, end = first.site.source, first.site.start, second.site.start
    unit = machine.program.units.get(source.path)
    if unit is None or unit.module is None:
        return True
    for kind in _BINDS:
        for node in unit.index.of(kind):
            if not start < node.start < end and not node.start < start < node.end <= end:
                continue
            bound = names & set(_bound(node))
            if not bound:
                continue
            if isinstance(node, ir.For) and node.start < end < node.end:  # the second one's loop
                before = [loop for loop in unit.index.of(ir.For) if loop.start < start < loop.end <= node.start]
                if any(_header(source.text, loop) == _header(source.text, node) for loop in before):
                    continue
            elif isinstance(node, ir.For) and node.start < start:  # the first one's
                after = [loop for loop in unit.index.of(ir.For) if node.end <= loop.start < end < loop.end]
                if any(_header(source.text, loop) == _header(source.text, node) for loop in after):
                    continue
            return True
    return False


def _bound(node: ir.Node) -> Iterator[str]:
    """Yield the names that a statement or a loop binds: none where it stores an item or an attribute."""
    if isinstance(node, ir.Assign):
        targets: tuple[ir.Expr, ...] = node.targets
    elif isinstance(node, ir.AugAssign | ir.For):
        targets = (node.target,)
    else:
        targets = (node.target,) if isinstance(node, ir.NamedExpr) else ()
    for target in targets:
        yield from _names(target)


def _names(target: ir.Expr) -> Iterator[str]:
    if isinstance(target, ir.Name):
        yield target.id
    elif isinstance(target, ir.Starred):
        yield from _names(target.value)
    elif isinstance(target, ir.Sequence):
        for part in target.elts:
            yield from _names(part)


def _header(text: str, loop: ir.For) -> str:
    """Return what a loop binds and goes over, as written."""
    return text[loop.target.start : loop.iter.end]
