"""Tokens that are read twice by the same expression: ``ids[i]``, and ``ids[i]`` again while ``i`` is what it was.

Only plain places are taken for the same, made of names and numbers: what ``ids[self.at]`` or ``ids[at[0]]`` is may
change where no name is bound.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from auditor.program import ir
from auditor.program.index import Index
from auditor.program.source import Source
from auditor.regex import regex
from auditor.timeline.trackers.keys.reads import Keys, Read
from auditor.timeline.values.atoms import bits_of

if TYPE_CHECKING:
    from auditor.timeline.engine.machine import Machine

_NAME = regex(r"[^\W\d]\w*")
_PLAIN = regex(r"\w+\[[\w\s+:,*-]*\]")
_CHANGES = frozenset(
    {
        "pop",
        "popleft",
        "append",
        "appendleft",
        "extend",
        "insert",
        "remove",
        "clear",
        "sort",
        "reverse",
        "rotate",
        "resize",
    }
)
_BINDS = (ir.Assign, ir.AugAssign, ir.NamedExpr, ir.For, ir.With, ir.Delete, ir.Try)


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
    if text != other or not _PLAIN.fullmatch(text):
        return False
    return not _changed(machine, first, second, set(_NAME.findall(text)))


def _changed(machine: Machine, first: Read, second: Read, names: set[str]) -> bool:
    """Return whether one of ``names`` is bound between two reads, but by a loop that goes over the same once more."""
    source, start, end = first.site.source, first.site.start, second.site.start
    unit = machine.program.units.get(source.path)
    if unit is None or unit.module is None:
        return True
    if any(names & set(scope.names) for scope in unit.index.of(ir.Scope)):
        return True  # another function may bind it
    if any(name in names for name in _changed_in_place(unit.index, start, end)):
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
                if any(_same_header(machine, source, loop, node) for loop in before):
                    continue
            elif isinstance(node, ir.For) and node.start < start:  # the first one's
                after = [loop for loop in unit.index.of(ir.For) if node.end <= loop.start < end < loop.end]
                if any(_same_header(machine, source, node, loop) for loop in after):
                    continue
            return True
    return False


def _changed_in_place(index: Index, start: int, end: int) -> Iterator[str]:
    """Yield the names whose items, or order, are changed between two places."""
    for call in index.of(ir.Call):
        func = call.func
        if not start < call.start < end or not isinstance(func, ir.Attr) or not isinstance(func.value, ir.Name):
            continue
        if func.attr in _CHANGES or func.attr.endswith("_"):
            yield func.value.id
    stored = [(node.start, target) for node in index.of(ir.Assign, ir.Delete) for target in node.targets]
    stored += [(node.start, node.target) for node in index.of(ir.AugAssign)]
    for at, target in stored:
        if start < at < end and isinstance(target, ir.Subscript) and isinstance(target.value, ir.Name):
            yield target.value.id


def _bound(node: ir.Node) -> Iterator[str]:
    """Yield the names that a statement or a loop binds: none where it stores an item or an attribute."""
    if isinstance(node, ir.Assign):
        targets: tuple[ir.Expr, ...] = node.targets
    elif isinstance(node, ir.AugAssign | ir.For):
        targets = (node.target,)
    elif isinstance(node, ir.With):
        targets = tuple(target for _, target in node.items if target is not None)
    elif isinstance(node, ir.Try):
        yield from (handler.name for handler in node.handlers if handler.name is not None)
        return
    else:
        targets = (
            node.targets if isinstance(node, ir.Delete) else (node.target,) if isinstance(node, ir.NamedExpr) else ()
        )
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


def _same_header(machine: Machine, source: Source, first: ir.For, second: ir.For) -> bool:
    """Return whether two loops bind the same and go over the same: by their words, whose names aren't bound between."""
    headers = [source.text[loop.target.start : loop.iter.end] for loop in (first, second)]
    if headers[0] != headers[1] or "." in headers[0].replace(".tolist()", ""):
        return False
    names = set(_NAME.findall(headers[0])) - set(_names(first.target))
    unit = machine.program.units[source.path]
    between = [n for kind in _BINDS for n in unit.index.of(kind) if first.start < n.start < second.start]
    scopes = unit.index.of(ir.Scope)
    return not any(names & set(_bound(n)) for n in between) and not any(names & set(s.names) for s in scopes)
