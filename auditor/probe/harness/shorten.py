"""Lengths in the script's text, made short: ``range(20000)`` around a backward pass, 256 batches of calibration.

Steps that are taken for each of many batches, and are all the same, are two.
The length may be written out elsewhere: as a constant that has a name, a parameter's default, what a call gives for it.
An average of the weights that keeps nearly all of what was before keeps half of it.
Tables that are hashed into get so few places that they fill, though no more than real ones do from the whole set.
What waits until thousands of tokens were seen begins after hundreds.
Chunks get so short that there are several, and strides so long that a token is in three windows, not in sixteen.

Only constants change, so lines stay where they are. What such a loop learns from stays what it is.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from auditor.probe.harness.written import constants, defaults

_LONG, _SHORT = 64, 8  # as many steps of a few hundred tokens as go past the boundary, if it is validation tokens
_AGAIN, _TWICE = 5, 2  # steps on the same batch, taken for each batch, and as many as show it
_CALIBRATES = re.compile(r"calib|hessian|gptq|activation", re.I)
_GENERATES = re.compile(r"generat|autoregressive|(?:^|_)ar_", re.I)
_COUNTS = re.compile(r"(?:n|num|max)_?(?:\w+_)?(?:seqs|sequences|samples|batches)|(?:nsamples|samples|batches)")
_CALIBRATED, _GENERATED = 16, 2  # sequences of 128 tokens that go past the boundary; ones that the model makes itself
_CHUNKS = re.compile(r"(?:^|_)chunk(?:_?(?:tok|tokens|size|len))?$", re.I)
_SET, _CHUNK = 12_288, 1024  # tokens: of a chunk as long as a set nothing is learned for the next
_PLACES = re.compile(r"buckets|hash_size|table_size", re.I)
_STRIDES = re.compile(r"(?:^|_)stride$", re.I)
_LENGTHS = re.compile(r"(?:^|_)(?:seq|seq_?len|len|length|block_size|context(?:_len\w*)?|window)$", re.I)
_AVERAGE = re.compile(r"(?:^|_)(?:ema|polyak)(?:_|$)", re.I)
_SLOW, _QUICK = 0.9, 0.5  # what an average of the weights keeps at a step
_SEEN = re.compile(r"(?:^|_)(?:tokens|seen|scored|observed)(?:_(?:seen|scored|count|total))?$", re.I)
_FROM = re.compile(r"(?:^|_)min_?(?:imum_?)?tokens$", re.I)
_FEW, _EARLY = 256, 200_000  # tokens: of thousands, and what is hardly any of tens of millions
_WINDOW, _STRIDE = 1024, 384  # tokens: of long windows, and a step that no whole number of makes one
_LEAST = 16  # tokens that a stride over text has; a convolution's is less
_HUGE, _BITS = 1_000_000, 12  # places of a table that millions of tokens fill, and log2 of those for thousands


def shortened(source: str | bytes, name: str) -> tuple[ast.Module, list[str]]:
    """Return a script's tree with its training loops cut, and in words which; raises what :func:`compile` does."""
    tree = ast.parse(source, name)
    learning = _learning(tree)
    again = _within_loops(tree)
    told: list[str] = []
    for loop in ast.walk(tree):
        if not isinstance(loop, ast.For) or not _is_range(loop.iter) or not _learns(loop.body, learning):
            continue
        if _reads_places(loop):
            continue
        repeats = loop in again and not _counts(loop)
        least, wanted = (_AGAIN, _TWICE) if repeats else (_LONG, _SHORT)
        for argument in loop.iter.args[:2]:  # type: ignore[attr-defined]
            for written in constants(tree, argument):
                if _whole(written) >= least:
                    told.append(f"line {written.lineno}: {_whole(written)} steps to {wanted}")
                    told += _scaled(loop, _whole(written))
                    written.value = wanted
    told += [each for node in ast.walk(tree) if isinstance(node, ast.Compare) for each in _sooner(node)]
    given = [*_given(tree)]
    for name, parameter, value in given:
        told += _calibrated(name, parameter, value) + _hashed(parameter, value) + _in_chunks(parameter, value)
        told += _quick(name, parameter, value) + _soon(parameter, value)
    return tree, [*told, *_strode(given)]


def _given(tree: ast.Module) -> Iterator[tuple[str, str, ast.expr]]:
    """Return what names are given: the function that takes it (empty for a variable), the name and the value."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            yield from ((name, each.arg, each.value) for each in node.keywords if each.arg)
        elif isinstance(node, ast.FunctionDef):
            yield from ((node.name, parameter, value) for parameter, value in defaults(node))
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                yield "", target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", ""), node.value


def _calibrated(name: str, parameter: str, value: ast.expr) -> list[str]:
    generates = bool(_GENERATES.search(name))
    if not (generates or _CALIBRATES.search(name)) or not _COUNTS.fullmatch(parameter):
        return []
    wanted = _GENERATED if generates else _CALIBRATED
    if not isinstance(value, ast.Constant) or _whole(value) <= wanted:
        return []
    told = f"line {value.lineno}: {parameter}={value.value!r} to {wanted}"
    value.value = wanted
    return [told]


def _in_chunks(parameter: str, value: ast.expr) -> list[str]:
    if not _CHUNKS.search(parameter) or not isinstance(value, ast.Constant) or _whole(value) < _SET:
        return []
    told = f"line {value.lineno}: {parameter}={value.value!r} to {_CHUNK}"
    value.value = _CHUNK
    return [told]


def _soon(parameter: str, value: ast.expr) -> list[str]:
    if not _FROM.search(parameter) or not isinstance(value, ast.Constant) or not _FEW < _whole(value) <= _EARLY:
        return []
    told = f"line {value.lineno}: {parameter}={value.value!r} to {_FEW}"
    value.value = _FEW
    return [told]


def _sooner(compared: ast.Compare) -> list[str]:
    """Lower the tokens that have to be seen before something begins: they are as good as none of a real set."""
    sides = (compared.left, *compared.comparators)
    if len(sides) != 2 or not isinstance(compared.ops[0], ast.Lt | ast.LtE | ast.Gt | ast.GtE):
        return []
    for side, other in (sides, sides[::-1]):
        name = other.attr if isinstance(other, ast.Attribute) else getattr(other, "id", "")
        if _SEEN.search(name) and isinstance(side, ast.Constant) and _FEW < _whole(side) <= _EARLY:
            told = f"line {side.lineno}: {name} of {side.value!r} to {_FEW}"
            side.value = _FEW
            return [told]
    return []


def _strode(given: list[tuple[str, str, ast.expr]]) -> list[str]:
    """Lengthen strides, where no window that the text tells the length of is shorter than a long one."""
    lengths = [_whole(value) for _, parameter, value in given if _LENGTHS.search(parameter) and _whole(value) > 0]
    if not lengths or min(lengths) < _WINDOW:
        return []
    told: list[str] = []
    for _, parameter, value in given:
        if _STRIDES.search(parameter) and isinstance(value, ast.Constant) and _LEAST <= _whole(value) < _STRIDE:
            told.append(f"line {value.lineno}: {parameter}={value.value!r} to {_STRIDE}")
            value.value = _STRIDE
    return told


def _quick(name: str, parameter: str, value: ast.expr) -> list[str]:
    """Quicken a slow average of the weights: of a few steps it keeps nothing but what they began from."""
    average = _AVERAGE.search(parameter) or (_AVERAGE.search(name) and parameter in ("decay", "beta"))
    if not average or not isinstance(value, ast.Constant) or not isinstance(value.value, float):
        return []
    if not _SLOW <= value.value < 1:
        return []
    told = f"line {value.lineno}: {parameter}={value.value} to {_QUICK}"
    value.value = _QUICK
    return [told]


def _hashed(parameter: str, value: ast.expr) -> list[str]:
    if not _PLACES.search(parameter):
        return []
    told = f"line {value.lineno}: {parameter}={ast.unparse(value)} to {1 << _BITS}"
    if isinstance(value, ast.Constant) and _whole(value) >= _HUGE:
        value.value = 1 << _BITS
    elif _power(value) and _whole(value.right) >= _HUGE.bit_length():  # type: ignore[attr-defined]
        value.right.value = _BITS  # type: ignore[attr-defined]
    else:
        return []
    return [told]


def _power(value: ast.expr) -> bool:
    """Tell whether an expression is ``1 << n`` or ``2 ** n``."""
    if not isinstance(value, ast.BinOp):
        return False
    base = {ast.LShift: 1, ast.Pow: 2}.get(type(value.op), 0)
    return base > 0 and _whole(value.left) == base


def _whole(value: ast.expr) -> int:
    """Return a whole number that is written out, else -1."""
    if not isinstance(value, ast.Constant) or isinstance(value.value, bool) or not isinstance(value.value, int):
        return -1
    return value.value


def _scaled(loop: ast.For, steps: int) -> list[str]:
    """Scale the steps that a loop's counter is compared with, so that what begins late in it begins; return which."""
    told: list[str] = []
    for node in ast.walk(loop):
        if not (isinstance(node, ast.Compare) and isinstance(loop.target, ast.Name) and len(node.comparators) == 1):
            continue
        sides = (node.left, node.comparators[0])
        counter = any(isinstance(side, ast.Name) and side.id == loop.target.id for side in sides)
        for side in sides:
            if counter and isinstance(side, ast.Constant) and type(side.value) is int and _SHORT < side.value < steps:
                scaled = max(1, side.value * _SHORT // steps)
                told.append(f"line {side.lineno}: step {side.value} to {scaled}")
                side.value = scaled
    return told


def _is_range(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "range"
        and 1 <= len(node.args) <= 2
    )


def _within_loops(tree: ast.Module) -> set[ast.AST]:
    """Return the loops that are gone through again in each round of another."""
    loops = [node for node in ast.walk(tree) if isinstance(node, ast.For | ast.While)]
    return {inner for outer in loops for inner in ast.walk(outer) if inner is not outer and isinstance(inner, ast.For)}


def _counts(loop: ast.For) -> bool:
    """Tell whether a loop does something with the number of its round."""
    names = {node.id for node in ast.walk(loop.target) if isinstance(node, ast.Name)}
    body = (node for statement in loop.body for node in ast.walk(statement))
    return any(isinstance(node, ast.Name) and node.id in names for node in body)


def _reads_places(loop: ast.For) -> bool:
    """Tell whether a loop has a loop over it that a shorter one would not end: it has an else branch."""
    return bool(loop.orelse)


def _learns(body: list[ast.stmt], learning: set[str]) -> bool:
    for statement in body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if name == "backward" or name in learning:
                    return True
    return False


def _learning(tree: ast.Module) -> set[str]:
    """Return the names of functions that go backward, themselves or through others."""
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    found: set[str] = set()
    while True:
        more = {f.name for f in functions if f.name not in found and _learns(f.body, found)}
        if not more:
            return found
        found |= more
