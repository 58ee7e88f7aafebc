"""What Python's compiler refuses although its grammar, and LibCST, read it: a file with it never runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from auditor.program import ir
from auditor.program.walk import children


class Refusal(NamedTuple):
    """The place (a character offset) of what is refused, and Python's own words for it."""

    offset: int
    reason: str


class _Place(NamedTuple):
    function: bool
    loop: bool
    module: bool
    params: frozenset[str]


def refused(module: ir.Module) -> Refusal | None:
    """Return the first thing in ``module`` that Python refuses to compile, None when there is nothing.

    These are what a slip of the hand makes: ``return``, ``yield`` and ``await`` outside of a function, ``break`` and
    ``continue`` outside of a loop, arguments of one name, a keyword given twice, ``nonlocal`` in a module, a bare
    ``except:`` before another handler.
    """
    found: list[Refusal] = []
    top = _Place(function=False, loop=False, module=True, params=frozenset())
    waiting: list[tuple[ir.Node, _Place]] = [(node, top) for node in module.body]
    while waiting:
        node, place = waiting.pop()
        reason = _reason(node, place)
        if reason is not None:
            found.append(Refusal(node.start, reason))
        if isinstance(node, ir.Try):
            early = (handler for handler in node.handlers[:-1] if handler.type is None)
            found.extend(Refusal(handler.start, "default 'except:' must be last") for handler in early)
        waiting.extend(_below(node, place))
    return min(found, default=None)


def _below(node: ir.Node, place: _Place) -> Iterable[tuple[ir.Node, _Place]]:
    match node:
        case ir.FunctionDef():
            params = frozenset(param.name for param in node.params)
            inside = _Place(function=True, loop=False, module=False, params=params)
            outside = [*node.decorators, *(param.default for param in node.params if param.default is not None)]
            return [*((one, place) for one in outside), *((one, inside) for one in node.body)]
        case ir.Lambda():
            inside = _Place(function=True, loop=False, module=False, params=frozenset())
            defaults = [(param.default, place) for param in node.params if param.default is not None]
            return [*defaults, (node.body, inside)]
        case ir.ClassDef():
            inside = _Place(function=False, loop=False, module=False, params=frozenset())
            return [*((one, place) for one in (*node.bases, *node.decorators)), *((one, inside) for one in node.body)]
        case ir.For() | ir.While():
            inside = place._replace(loop=True)
            head = (node.target, node.iter) if isinstance(node, ir.For) else (node.test,)
            return [*((one, place) for one in (*head, *node.orelse)), *((one, inside) for one in node.body)]
        case _:
            return [(child, place) for child in children(node)]


def _reason(node: ir.Node, place: _Place) -> str | None:
    match node:
        case ir.Return() if not place.function:
            return "'return' outside function"
        case ir.Yield(kind=kind) if not place.function:
            return f"'{'await' if kind == 'await' else 'yield'}' outside function"
        case ir.Jump(kind="break") if not place.loop:
            return "'break' outside loop"
        case ir.Jump(kind="continue") if not place.loop:
            return "'continue' not properly in loop"
        case ir.FunctionDef(params=params) | ir.Lambda(params=params):
            twice = _twice(param.name for param in params if param.name)
            return None if twice is None else f"duplicate argument '{twice}' in function definition"
        case ir.Call(args=args):
            twice = _twice(arg.keyword for arg in args if arg.keyword is not None)
            return None if twice is None else f"keyword argument repeated: {twice}"
        case ir.Scope(kind="nonlocal") if place.module:
            return "nonlocal declaration not allowed at module level"
        case ir.Scope(kind="global", names=names) if place.params & set(names):
            return f"name '{min(place.params & set(names))}' is parameter and global"
        case ir.ImportFrom(names=(("*", None),)) if not place.module:
            return "import * only allowed at module level"
        case _:
            return None


def _twice(names: Iterable[str]) -> str | None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None
