"""What Python's compiler refuses although its grammar, and LibCST, read it: a file with it never runs."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple

from auditor.program import ir
from auditor.program.index import Index, index_of


class Refusal(NamedTuple):
    """The place (a character offset) of what is refused, and Python's own words for it."""

    offset: int
    reason: str


def refused(module: ir.Module) -> Refusal | None:
    """Return the first thing in ``module`` that Python refuses to compile, None when there is nothing.

    These are what a slip of the hand makes: ``return``, ``yield`` and ``await`` outside of a function, ``break`` and
    ``continue`` outside of a loop, arguments of one name, a keyword given twice, ``nonlocal`` in a module, a bare
    ``except:`` before another handler.
    """
    return min([*_out_of_place(index_of(module)), *_in_itself(index_of(module))], default=None)


def _out_of_place(index: Index) -> Iterator[Refusal]:
    """Yield what may stand in a function or a loop only, and doesn't, and the reverse."""
    around = _Around(index)
    for kind, told in _REASONS.items():
        for at in index.place_of(kind):
            node = index.nodes[at]
            reason = told(node, around.innermost(at, loops=kind is ir.Jump))
            if reason is not None:
                yield Refusal(node.start, reason)


class _Around:
    """The bodies around a place, found by bisection."""

    def __init__(self, index: Index) -> None:
        self.regions = sorted(index.regions.values(), key=lambda region: (region.start, -region.end))
        self.starts = [region.start for region in self.regions]
        self.outer: list[int] = []  # the body around each body, -1 for none
        open_: list[int] = []
        for number, region in enumerate(self.regions):
            while open_ and self.regions[open_[-1]].end < region.end:
                open_.pop()
            self.outer.append(open_[-1] if open_ else -1)
            open_.append(number)

    def innermost(self, at: int, *, loops: bool) -> ir.Node | None:
        """Return whose body is the innermost around the node at ``at``; loops count only where asked for."""
        number = bisect_right(self.starts, at) - 1
        while number >= 0:
            region = self.regions[number]
            if region.end > at and (loops or type(region.node) not in _LOOPS):
                return region.node
            number = self.outer[number]
        return None


def _of_return(node: ir.Return, inner: ir.Node | None) -> str | None:
    return None if type(inner) in _CALLED else "'return' outside function"


def _of_yield(node: ir.Yield, inner: ir.Node | None) -> str | None:
    return None if type(inner) in _CALLED else f"'{'await' if node.kind == 'await' else 'yield'}' outside function"


def _of_jump(node: ir.Jump, inner: ir.Node | None) -> str | None:
    if node.kind == "pass" or type(inner) in _LOOPS:
        return None
    return "'break' outside loop" if node.kind == "break" else "'continue' not properly in loop"


def _of_scope(node: ir.Scope, inner: ir.Node | None) -> str | None:
    if node.kind == "nonlocal":
        return "nonlocal declaration not allowed at module level" if inner is None else None
    both = {param.name for param in inner.params} & set(node.names) if isinstance(inner, ir.FunctionDef) else None
    return f"name '{min(both)}' is parameter and global" if both else None


def _of_import(node: ir.ImportFrom, inner: ir.Node | None) -> str | None:
    return "import * only allowed at module level" if inner is not None and node.names == (("*", None),) else None


_CALLED = (ir.FunctionDef, ir.Lambda)
_LOOPS = (ir.For, ir.While)
_REASONS: dict[type[ir.Node], Callable[[Any, ir.Node | None], str | None]] = {
    ir.Return: _of_return,
    ir.Yield: _of_yield,
    ir.Jump: _of_jump,
    ir.Scope: _of_scope,
    ir.ImportFrom: _of_import,
}


def _in_itself(index: Index) -> Iterator[Refusal]:
    """Yield what is refused wherever it stands."""
    for function in index.of(ir.FunctionDef, ir.Lambda):
        twice = _twice([param.name for param in function.params if param.name])
        if twice is not None:
            yield Refusal(function.start, f"duplicate argument '{twice}' in function definition")
    for call in index.of(ir.Call):
        named = [arg.keyword for arg in call.args if arg.keyword is not None] if len(call.args) > 1 else ()
        if len(named) > 1:
            twice = _twice(named)
            if twice is not None:
                yield Refusal(call.start, f"keyword argument repeated: {twice}")
    for attempt in index.of(ir.Try):
        for handler in attempt.handlers[:-1]:
            if handler.type is None:
                yield Refusal(handler.start, "default 'except:' must be last")


def _twice(names: Collection[str]) -> str | None:
    if len(set(names)) == len(names):
        return None
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None
