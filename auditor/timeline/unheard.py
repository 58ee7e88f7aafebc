"""Lines that a branch prints whenever it runs, and that the logs of the claimed runs lack: there it didn't run."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from msgspec import Struct

from auditor.program import ir
from auditor.program.model import Program, Unit
from auditor.settings import lookup
from auditor.settings.heard import beginning
from auditor.submission.model import Setting
from auditor.timeline.values.frames import Guard

Place = tuple[str, int, int, bool]
"""A way that a condition opens: file, layer, where the condition starts, and whether it held."""

_LEAST = 6  # characters by which a line is known
_HEARD = 4  # other lines of the same function in the log, before its silence says anything
_LEAVES = (ir.Return, ir.Raise, ir.Jump)


class Unheard(Struct, frozen=True):
    """A line that is printed where a way is taken, by its beginning, and the first of the logs that lack it."""

    text: str
    path: str
    line: int
    log: str


def unheard(program: Program, settings: Sequence[Setting]) -> Mapping[Place, Unheard]:
    """Return the ways that no log of the claimed runs took, by lines that these would hold and don't.

    A log's silence counts where it holds other lines that the same function prints: it may be an excerpt, or of
    another process.
    """
    logs = [setting for setting in settings if setting.kind == "log"]
    if not logs or any(setting.beginnings is None for setting in logs):
        return {}
    lines = sorted(frozenset[str]().union(*(setting.beginnings or () for setting in logs)))
    found: dict[Place, Unheard] = {}
    for unit in program.units.values():
        lacking = [way for way in _ways(unit) if not _holds(lines, way[2])]
        heard = _heard(unit, lines) if lacking else set()
        for (start, taken), name, text, at in lacking:
            if name in heard:
                place = (unit.source.path, unit.source.layer, start, taken)
                said = Unheard(text, unit.source.path, unit.source.line_of(at), logs[0].label)
                found.setdefault(place, said)
    return found


def heard(program: Program, settings: Sequence[Setting]) -> frozenset[Place]:
    """Return the ways that a log of the claimed runs took: it holds a line that is printed behind them only."""
    logs = [setting for setting in settings if setting.kind == "log" and setting.beginnings is not None]
    if not logs:
        return frozenset()
    lines = sorted(frozenset[str]().union(*(setting.beginnings or () for setting in logs)))
    places: defaultdict[str, list[tuple[Unit, int]]] = defaultdict(list)
    for unit in program.units.values():
        for call in unit.index.of(ir.Call):
            printed = _printed(call)
            if printed is not None:
                places[beginning(printed[1])].append((unit, call.start))
    found: set[Place] = set()
    for unit in program.units.values():
        # A text that begins like another one does not tell which of them was printed.
        told = [at for text, at in _alone(places, unit) if _holds(lines, text)]
        for node in unit.index.of(ir.If) if told else ():
            for taken, body in ((True, node.body), (False, node.orelse)):
                if body and any(body[0].start <= at < body[-1].end for at in told):
                    found.add((unit.source.path, unit.source.layer, node.test.start, taken))
    return frozenset(found)


def _alone(places: Mapping[str, Sequence[tuple[Unit, int]]], unit: Unit) -> Iterator[tuple[str, int]]:
    """Yield the beginnings of lines that one place of the program prints, and where, for those of a file."""
    for text, (first, *more) in places.items():
        if first[0] is unit and not more and not any(_alike(text, other) for other in places if other != text):
            yield text, first[1]


def _alike(text: str, other: str) -> bool:
    return text.startswith(other) or other.startswith(text)


def silence(
    ways: Mapping[Place, Unheard],
    guards: Sequence[Guard],
    settings: Sequence[Setting],
    is_switch: Callable[[str], bool],
) -> str:
    """Say which line on the way there no log of the claimed runs holds; "" where none is known to lack.

    Where a log prints the switch itself, that tells more: its lines may be those of an earlier text of the script.
    """
    logs = [setting for setting in settings if setting.kind == "log"]
    for guard in guards:
        if any(is_switch(name) and lookup(log, name) is not None for name in guard.settings for log in logs):
            continue
        source = guard.site.source
        lacking = ways.get(guard.way)
        if lacking is not None:
            layer = f", layer {source.layer}" if source.layer else ""
            return (
                f"{lacking.log} has no line that begins with {lacking.text.strip()!r}, which is printed there "
                f"({lacking.path}:{lacking.line}{layer})"
            )
    return ""


def _ways(unit: Unit) -> Iterator[tuple[tuple[int, bool], str, str, int]]:
    """Yield the ways through conditions that print a line of text at once, what prints it, its text and place."""
    for node in unit.index.of(ir.If):
        for taken, body in ((True, node.body), (False, node.orelse)):
            for statement in body:
                if isinstance(statement, _LEAVES):
                    break
                if isinstance(statement, ir.ExprStmt) and isinstance(statement.value, ir.Call):
                    printed = _printed(statement.value)
                    if printed is not None:
                        yield (node.test.start, taken), *printed, statement.start
                elif isinstance(statement, ir.If) and _may_leave(statement):
                    break


def _may_leave(node: ir.If) -> bool:
    return any(
        isinstance(below, _LEAVES) or (isinstance(below, ir.If) and _may_leave(below))
        for below in (*node.body, *node.orelse)
    )


def _printed(call: ir.Call) -> tuple[str, str] | None:
    """Return the name of what is called and how the line begins that it is handed; None where that isn't plain text."""
    func = call.func
    name = func.id if isinstance(func, ir.Name) else func.attr if isinstance(func, ir.Attr) else ""
    if not name or not call.args or call.args[0].star or call.args[0].keyword is not None:
        return None
    first = call.args[0].value
    if isinstance(first, ir.FString) and first.parts:
        first = first.parts[0]
    if not isinstance(first, ir.Const) or not isinstance(first.value, str):
        return None
    text = first.value.lstrip().split("\n", 1)[0]
    known = beginning(text)
    return (name, text) if len(known) >= _LEAST and any(c.isalpha() for c in known) else None


def _holds(lines: Sequence[str], text: str) -> bool:
    """Return whether one of the sorted beginnings of lines begins with a text."""
    begin = beginning(text)
    at = bisect_left(lines, begin)
    return at < len(lines) and lines[at].startswith(begin)


def _heard(unit: Unit, lines: Sequence[str]) -> set[str]:
    """Return the names of the functions of which a log holds several lines that they print."""
    printed: defaultdict[str, set[str]] = defaultdict(set)
    for call in unit.index.of(ir.Call):
        found = _printed(call)
        if found is not None:
            printed[found[0]].add(found[1])
    return {name for name, texts in printed.items() if sum(_holds(lines, text) for text in texts) >= _HEARD}
