"""Builtin functions on plain data."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from auditor.program.unpack.decoders import (
    text_encoding,
)
from auditor.program.unpack.file_calls import path_text
from auditor.program.unpack.methods import is_plain, simple
from auditor.program.unpack.model import Refused
from auditor.program.unpack.registry import known
from auditor.program.unpack.values import (
    Cannot,
    Endless,
    PathValue,
)

if TYPE_CHECKING:
    from auditor.program.unpack.interpreter import Interpreter


def text_of(value: Any) -> str:
    """Return ``str(value)`` of a scalar; raises :class:`Refused`."""
    if isinstance(value, PathValue):
        return value.text
    if not simple(value) or (isinstance(value, int) and value.bit_length() > 10_000):
        raise Refused("prints something that is not followed")
    return str(value)


def _bytes(
    made: type[bytes] | type[bytearray],
    machine: Interpreter,
    args: list[Any],
    keywords: dict[str, Any],
    node: ast.AST,
) -> Any:
    if not args:
        return made()
    value = args[0]
    if isinstance(value, str):
        encoding = args[1] if len(args) > 1 else keywords.get("encoding", "utf-8")
        return machine.made(made(value, text_encoding(encoding)), None, value)
    if isinstance(value, int):
        machine.work.spend(max(value, 0))
        return made(value)
    if isinstance(value, (bytes, bytearray)):
        return machine.made(made(value), None, value)
    return machine.made(made(machine.iterate(value, node)), None, value)


known("builtins.bytes")(partial(_bytes, bytes))
known("builtins.bytearray")(partial(_bytes, bytearray))


@known("builtins.memoryview")
def _memoryview(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return args[0]


@known("builtins.str")
def _str(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    if not args:
        return ""
    if isinstance(args[0], (bytes, bytearray)):
        encoding = args[1] if len(args) > 1 else keywords.get("encoding")
        if encoding is None:
            raise Refused("prints something that is not followed")
        return machine.made(args[0].decode(text_encoding(encoding)), None, args[0])
    return args[0] if isinstance(args[0], str) else text_of(args[0])


@known("os.fspath", "os.fsdecode")
def _fspath(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return path_text(args[0])


@known("builtins.int")
def _int(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    base = args[1] if len(args) > 1 else keywords.get("base", 10)
    value = args[0] if args else 0
    if isinstance(value, (str, bytes)):
        if len(value) > 200_000:
            raise Refused("integer too large")
        return int(value, base)
    return int(value)


@known("builtins.chr")
def _chr(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return chr(args[0])


@known("builtins.ord")
def _ord(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return ord(args[0])


@known("builtins.len")
def _len(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    if not is_plain(args[0]):
        raise Cannot("a length that is not known", node)
    return len(args[0])


@known("builtins.range")
def _range(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return range(*args)


@known("builtins.list", "builtins.iter")
def _list(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    items = list(machine.iterate(args[0], node)) if args else []
    machine.work.spend(8 * len(items))
    return machine.made(items, None, *args)


@known("builtins.tuple")
def _tuple(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return machine.made(tuple(_list(machine, args, keywords, node)), None, *args)


@known("builtins.dict")
def _dict(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    result: dict[Any, Any] = {}
    if args:
        pairs = args[0].items() if isinstance(args[0], dict) else machine.iterate(args[0], node)
        result.update({key: value for key, value in pairs if simple(key)})
    result.update(keywords)
    return result


@known("builtins.reversed")
def _reversed(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return machine.made(list(machine.iterate(args[0], node))[::-1], "reversed", args[0])


@known("builtins.sorted")
def _sorted(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    items = list(machine.iterate(args[0], node))
    if not all(simple(one) for one in items):
        raise Cannot("sorts something that is not followed", node)
    key = keywords.get("key")
    ranks = items if key is None else [machine.call(key, [one], {}, node) for one in items]
    if not all(simple(one) for one in ranks):
        raise Cannot("sorts something that is not followed", node)
    order = sorted(range(len(items)), key=ranks.__getitem__, reverse=bool(keywords.get("reverse")))
    return machine.made([items[at] for at in order], None, args[0])


@known("builtins.enumerate")
def _enumerate(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    start = args[1] if len(args) > 1 else keywords.get("start", 0)
    return machine.made([(i, one) for i, one in enumerate(machine.iterate(args[0], node), start)], None, args[0])


def columns_of(machine: Interpreter, values: list[Any], node: ast.AST) -> list[Any]:
    """Return the items of each value, of an endless one as many as the shortest has; raises :class:`Cannot`."""
    finite = [machine.iterate(one, node) for one in values if not isinstance(one, Endless)]
    if not finite and values:
        raise Cannot("an iteration without an end", node)
    length = min((len(one) for one in finite), default=0)
    others = iter(finite)
    return [one.first(length) if isinstance(one, Endless) else next(others) for one in values]


@known("builtins.zip")
def _zip(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    return machine.made(list(zip(*columns_of(machine, args, node), strict=False)), None, *args)


@known("builtins.map")
def _map(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    columns = columns_of(machine, args[1:], node)
    result = []
    for row in zip(*columns, strict=False):
        machine.work.step()
        result.append(machine.call(args[0], list(row), {}, node))
    return machine.made(result, "map", *args[1:], *result[:1])


@known("builtins.filter")
def _filter(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    kept = [
        one
        for one in machine.iterate(args[1], node)
        if (one if args[0] is None else machine.call(args[0], [one], {}, node))
    ]
    return machine.made(kept, None, args[1])


def _fold(
    function: Callable[[list[Any]], Any],
    machine: Interpreter,
    args: list[Any],
    keywords: dict[str, Any],
    node: ast.AST,
) -> Any:
    values = machine.iterate(args[0], node) if len(args) == 1 else args
    if not all(isinstance(one, (int, float)) for one in values):
        raise Cannot("adds up something that is not followed", node)
    return function(list(values))


known("builtins.sum")(partial(_fold, sum))
known("builtins.max")(partial(_fold, max))
known("builtins.min")(partial(_fold, min))


@known("builtins.isinstance", "builtins.hasattr", "builtins.callable", "builtins.print", "builtins.id")
def _opaque(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    raise Cannot("a result that is not followed", node)


@known("builtins.next")
def _next(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    if not isinstance(args[0], list) or not args[0]:
        raise Cannot("an iterator that is not followed", node)
    return args[0].pop(0)


@known("re.sub")
def _re_sub(machine: Interpreter, args: list[Any], keywords: dict[str, Any], node: ast.AST) -> Any:
    pattern, new, old = args[:3]
    text = pattern if isinstance(pattern, str) else pattern.decode("latin-1")
    # One character class, repeated or not: matching is linear whatever the input.
    if len(args) > 3 or keywords or not re.fullmatch(r"(?:\\.|\[[^\[\]]+\]|[^\\\[\](){}.*+?^$|])[+*]?", text):
        raise Cannot("a regular expression that is not followed", node)
    if not isinstance(new, (str, bytes)) or len(new) > 100 or "\\" in repr(new):
        raise Cannot("a replacement that is not followed", node)
    machine.work.spend(len(old) * (len(new) + 1))
    return machine.made(re.sub(pattern, new, old), None, old)
