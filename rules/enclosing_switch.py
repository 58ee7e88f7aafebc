"""Whether code stands in a branch that a switch closes in every setting in play, where it is not followed itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from auditor.program import ir
from auditor.program.model import Program
from auditor.program.source import Source
from auditor.program.walk import walk
from auditor.timeline.events import Switch, Timeline

_OFF = frozenset({"0", "0.0", "false", "none", "no", "off", ""})


def switched_off(program: Program, timeline: Timeline, body: Sequence[ir.Node], node: ir.Node) -> str | None:
    """Return why ``node`` can't run, None when it may.

    Read are the plain tests (``if self.gate_enabled:``) around it in ``body``, and the switches whose values the
    program keeps under the same name.
    """
    names = set(_tests_around(body, node))
    if not names:
        return None
    for source, assign in _assignments(program):
        name = _last(assign.targets[0])
        if name not in names or assign.value is None:
            continue
        for switch in timeline.switches.values():
            here = switch.site.source is source and assign.value.start <= switch.site.start < assign.value.end
            if here and not any(_on(value) for value in _values(timeline, switch, name)):
                return f"{switch.name} defaults to {switch.default} ({source.path}:{switch.line})"
    return None


def _tests_around(body: Sequence[ir.Node], node: ir.Node) -> Iterator[str]:
    """Yield the names that must be true for ``node`` to run."""
    for outer in walk(*body):
        if isinstance(outer, ir.If):
            start, end = outer.body[0].start, outer.body[-1].end
        elif isinstance(outer, ir.IfExp):
            start, end = outer.body.start, outer.body.end
        else:
            continue
        if start <= node.start < end:
            yield _last(outer.test)


def _assignments(program: Program) -> Iterator[tuple[Source, ir.Assign]]:
    for unit in program.units.values():
        for node in unit.index.of(ir.Assign):
            if node.targets:
                yield unit.source, node


def _values(timeline: Timeline, switch: Switch, name: str) -> Iterator[str | None]:
    """Yield a switch's value in each setting in play, and what logs print under the attribute's name."""
    yield from switch.values
    for setting in timeline.settings:
        printed = setting.overrides.get(name.lower())
        if setting.kind == "log" and printed is not None:
            yield printed.value


def _on(value: str | None) -> bool:
    """Return whether a value may turn something on (None: it is not known)."""
    return value is None or value.strip().lower() not in _OFF


def _last(node: ir.Expr) -> str:
    return node.id if isinstance(node, ir.Name) else node.attr if isinstance(node, ir.Attr) else ""
