"""Outlining: blocks of functions become functions of their own."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from bindings import FUNCTIONS, SCOPES, Flow, bound, loop_names, parameters, reads

STAYS = (ast.Return, ast.Yield, ast.YieldFrom, ast.Await, ast.Global, ast.Nonlocal, ast.Delete, ast.Import, ast.Try)
STAYS += (ast.ImportFrom, ast.NamedExpr, ast.Raise, ast.Match, ast.AsyncFor, ast.AsyncWith)
LOOKUPS = {"locals", "globals", "vars", "eval", "exec", "super", "__class__"}


def outlined(source: str) -> str | None:
    """Return the script with up to two blocks of each function made functions; None when none can be."""
    tree = ast.parse(source)
    made = 0
    body: list[ast.stmt] = []
    for statement in tree.body:
        methods = statement.body if isinstance(statement, ast.ClassDef) else []
        for function in (each for each in (statement, *methods) if isinstance(each, ast.FunctionDef)):
            for part in _outline(function, made):
                body.append(part)
                made += 1
        body.append(statement)
    tree.body = body
    return ast.unparse(ast.fix_missing_locations(tree)) if made else None


def _outline(function: ast.FunctionDef, number: int) -> list[ast.FunctionDef]:
    """Move the largest loop or ``with`` and the longest run of simple statements; return the new functions."""
    made: list[ast.FunctionDef] = []
    for simple in (False, True):
        candidates = sorted(_blocks(function, simple=simple), key=lambda c: -len(ast.dump(ast.Module(c[1], []))))
        for suite, block, before in candidates[:8]:
            part = _extract(function, block, before, f"part_{number + len(made)}")
            if part is not None:
                at = suite.index(block[0])
                suite[at : at + len(block)] = [part[1]]
                made.append(part[0])
                break
    return made


def _suites(body: list[ast.stmt], certain: set[str]) -> Iterator[tuple[list[ast.stmt], set[str]]]:
    """Yield every list of statements of a function, with the names that are certainly bound before it."""
    yield body, set(certain)
    flow = Flow(certain)
    for statement in body:
        before = set(flow.certain)
        if isinstance(statement, (ast.For, ast.While, ast.If)):
            inner = before | (bound([statement.target]) if isinstance(statement, ast.For) else set())
            yield from _suites(statement.body, inner)
            yield from _suites(statement.orelse, before)
        elif isinstance(statement, ast.With):
            inner = before | {n for i in statement.items if i.optional_vars for n in bound([i.optional_vars])}
            yield from _suites(statement.body, inner)
        flow.follow([statement])


def _blocks(function: ast.FunctionDef, *, simple: bool) -> Iterator[tuple[list[ast.stmt], list[ast.stmt], set[str]]]:
    for suite, certain in _suites(function.body, set(parameters(function.args))):
        flow = Flow(certain)
        run: list[ast.stmt] = []
        before = set(certain)
        for statement in [*suite, None]:
            plain = isinstance(statement, (ast.Assign, ast.AugAssign, ast.Expr))
            if simple and plain and statement is not None:
                before = before if run else set(flow.certain)
                run.append(statement)
            else:
                if len(run) > 1:
                    yield suite, run, before
                run = []
                if not simple and isinstance(statement, (ast.For, ast.With)):
                    yield suite, [statement], set(flow.certain)
            if statement is not None:
                flow.follow([statement])


def _movable(block: Sequence[ast.stmt]) -> bool:
    jumps = sum(isinstance(n, (ast.Break, ast.Continue)) for s in block for n in ast.walk(s))
    inside = sum(
        isinstance(n, (ast.Break, ast.Continue))
        for s in block
        for loop in ast.walk(s)
        if isinstance(loop, (ast.For, ast.While))
        for n in _jumps(loop.body)
    )
    nodes = [n for s in block for n in ast.walk(s)]
    docstring = any(isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant) for s in block)
    return (
        jumps == inside
        and not docstring
        and not any(isinstance(n, (*STAYS, *SCOPES)) for n in nodes)
        and not any(isinstance(n, ast.Name) and (n.id in LOOKUPS or n.id.startswith("__")) for n in nodes)
        and not any(isinstance(n, ast.Attribute) and n.attr.startswith("__") for n in nodes)
    )


def _jumps(body: Sequence[ast.stmt]) -> Iterator[ast.AST]:
    """Yield the jumps of a loop's body that are its own."""
    for statement in body:
        if isinstance(statement, (ast.For, ast.While)):
            yield from _jumps(statement.orelse)
        elif isinstance(statement, (ast.Break, ast.Continue)):
            yield statement
        else:
            for _, value in ast.iter_fields(statement):
                if isinstance(value, list):
                    yield from _jumps([v for v in value if isinstance(v, ast.stmt)])


def _extract(
    function: ast.FunctionDef, block: list[ast.stmt], certain: set[str], name: str
) -> tuple[ast.FunctionDef, ast.stmt] | None:
    """Return the new function and the statement that calls it; None when the block can't be moved."""
    local = bound(function.body) | set(parameters(function.args))
    declared = {n for each in ast.walk(function) if isinstance(each, (ast.Global, ast.Nonlocal)) for n in each.names}
    captured = {
        n for each in ast.walk(function) if isinstance(each, FUNCTIONS) and each is not function for n in reads([each])
    }
    writes = bound(block)
    if not _movable(block) or writes & (declared | captured) or loop_names(block) & local:
        return None
    inner = Flow().follow(block)
    inputs = inner.exposed & local
    elsewhere = _reads_elsewhere(function, block)
    outputs = writes & (elsewhere | inner.exposed)
    inputs |= {n for n in outputs if n not in inner.certain}
    if inputs - certain or inputs & declared:
        return None
    given, kept = sorted(inputs), sorted(outputs)
    result = ast.Tuple([ast.Name(n, ast.Load()) for n in kept], ast.Load())
    body = [*block, *([ast.Return(result)] if kept else [])]
    arguments = ast.arguments(
        posonlyargs=[], args=[ast.arg(n) for n in given], kwonlyargs=[], kw_defaults=[], defaults=[]
    )
    part = ast.FunctionDef(name, arguments, body, [])
    call = ast.Call(ast.Name(name, ast.Load()), [ast.Name(n, ast.Load()) for n in given], [])
    if not kept:
        return part, ast.Expr(call)
    return part, ast.Assign([ast.Tuple([ast.Name(n, ast.Store()) for n in kept], ast.Store())], call)


def _reads_elsewhere(function: ast.FunctionDef, block: list[ast.stmt]) -> set[str]:
    inside = {id(n) for s in block for n in ast.walk(s)}
    return {
        name
        for node in ast.walk(function)
        if id(node) not in inside
        for name in ([node.id] if isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Load, ast.Del)) else [])
        + ([node.target.id] if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name) else [])
    }
