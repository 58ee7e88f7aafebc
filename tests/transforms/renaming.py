"""Renaming: every name that a script binds for itself, consistently, in all places.

Names keep their spelling where the outside knows them: attributes, imported names, environment variables, names
bound in class bodies, keywords of calls whose callee isn't one of the script's plain functions.
"""

from __future__ import annotations

import ast
import builtins
import random

from bindings import FUNCTIONS, binds, own_nodes, parameters

LOOKUPS = {"globals", "locals", "vars", "eval", "exec", "getattr", "setattr", "__import__"}


def renamed(source: str) -> str | None:
    """Return the script with neutral names (``n0``, ``n1``…), or None when there is nothing to rename."""
    tree = ast.parse(source)
    names = renamable(tree)
    taken = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    fresh = (f"n{i}" for i in range(len(names) + len(taken) + 1) if f"n{i}" not in taken)
    return apply(tree, dict(zip(names, fresh, strict=False)))


def shuffled(source: str) -> str | None:
    """Return the script with its own names dealt out anew among themselves, so that most of them mislead."""
    tree = ast.parse(source)
    names = renamable(tree)
    dealt = list(names)
    random.Random(len(names)).shuffle(dealt)
    return apply(tree, dict(zip(names, dealt, strict=True)))


def apply(tree: ast.Module, names: dict[str, str]) -> str | None:
    """Return the source of ``tree`` with ``names`` replaced; None when there are none."""
    if not names:
        return None
    return ast.unparse(ast.fix_missing_locations(_Renamer(tree, names).visit(tree)))


def renamable(tree: ast.Module) -> list[str]:
    """Return the names that can be replaced in the whole script, in the order of their first appearance."""
    own: dict[str, None] = {}
    fixed = set(dir(builtins)) | {"_"}
    for scope, body in _scopes(tree):
        is_class = isinstance(scope, ast.ClassDef)
        if isinstance(scope, FUNCTIONS):
            own.update(dict.fromkeys(parameters(scope.args)))
        for node in own_nodes(body):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                fixed.update(binds(node))
            elif is_class and isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                fixed.update({node.id} & {n for each in own_nodes(body) for n in binds(each)})
            elif not is_class:
                own.update(dict.fromkeys(binds(node)))
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    if called & LOOKUPS:
        fixed.update(n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str))
    fixed |= _known_outside(tree)
    return [name for name in own if name not in fixed and not name.startswith("__")]


def _scopes(tree: ast.Module) -> list[tuple[ast.AST, list[ast.AST]]]:
    found: list[tuple[ast.AST, list[ast.AST]]] = [(tree, list(tree.body))]
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.append((node, list(node.body)))
        elif isinstance(node, ast.Lambda):
            found.append((node, [node.body]))
    return found


def plain_functions(tree: ast.Module) -> dict[str, ast.FunctionDef]:
    """Return the undecorated functions of module level that are defined once and only ever called by their name."""
    defined = [n.name for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.ClassDef))]
    bound_again = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    bound_again |= {a.arg for a in ast.walk(tree) if isinstance(a, ast.arg)}
    callees = {id(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
    as_value = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) not in callees}
    return {
        node.name: node
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and not node.decorator_list
        and defined.count(node.name) == 1
        and node.name not in bound_again | as_value
    }


def _known_outside(tree: ast.Module) -> set[str]:
    """Return the parameters that some call names without us being sure whose they are."""
    plain = plain_functions(tree)
    loose = {
        name
        for node in ast.walk(tree)
        if isinstance(node, FUNCTIONS) and node not in plain.values()
        for name in parameters(node.args)
    }
    out: set[str] = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        callee = plain.get(node.func.id) if isinstance(node.func, ast.Name) else None
        for keyword in node.keywords:
            if callee is None:
                out |= {keyword.arg} & loose if keyword.arg else loose
            elif keyword.arg is None:
                out.update(parameters(callee.args))
    return out


class _Renamer(ast.NodeTransformer):
    def __init__(self, tree: ast.Module, names: dict[str, str]) -> None:
        self.names = names
        self.plain = {name: parameters(each.args) for name, each in plain_functions(tree).items()}
        self.in_class: set[str] = set()  # names bound in the class body that is being visited

    def new(self, name: str) -> str:
        return name if name in self.in_class else self.names.get(name, name)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = self.new(node.id)
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.arg = self.new(node.arg)
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id in self.plain:
            known = self.plain[node.func.id]
            for keyword in node.keywords:
                if keyword.arg in known:
                    keyword.arg = self.names.get(keyword.arg, keyword.arg)
        return self.generic_visit(node)

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        return self._function(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name = self.new(node.name)
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        node.name = self.new(node.name)
        return self._function(node)

    def _function(self, node: ast.AST) -> ast.AST:
        outer, self.in_class = self.in_class, set()
        self.generic_visit(node)
        self.in_class = outer
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.name = self.new(node.name)
        outer, self.in_class = self.in_class, {n for each in own_nodes(node.body) for n in binds(each)}
        self.generic_visit(node)
        self.in_class = outer
        return node

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.AST:
        node.name = self.new(node.name) if node.name else None
        return self.generic_visit(node)

    def visit_MatchAs(self, node: ast.MatchAs) -> ast.AST:
        node.name = self.new(node.name) if node.name else None
        return self.generic_visit(node)

    def visit_MatchStar(self, node: ast.MatchStar) -> ast.AST:
        node.name = self.new(node.name) if node.name else None
        return self.generic_visit(node)

    def visit_MatchMapping(self, node: ast.MatchMapping) -> ast.AST:
        node.rest = self.new(node.rest) if node.rest else None
        return self.generic_visit(node)

    def visit_Global(self, node: ast.Global) -> ast.AST:
        node.names = [self.new(name) for name in node.names]
        return node

    def visit_Nonlocal(self, node: ast.Nonlocal) -> ast.AST:
        node.names = [self.new(name) for name in node.names]
        return node
