"""SQLite: what is put into a database comes out of it, whatever is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from auditor.program import ir
from auditor.timeline.engine import containers, parameters
from auditor.timeline.library import written
from auditor.timeline.values.payloads import NONE, UNKNOWN, Heap, Value

if TYPE_CHECKING:
    from auditor.timeline.engine.arguments import Args
    from auditor.timeline.engine.machine import Machine

KIND: Final = "database"
_ASKS: Final = frozenset({"execute", "executemany", "executescript"})
_ROWS: Final = frozenset({"fetchall", "fetchmany"})


def connect(machine: Machine, args: Args, node: ir.Node) -> Value:
    """``sqlite3.connect(path)``."""
    path = args.get(0, "database") or UNKNOWN
    return Value(Heap(KIND, name=f"database {written.key(path)}", made_at=machine.order))


def method(machine: Machine, database: Heap, name: str, args: Args, node: ir.Node) -> Value:
    """Call a method of a connection or a cursor, which are one here."""
    held = written.held(machine, database.name)
    if name in _ASKS:
        given = 0
        for value in args.positional[1:]:
            given |= containers.deep(value)
        if given:
            rows = Value(None, parameters.settle(machine, given))
            written.keep(machine, database.name, rows, beside=True)
            return Value(database)
        return rows_of(machine, held)
    if name in ("cursor", "__enter__"):
        return Value(database)
    if name in _ROWS or name == "fetchone":
        found = rows_of(machine, held)
        return found if name in _ROWS else containers.element_of(machine, found)
    return NONE


def rows_of(machine: Machine, held: Value | None) -> Value:
    """Return the rows of an answer, each made from all that the database holds."""
    origins = held.m if held is not None else 0
    return containers.new_list(machine, None, Value(None, origins))


def fetched(machine: Machine, rows: Value, name: str) -> Value | None:
    """``connection.execute(…).fetchall()``: None for another method of a list."""
    if name in _ROWS:
        return rows
    return containers.element_of(machine, rows) if name == "fetchone" else None
