"""Where a whole number that an expression stands for is written out: itself, or what gives a name its value."""

from __future__ import annotations

import ast
from collections.abc import Iterator


def constants(tree: ast.Module, value: ast.expr) -> list[ast.Constant]:
    """Return the whole numbers that ``value``, an expression in ``tree``, may be, where they are written.

    A name is a parameter (its default, and what calls of the function give for it) or the target of one assignment; an
    attribute is what bodies of classes assign to its name. Nothing is returned for what is computed.
    """
    if isinstance(value, ast.Constant):
        found: Iterator[ast.expr | None] = iter([value])
    elif isinstance(value, ast.Name):
        function = _taking(tree, value)
        found = _assigned(tree, value.id) if function is None else _passed(tree, function, value.id)
    elif isinstance(value, ast.Attribute):
        found = _of_classes(tree, value.attr)
    else:
        return []
    return [each for each in found if isinstance(each, ast.Constant) and type(each.value) is int]


def defaults(function: ast.FunctionDef) -> Iterator[tuple[str, ast.expr]]:
    """Yield the parameters of a function that have a default, and the default."""
    taken = function.args
    plain = [*taken.posonlyargs, *taken.args]
    yield from zip((each.arg for each in plain[len(plain) - len(taken.defaults) :]), taken.defaults, strict=True)
    kept = zip(taken.kwonlyargs, taken.kw_defaults, strict=True)
    yield from ((argument.arg, value) for argument, value in kept if value is not None)


def _taking(tree: ast.Module, name: ast.Name) -> ast.FunctionDef | None:
    """Return the innermost function around ``name`` that has it as a parameter."""
    found = None
    for node in ast.walk(tree):  # outer functions come before those in them
        if isinstance(node, ast.FunctionDef) and any(each is name for each in ast.walk(node)):
            taken = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            found = node if any(each.arg == name.id for each in taken) else found
    return found


def _passed(tree: ast.Module, function: ast.FunctionDef, name: str) -> Iterator[ast.expr | None]:
    yield from (value for argument, value in defaults(function) if argument == name)
    names = [each.arg for each in (*function.args.posonlyargs, *function.args.args)]
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if called != function.name:
            continue
        bound = 1 if isinstance(call.func, ast.Attribute) and names[:1] in (["self"], ["cls"]) else 0
        at = names.index(name) - bound if name in names else -1
        if 0 <= at < len(call.args) and not any(isinstance(each, ast.Starred) for each in call.args[: at + 1]):
            yield call.args[at]
        yield from (keyword.value for keyword in call.keywords if keyword.arg == name)


def _assigned(tree: ast.Module, name: str) -> Iterator[ast.expr | None]:
    """Yield what is assigned to a name, if that is done once in the whole text."""
    stored = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == name]
    if sum(isinstance(node.ctx, ast.Store) for node in stored) == 1:
        yield from (value for target, value in _assignments(tree) if getattr(target, "id", "") == name)


def _of_classes(tree: ast.Module, name: str) -> Iterator[ast.expr | None]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for statement in node.body:
                yield from (value for target, value in _assignments(statement) if getattr(target, "id", "") == name)


def _assignments(tree: ast.AST) -> Iterator[tuple[ast.expr, ast.expr | None]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            yield from ((target, node.value) for target in node.targets)
        elif isinstance(node, ast.AnnAssign):
            yield node.target, node.value
