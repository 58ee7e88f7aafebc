"""Masks: what a tensor of positions against positions holds, worked out for a window of a few positions."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from itertools import product

from msgspec import Struct

from auditor.program import ir
from auditor.timeline.trackers.forwards.axes import Several, Size

Cell = float  # bool and int are among them

LENGTH = 5  # positions of the window: a mask that lets one of them see a later one does so in any window
_MOST = 8  # sizes beyond it are not worked out

_BINARY: dict[str, Callable[[Cell, Cell], Cell]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "//": operator.floordiv, "%": operator.mod,
    "&": lambda a, b: int(a) & int(b), "|": lambda a, b: int(a) | int(b), "^": lambda a, b: int(a) ^ int(b),
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
_NAMED = {"logical_and": "&", "logical_or": "|", "sub": "-", "add": "+", "le": "<=", "lt": "<", "ge": ">=", "gt": ">"}
_SAME = frozenset(
    {"bool", "int", "long", "float", "half", "bfloat16", "to", "type_as", "contiguous", "clone", "detach"}
)


class Grid(Struct, frozen=True):
    """A tensor of known numbers that depends on no token."""

    shape: tuple[int, ...]
    cells: tuple[Cell, ...]

    def at(self, place: tuple[int, ...]) -> Cell:
        """Return the cell at ``place`` of a shape that this one is broadcast to."""
        index = 0
        for size, one in zip(self.shape, place[len(place) - len(self.shape) :], strict=True):
            index = index * size + (one if size > 1 else 0)
        return self.cells[index]


def made(name: str, given: list[object], keywords: dict[str, object]) -> Grid | None:
    """Return what ``arange``, ``ones``, ``zeros``, ``full`` and ``eye`` make; None where a size is not known."""
    if name not in ("arange", "ones", "zeros", "full", "eye"):
        return None
    sizes = list(given[0].items) if given and isinstance(given[0], Several) else list(given)
    fill: object = {"ones": 1, "zeros": 0}.get(name)
    if name == "full":
        fill = given[1] if len(given) > 1 else keywords.get("fill_value")
        sizes = sizes if given and isinstance(given[0], Several) else sizes[:1]
    lengths = [LENGTH if isinstance(s, Size) and s.axis in ("T", "S") else s for s in sizes]
    counts = [n for n in lengths if isinstance(n, int) and 0 < n <= _MOST]
    if not counts or len(counts) != len(lengths):
        return None
    if name == "arange":
        return Grid((counts[0],), tuple(range(counts[0]))) if len(counts) == 1 else None
    if name == "eye":
        counts = [counts[0], counts[-1]]
        return Grid(tuple(counts), tuple(i == j for i in range(counts[0]) for j in range(counts[1])))
    if not isinstance(fill, int | float):
        return None
    return Grid(tuple(counts), (fill,) * math.prod(counts))


def combined(op: str, left: object, right: object) -> Grid | None:
    """Return an operation, cell by cell; None where it is not one of numbers."""
    compute = _BINARY.get(op)
    a, b = _grid(left), _grid(right)
    if compute is None or a is None or b is None or not (isinstance(left, Grid) or isinstance(right, Grid)):
        return None
    return _each([a, b], lambda x: compute(x[0], x[1]))


def function(name: str, given: list[object], keywords: dict[str, object]) -> Grid | None:
    """Return what a function, or a method, makes of known numbers."""
    first = given[0] if given else None
    if name == "where" and len(given) == 3:
        return _three(given[0], given[1], given[2])
    if not isinstance(first, Grid):
        return made(name, given, keywords)
    if name in _SAME:
        return first
    if name in ("tril", "triu", "tril_", "triu_") and len(first.shape) == 2:
        diagonal = given[1] if len(given) > 1 else keywords.get("diagonal", 0)
        if not isinstance(diagonal, int):
            return None
        lower = name.startswith("tril")
        return _placed(first, lambda i, j, cell: cell if (j - i <= diagonal if lower else j - i >= diagonal) else 0)
    if name in ("abs", "neg", "logical_not", "bitwise_not"):
        plain: dict[str, Callable[[Cell], Cell]] = {"abs": abs, "neg": operator.neg}
        one = plain.get(name, operator.not_)
        return _each([first], lambda x: one(x[0]))
    if name in ("masked_fill", "masked_fill_") and len(given) == 3:
        return _three(given[1], given[2], first)
    if name in _NAMED and len(given) == 2:
        return combined(_NAMED[name], first, given[1])
    if name in ("unsqueeze",) and len(given) == 2 and isinstance(given[1], int):
        place = given[1] + len(first.shape) + 1 if given[1] < 0 else given[1]
        return Grid((*first.shape[:place], 1, *first.shape[place:]), first.cells)
    if name in ("t", "transpose") and len(first.shape) == 2:
        return _placed(first, lambda i, j, cell: first.at((j, i))) if len(set(first.shape)) == 1 else None
    if name in ("view", "reshape", "expand"):
        sizes = [LENGTH if isinstance(s, Size) and s.axis in ("T", "S") else s for s in given[1:]]
        kept = [s for s in sizes if isinstance(s, int) and s != 1]
        if len(kept) == len([s for s in sizes if s != 1]) and kept == [s for s in first.shape if s != 1]:
            return Grid(tuple(s for s in sizes if isinstance(s, int)), first.cells)
    return None


def inverted(value: object) -> Grid | None:
    """Return ``~value``."""
    return _each([value], lambda x: not x[0]) if isinstance(value, Grid) else None


def sliced(grid: Grid, index: ir.Expr) -> Grid | None:
    """Return ``grid[index]`` for new axes and whole ones."""
    parts = list(index.elts) if isinstance(index, ir.Sequence) else [index]
    given = [p for p in parts if not (isinstance(p, ir.Const) and p.value is None)]
    if not all(_whole(p) for p in given) or len(given) > len(grid.shape):
        return None
    shape: list[int] = []
    left = list(grid.shape)
    for part in parts:
        if isinstance(part, ir.Const) and part.value is None:
            shape.append(1)
        elif isinstance(part, ir.Const):  # an ellipsis
            shape += [left.pop(0) for _ in range(len(left) - (len(given) - 1))]
        else:
            shape.append(left.pop(0))
    return Grid((*shape, *left), grid.cells)


def looks_ahead(grid: Grid, *, blocks: bool | None = None) -> bool:
    """Return whether a mask lets a position see a later one.

    ``blocks``: whether what is true in it is blocked (``masked_fill``) or allowed; None for what is added to scores.
    """
    if len(grid.shape) < 2 or grid.shape[-2:] != (LENGTH, LENGTH):
        return False
    rows = [grid.cells[at : at + LENGTH] for at in range(0, len(grid.cells), LENGTH)]
    later = [cell for number, row in enumerate(rows) for cell in row[number % LENGTH + 1 :]]
    if blocks is None:
        return any(cell > -1e3 for cell in later)
    return any(bool(cell) is not blocks for cell in later)


def _whole(part: ir.Expr) -> bool:
    """Return whether an index takes an axis whole: ``:``, ``...``, ``:T`` (T is the window's length here)."""
    if isinstance(part, ir.Slice):
        return part.lower is None and part.step is None and not isinstance(part.upper, ir.Const | ir.UnaryOp | ir.BinOp)
    return isinstance(part, ir.Const) and part.value is ...


def _grid(value: object) -> Grid | None:
    if isinstance(value, Grid):
        return value
    return Grid((), (value,)) if isinstance(value, int | float) else None


def _three(condition: object, yes: object, no: object) -> Grid | None:
    parts = [_grid(condition), _grid(yes), _grid(no)]
    known = [p for p in parts if p is not None]
    if len(known) < 3 or not isinstance(condition, Grid):
        return None
    return _each(known, lambda x: x[1] if x[0] else x[2])


def _placed(grid: Grid, compute: Callable[[int, int, Cell], Cell]) -> Grid:
    rows, columns = grid.shape
    places = product(range(rows), range(columns))
    return Grid(grid.shape, tuple(compute(i, j, grid.at((i, j))) for i, j in places))


def _each(grids: list[Grid], compute: Callable[[list[Cell]], Cell]) -> Grid | None:
    """Return a computation on cells, after broadcasting."""
    rank = max(len(g.shape) for g in grids)
    padded = [(1,) * (rank - len(g.shape)) + g.shape for g in grids]
    shape = tuple(max(sizes) for sizes in zip(*padded, strict=True))
    if any(size not in (1, whole) for sizes in padded for size, whole in zip(sizes, shape, strict=True)):
        return None
    try:
        cells = tuple(compute([g.at(place) for g in grids]) for place in product(*map(range, shape)))
    except (ArithmeticError, ValueError, TypeError):
        return None
    return Grid(shape, cells)
