"""What a loop goes over, where that is the first so many of something: ``islice(windows, n)``, ``docs[:n]``."""

from __future__ import annotations

from auditor.program import ir

_AROUND = frozenset({"enumerate", "tqdm", "trange", "list", "tuple", "iter", "track"})  # these give as many


def bound(over: ir.Expr) -> ir.Expr | None:
    """Return ``n`` where ``over`` is the first ``n`` of something that is no range of numbers, else None."""
    if isinstance(over, ir.Subscript) and isinstance(over.index, ir.Slice):
        piece = over.index
        first = piece.lower is None or (isinstance(piece.lower, ir.Const) and piece.lower.value == 0)
        return piece.upper if first and piece.step is None else None
    if not isinstance(over, ir.Call):
        return None
    name = over.func.attr if isinstance(over.func, ir.Attr) else over.func.id if isinstance(over.func, ir.Name) else ""
    given = [arg.value for arg in over.args if arg.keyword is None and not arg.star]
    if name in _AROUND and given:
        return bound(given[0])
    if name == "islice" and len(given) == 2:
        return given[1]
    if name == "islice" and len(given) == 3 and isinstance(given[1], ir.Const) and given[1].value == 0:
        return given[2]
    if name == "zip" and len(given) > 1:
        lengths = [_length(each) for each in given]
        found = [length for length in lengths if length is not None]
        return found[0] if len(found) < len(given) and found else next((b for e in given if (b := bound(e))), None)
    return None


def _length(over: ir.Expr) -> ir.Expr | None:
    """Return ``n`` of ``range(n)``."""
    called = isinstance(over, ir.Call) and isinstance(over.func, ir.Name) and over.func.id == "range"
    return over.args[0].value if isinstance(over, ir.Call) and called and len(over.args) == 1 else None
