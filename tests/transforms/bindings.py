"""Which names a piece of Python binds and reads: what the transformations of this folder rest on."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
SCOPES = (*FUNCTIONS, ast.ClassDef)


def own_nodes(roots: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Yield ``roots`` and what lies below them, but nothing inside nested functions and classes."""
    stack = list(roots)
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            stack += [*node.decorator_list, *node.args.defaults, *(d for d in node.args.kw_defaults if d)]
        elif isinstance(node, ast.ClassDef):
            stack += [*node.decorator_list, *node.bases]
        elif isinstance(node, ast.Lambda):
            stack += [*node.args.defaults, *(d for d in node.args.kw_defaults if d)]
        else:
            stack += ast.iter_child_nodes(node)


def binds(node: ast.AST) -> list[str]:
    """Return the names that one node binds by itself (not those bound below it)."""
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            return [name]
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            return [name]
        case ast.MatchMapping(rest=str(name)):
            return [name]
        case ast.Import() | ast.ImportFrom():
            return [alias.asname or alias.name.split(".")[0] for alias in node.names]
        case _:
            return []


def loop_names(roots: Iterable[ast.AST]) -> set[str]:
    """Return the names that comprehensions in ``roots`` bind for themselves."""
    return {
        name
        for node in own_nodes(roots)
        if isinstance(node, COMPREHENSIONS)
        for clause in node.generators
        for part in ast.walk(clause.target)
        for name in binds(part)
    }


def bound(roots: Iterable[ast.AST]) -> set[str]:
    """Return the names that a scope's statements bind in that scope."""
    roots = list(roots)
    names: set[str] = set()
    stack = roots
    while stack:
        node = stack.pop()
        names.update(binds(node))
        if isinstance(node, COMPREHENSIONS):
            stack += [clause.iter for clause in node.generators]
        elif not isinstance(node, SCOPES):
            stack += ast.iter_child_nodes(node)
    return names


def parameters(args: ast.arguments) -> list[str]:
    """Return the names of all parameters, in order."""
    every = [*args.posonlyargs, *args.args, *args.kwonlyargs]
    return [a.arg for a in every] + [a.arg for a in (args.vararg, args.kwarg) if a]


def reads(roots: Iterable[ast.AST]) -> set[str]:
    """Return every name that is read anywhere in ``roots``, nested functions included."""
    found: set[str] = set()
    for root in roots:
        for node in ast.walk(root):
            if isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Load, ast.Del)):
                found.add(node.id)
            elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
                found.add(node.target.id)
    return found


class Flow:
    """What a run of statements certainly binds, and what it may read before having bound it."""

    def __init__(self, certain: Iterable[str] = ()) -> None:
        self.certain = set(certain)
        self.exposed: set[str] = set()

    def follow(self, body: Sequence[ast.stmt]) -> Flow:
        """Follow statements in order and return self."""
        for statement in body:
            self._statement(statement)
        return self

    def _reads(self, *roots: ast.AST | None) -> None:
        self.exposed |= reads([r for r in roots if r is not None]) - self.certain

    def _branch(self, *bodies: Sequence[ast.stmt]) -> None:
        ends = []
        for body in bodies:
            inner = Flow(self.certain).follow(body)
            self.exposed |= inner.exposed
            ends.append(inner.certain)
        self.certain = set.intersection(*ends)

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.If():
                self._reads(node.test)
                self._branch(node.body, node.orelse)
            case ast.While():
                self._reads(node.test)
                self._branch(node.body, node.orelse, [])
            case ast.For() | ast.AsyncFor():
                self._reads(node.iter, node.target)
                inner = Flow(self.certain | bound([node.target])).follow(node.body)
                self.exposed |= inner.exposed
                self._branch(node.orelse, [])
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    self._reads(item.context_expr)
                    self.certain |= bound([item.optional_vars]) if item.optional_vars else set()
                self.follow(node.body)
            case ast.Assign() | ast.AugAssign() | ast.AnnAssign() | ast.Import() | ast.ImportFrom():
                self._reads(node)
                if not (isinstance(node, ast.AnnAssign) and node.value is None):
                    self.certain |= bound([node])
            case ast.FunctionDef() | ast.ClassDef() | ast.AsyncFunctionDef():
                self._reads(node)
                self.certain.add(node.name)
            case _:
                self._reads(node)
