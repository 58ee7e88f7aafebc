"""Reordering: neighbouring functions, classes and methods that don't need each other to be defined."""

from __future__ import annotations

import ast
from collections import Counter

from bindings import reads

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def reordered(source: str) -> str | None:
    """Return the script with every run of independent definitions turned round; None when there is none."""
    tree = ast.parse(source)
    moved = [_turn(node) for node in ast.walk(tree) if isinstance(node, (ast.Module, ast.ClassDef))]
    return ast.unparse(tree) if any(moved) else None


def _turn(holder: ast.Module | ast.ClassDef) -> bool:
    names = Counter(n.name for n in holder.body if isinstance(n, Definition))
    body: list[ast.stmt] = []
    run: list[ast.stmt] = []
    moved = False
    for statement in [*holder.body, None]:
        if isinstance(statement, Definition) and names[statement.name] == 1:
            needed = _needed(statement)
            if not needed & {each.name for each in run if isinstance(each, Definition)}:
                run.append(statement)
                continue
        moved |= len(run) > 1
        body += reversed(run)
        run = []
        if isinstance(statement, Definition) and names[statement.name] == 1:
            run = [statement]
        elif statement is not None:
            body.append(statement)
    holder.body = body
    return moved


def _needed(node: Definition) -> set[str]:
    """Return the names that are read when the definition itself runs."""
    if isinstance(node, ast.ClassDef):
        inner = [each for each in node.body if not isinstance(each, ast.FunctionDef)]
        methods = [_needed(each) for each in node.body if isinstance(each, ast.FunctionDef)]
        return reads([*node.decorator_list, *node.bases, *node.keywords, *inner]).union(*methods)
    annotations = [a.annotation for a in ast.walk(node.args) if isinstance(a, ast.arg) and a.annotation]
    defaults = [*node.args.defaults, *(d for d in node.args.kw_defaults if d)]
    return reads([*node.decorator_list, *defaults, *annotations, *([node.returns] if node.returns else [])])
