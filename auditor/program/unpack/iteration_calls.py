"""``itertools``, ``operator`` and ``functools.reduce`` on plain data."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from auditor.program.unpack.methods import binary, is_plain
from auditor.program.unpack.registry import Call, known
from auditor.program.unpack.values import Bound, Cannot, Endless, Ref

if TYPE_CHECKING:
    from auditor.program.unpack.interpreter import Interpreter


@known("itertools.cycle")
def _cycle(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    items = list(machine.iterate(args[0], node))
    if not items:
        return []

    def first(count: int) -> list[Any]:
        machine.work.spend(8 * count)
        return (items * (count // len(items) + 1))[:count]

    return Endless(first)


@known("itertools.count")
def _count(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    start = args[0] if args else keywords.get("start", 0)
    step = args[1] if len(args) > 1 else keywords.get("step", 1)
    if not isinstance(start, int) or not isinstance(step, int):
        raise Cannot("a count that is not followed", node)
    return Endless(lambda count: [start + step * turn for turn in range(count)])


@known("itertools.repeat")
def _repeat(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    times = args[1] if len(args) > 1 else keywords.get("times")
    if times is None:
        return Endless(lambda count: [args[0]] * count)
    machine.work.spend(8 * max(times, 0))
    return [args[0]] * times


@known("itertools.chain")
def _chain(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    items = [item for one in args for item in machine.iterate(one, node)]
    machine.work.spend(8 * len(items))
    return machine.made(items, None, *args)


@known("itertools.chain.from_iterable")
def _from_iterable(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return machine.made(_chain(machine, list(machine.iterate(args[0], node)), {}, node), None, args[0])


@known("itertools.islice")
def _islice(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    source, *bounds = args
    cut = slice(*bounds)
    if isinstance(source, Endless):
        if cut.stop is None:
            raise Cannot("an iteration without an end", node)
        machine.work.spend(8 * cut.stop)
        return list(source.first(cut.stop))[cut]
    return machine.made(list(machine.iterate(source, node)[cut]), None, source)


@known("itertools.zip_longest")
def _zip_longest(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    columns = [machine.iterate(one, node) for one in args]
    machine.work.spend(8 * len(columns) * max(map(len, columns), default=0))
    rows = list(itertools.zip_longest(*columns, fillvalue=keywords.get("fillvalue")))
    return machine.made(rows, None, *args)


@known("itertools.starmap")
def _starmap(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    rows = machine.iterate(args[1], node)
    result = [machine.call(args[0], list(machine.iterate(row, node)), {}, node) for row in rows]
    return machine.made(result, "map", *args[1:], *result[:1])


@known("itertools.accumulate")
def _accumulate(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    function = args[1] if len(args) > 1 else keywords.get("func") or Ref("operator.add")
    result: list[Any] = []
    for one in machine.iterate(args[0], node):
        machine.work.step()
        result.append(machine.call(function, [result[-1], one], {}, node) if result else one)
    return machine.made(result, None, args[0])


@known("functools.reduce")
def _reduce(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    items = list(machine.iterate(args[1], node))
    value = args[2] if len(args) > 2 else items.pop(0)
    for one in items:
        machine.work.step()
        value = machine.call(args[0], [value, one], {}, node)
    return value


_OPERATORS: Final[Mapping[str, type[ast.operator]]] = {
    "add": ast.Add, "concat": ast.Add, "sub": ast.Sub, "mul": ast.Mult, "floordiv": ast.FloorDiv, "mod": ast.Mod,
    "xor": ast.BitXor, "and_": ast.BitAnd, "or_": ast.BitOr, "lshift": ast.LShift, "rshift": ast.RShift,
    "iadd": ast.Add,
}  # fmt: skip


def _operator(kind: type[ast.operator]) -> Call:
    def apply(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
        left, right = args
        return machine.made(binary(machine.work, kind(), left, right), None, left, right)

    return apply


for _name, _kind in _OPERATORS.items():
    known(f"operator.{_name}", f"operator.__{_name.strip('_')}__")(_operator(_kind))


@known("operator.getitem")
def _getitem(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return machine.call(Bound(args[0], "__getitem__"), args[1:], {}, node)


@known("operator.itemgetter")
def _itemgetter(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    if len(args) != 1:
        raise Cannot("items that are not followed", node)
    return Bound(Ref("operator.got"), "partial", (args[0],))


@known("operator.got")
def _got(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    key, owner = args
    return machine.call(Bound(owner, "__getitem__"), [key], {}, node)


@known("operator.methodcaller")
def _methodcaller(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return Bound(Ref("operator.called"), "partial", tuple(args), tuple(keywords.items()))


@known("operator.called")
def _called(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    name, *given, owner = args
    if not isinstance(name, str) or not is_plain(owner):
        raise Cannot("a method that is not followed", node)
    return machine.call(Bound(owner, name), given, keywords, node)
