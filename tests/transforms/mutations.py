"""Mutants: scripts cut, spliced and mixed up at random. They parse, mostly; none of them need make sense."""

from __future__ import annotations

import ast
from collections.abc import Callable
from random import Random

Suite = list[ast.stmt]
CONSTANTS = (0, -1, 1, 2.5, 10**12, None, True, "", "x", "data/fineweb_val_*.bin", b"x", ...)
FRAMES = (
    "if via: pass",
    "for via in range(3): pass",
    "while via: pass",
    "with via as v: pass",
    "try: pass\nfinally: via()",
    "try: pass\nexcept Exception as via: raise",
    "def via(*a, **k): pass",
    "async def via(): pass",
    "class via(dict): pass",
)


def mutant(source: str, other: str, random: Random) -> str:
    """Return ``source`` with one to five changes drawn from ``random``, some of them pieces of ``other``."""
    if random.random() < 0.1:
        return random.choice(_OF_TEXT)(source, other, random)
    tree, donor = ast.parse(source), ast.parse(other)
    for _ in range(random.randint(1, 5)):
        random.choice(_OF_TREES)(tree, donor, random)
    for suite in _suites(tree):
        suite[:] = suite or [ast.Pass()]
    try:
        return ast.unparse(ast.fix_missing_locations(tree))
    except (ValueError, AttributeError, TypeError):  # a tree that no text has
        return source[: random.randrange(len(source) + 1)]


def _suites(tree: ast.AST) -> list[Suite]:
    found = [
        value
        for node in ast.walk(tree)
        for name, value in ast.iter_fields(node)
        if isinstance(value, list) and (name == "body" or (value and isinstance(value[0], ast.stmt)))
    ]
    return [suite for suite in found if all(isinstance(each, ast.stmt) for each in suite)]


def _place(tree: ast.AST, random: Random) -> tuple[Suite, int]:
    suites = [suite for suite in _suites(tree) if suite]
    suite = random.choice(suites) if suites else [ast.Pass()]
    return suite, random.randrange(len(suite))


def _copy(node: ast.stmt) -> Suite:
    return ast.parse(ast.unparse(ast.fix_missing_locations(node))).body


def _delete(tree: ast.Module, donor: ast.Module, random: Random) -> None:
    suite, at = _place(tree, random)
    del suite[at]


def _cut(tree: ast.Module, donor: ast.Module, random: Random) -> None:
    suite, at = _place(tree, random)
    del suite[at:]


def _duplicate(tree: ast.Module, donor: ast.Module, random: Random) -> None:
    suite, at = _place(tree, random)
    suite[at:at] = _copy(suite[at])


def _swap(tree: ast.Module, donor: ast.Module, random: Random) -> None:
    suite, at = _place(tree, random)
    to = random.randrange(len(suite))
    suite[at], suite[to] = suite[to], suite[at]


def _move(tree: ast.Module, donor: ast.Module, random: Random) -> None:
    suite, at = _place(tree, random)
    taken = suite.pop(at)
    others = _suites(tree)
    to = random.choice(others) if others else tree.body
    to.insert(random.randint(0, len(to)), taken)


def _splice(tree: ast.Module, donor: ast.Module, random: Random) -> None:
    suite, at = _place(tree, random)
    given, first = _place(donor, random)
    suite[at:at] = [part for each in given[first : first + random.randint(1, 6)] for part in _copy(each)]


def _frame(tree: ast.Module, donor: ast.Module, random: Random) -> None:
    suite, at = _place(tree, random)
    end = at + random.randint(1, 4)
    (frame,) = ast.parse(random.choice(FRAMES)).body
    frame.body = suite[at:end]  # type: ignore[attr-defined]
    suite[at:end] = [frame]


def _names(tree: ast.Module, donor: ast.Module, random: Random) -> None:
    """Exchange two names, wherever they stand."""
    names = sorted({node.id for node in ast.walk(tree) if isinstance(node, ast.Name)})
    if len(names) > 1:
        a, b = random.sample(names, 2)
        turned = {a: b, b: a}
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                node.id = turned.get(node.id, node.id)


def _attribute(tree: ast.Module, donor: ast.Module, random: Random) -> None:
    mine = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    given = [node.attr for node in ast.walk(donor) if isinstance(node, ast.Attribute)]
    if mine and given:
        random.choice(mine).attr = random.choice(given)


def _expression(tree: ast.Module, donor: ast.Module, random: Random) -> None:
    """Put an expression of either script, or a constant, where another one stands."""
    given = [node for each in (tree, donor) for node in ast.walk(each) if isinstance(node, ast.expr)]
    given = [node for node in given if isinstance(getattr(node, "ctx", None) or ast.Load(), ast.Load)]
    slots = [
        (value, at)
        for node in ast.walk(tree)
        for _, value in ast.iter_fields(node)
        if isinstance(value, list)
        for at, each in enumerate(value)
        if isinstance(each, ast.expr) and isinstance(getattr(each, "ctx", None) or ast.Load(), ast.Load)
    ]
    if not slots or not given:
        return
    chosen = random.choice(given)
    new = ast.Constant(random.choice(CONSTANTS)) if random.random() < 0.3 else _fresh(chosen)
    holder, at = random.choice(slots)
    holder[at] = new


def _fresh(node: ast.expr) -> ast.expr:
    try:
        return ast.parse(ast.unparse(node), mode="eval").body
    except SyntaxError:  # a piece that stands only inside something else: a starred one, a slice
        return ast.Constant(None)


def _arguments(tree: ast.Module, donor: ast.Module, random: Random) -> None:
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args]
    if calls:
        call = random.choice(calls)
        match random.randrange(3):
            case 0:
                call.args.pop()
            case 1:
                call.args.reverse()
            case _:
                call.args.append(_fresh(call.args[0]))


def _cut_text(source: str, other: str, random: Random) -> str:
    return source[: random.randrange(len(source) + 1)]


def _join_texts(source: str, other: str, random: Random) -> str:
    mine, given = source.splitlines(keepends=True), other.splitlines(keepends=True)
    return "".join(mine[: random.randint(0, len(mine))] + given[random.randint(0, len(given)) :])


def _drop_lines(source: str, other: str, random: Random) -> str:
    lines = source.splitlines(keepends=True)
    return "".join(line for line in lines if random.random() > 0.03)


_OF_TEXT: tuple[Callable[[str, str, Random], str], ...] = (_cut_text, _join_texts, _drop_lines)
_OF_TREES: tuple[Callable[[ast.Module, ast.Module, Random], None], ...] = (
    _delete,
    _cut,
    _duplicate,
    _swap,
    _move,
    _splice,
    _splice,
    _frame,
    _names,
    _attribute,
    _expression,
    _expression,
    _arguments,
)
