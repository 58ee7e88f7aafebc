"""Lengths in the script's text, made short: ``range(20000)`` around a backward pass, 256 batches of calibration.

Only constants change, so lines stay where they are. What such a loop learns from stays what it is.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

_LONG, _SHORT = 64, 8  # as many steps of a few hundred tokens as go past the boundary, if it is validation tokens
_CALIBRATES = re.compile(r"calib|hessian|gptq|activation", re.I)
_GENERATES = re.compile(r"generat|autoregressive|(?:^|_)ar_", re.I)
_COUNTS = re.compile(r"(?:n|num|max)_?(?:\w+_)?(?:seqs|sequences|samples|batches)|(?:nsamples|samples|batches)")
_CALIBRATED, _GENERATED = 16, 2  # sequences of 128 tokens that go past the boundary; ones that the model makes itself


def shortened(source: str | bytes, name: str) -> tuple[ast.Module, list[str]]:
    """Return a script's tree with its training loops cut, and in words which; raises what :func:`compile` does."""
    tree = ast.parse(source, name)
    learning = _learning(tree)
    told: list[str] = []
    for loop in ast.walk(tree):
        if not isinstance(loop, ast.For) or not _is_range(loop.iter) or not _learns(loop.body, learning):
            continue
        if _reads_places(loop):
            continue
        for argument in loop.iter.args[:2]:  # type: ignore[attr-defined]
            if isinstance(argument, ast.Constant) and isinstance(argument.value, int) and argument.value >= _LONG:
                told.append(f"line {loop.lineno}: {argument.value} steps to {_SHORT}")
                argument.value = _SHORT
    for name, count, constant in _calibrations(tree):
        wanted = _GENERATED if _GENERATES.search(name) else _CALIBRATED
        if constant.value > wanted:  # type: ignore[operator]  # a whole number
            told.append(f"line {constant.lineno}: {count}={constant.value!r} to {wanted}")
            constant.value = wanted
    return tree, told


def _calibrations(tree: ast.Module) -> Iterator[tuple[str, str, ast.Constant]]:
    """Return what functions that calibrate are told to take: the function, the parameter and the number."""
    for node in ast.walk(tree):
        given: list[tuple[str | None, ast.expr | None]] = []
        name = ""
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            given = [(each.arg, each.value) for each in node.keywords]
        elif isinstance(node, ast.FunctionDef):
            name, taken = node.name, node.args
            plain = [*taken.posonlyargs, *taken.args]
            given = [(a.arg, d) for a, d in zip(plain[len(plain) - len(taken.defaults) :], taken.defaults, strict=True)]
            given += [(a.arg, d) for a, d in zip(taken.kwonlyargs, taken.kw_defaults, strict=True)]
        if not (_CALIBRATES.search(name) or _GENERATES.search(name)):
            continue
        for parameter, value in given:
            if parameter and _COUNTS.fullmatch(parameter) and isinstance(value, ast.Constant) and _whole(value):
                yield name, parameter, value


def _whole(constant: ast.Constant) -> bool:
    return isinstance(constant.value, int) and not isinstance(constant.value, bool)


def _is_range(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "range"
        and 1 <= len(node.args) <= 2
    )


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
