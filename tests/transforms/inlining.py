"""Inlining: functions that are called once become a part of their caller."""

from __future__ import annotations

import ast
import copy

from bindings import FUNCTIONS, SCOPES, bound, parameters, reads
from renaming import plain_functions

MAX_ROUNDS = 30
STAYS = (ast.Yield, ast.YieldFrom, ast.Await, ast.Global, ast.Nonlocal)


def inlined(source: str) -> str | None:
    """Return the script with its functions of a single call put in place of that call; None when there is none."""
    tree = ast.parse(source)
    rounds = 0
    while rounds < MAX_ROUNDS and _inline_one(tree, rounds):
        rounds += 1
    return ast.unparse(ast.fix_missing_locations(tree)) if rounds else None


def _inline_one(tree: ast.Module, number: int) -> bool:
    for function in plain_functions(tree).values():
        if not _simple(function):
            continue
        inside = {id(n) for n in ast.walk(function)}
        uses = [n for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id == function.name]
        if len(uses) != 1 or id(uses[0]) in inside:
            continue
        place = _place(tree, uses[0])
        if place is None:
            continue
        suite, at, local = place
        call = suite[at].value  # type: ignore[attr-defined]
        names = {n: f"{n}_in{number}" for n in bound(function.body) | set(parameters(function.args))}
        free = reads(function.body) - set(names)
        given = _bindings(function, call, names)
        if given is None or free & local:
            continue
        suite[at : at + 1] = [*given, *_body(function, suite[at], names)]
        tree.body.remove(function)
        return True
    return False


def _simple(function: ast.FunctionDef) -> bool:
    nodes = [n for s in function.body for n in ast.walk(s)]
    returns = [n for n in nodes if isinstance(n, ast.Return)]
    args = function.args
    constant = all(isinstance(d, ast.Constant) for d in [*args.defaults, *args.kw_defaults] if d)
    return (
        not any(isinstance(n, (*STAYS, *SCOPES)) for n in nodes)
        and (not returns or returns == [function.body[-1]])
        and not (args.vararg or args.kwarg or args.posonlyargs)
        and constant
        and not any(isinstance(n, ast.Name) and n.id in ("locals", "vars", "exec", "eval") for n in nodes)
    )


def _place(tree: ast.Module, use: ast.Name) -> tuple[list[ast.stmt], int, set[str]] | None:
    """Return the statements and the index where ``use`` is called as a statement, and the names of that scope."""

    def find(body: list[ast.stmt], local: set[str]) -> tuple[list[ast.stmt], int, set[str]] | None:
        for at, statement in enumerate(body):
            value = getattr(statement, "value", None)
            called = isinstance(statement, (ast.Expr, ast.Assign, ast.Return)) and isinstance(value, ast.Call)
            if called and value.func is use:
                return body, at, local
            if isinstance(statement, ast.ClassDef):
                inner = [s for s in statement.body if isinstance(s, FUNCTIONS)]
                found = find(list(inner), local) if inner else None
                if found is not None:
                    return found
                continue
            if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
                own = local | bound(statement.body) | set(parameters(statement.args))
                found = find(statement.body, own)
                if found is not None:
                    return found
                continue
            for _, field in ast.iter_fields(statement):
                if isinstance(field, list) and field and isinstance(field[0], ast.stmt):
                    found = find(field, local)
                    if found is not None:
                        return found
        return None

    return find(tree.body, set())


def _bindings(function: ast.FunctionDef, call: ast.Call, names: dict[str, str]) -> list[ast.stmt] | None:
    """Return the assignments of a call's arguments to the parameters, in the order of the call."""
    args = function.args
    order = [a.arg for a in args.args]
    if any(isinstance(a, ast.Starred) for a in call.args) or any(k.arg is None for k in call.keywords):
        return None
    if len(call.args) > len(order):
        return None
    given = dict(zip(order, call.args, strict=False)) | {str(k.arg): k.value for k in call.keywords}
    defaults = dict(zip(reversed(order), reversed(args.defaults), strict=False))
    defaults |= {a.arg: d for a, d in zip(args.kwonlyargs, args.kw_defaults, strict=True) if d}
    every = {n: given.get(n, defaults.get(n)) for n in [*given, *order, *(a.arg for a in args.kwonlyargs)]}
    if set(given) - set(parameters(args)) or any(value is None for value in every.values()):
        return None
    return [ast.Assign([ast.Name(names[n], ast.Store())], value) for n, value in every.items() if value is not None]


def _body(function: ast.FunctionDef, where: ast.stmt, names: dict[str, str]) -> list[ast.stmt]:
    """Return the function's body under fresh names, with its result going where the call's went."""
    body = copy.deepcopy(function.body)
    for node in [n for s in body for n in ast.walk(s)]:
        if isinstance(node, ast.Name):
            node.id = names.get(node.id, node.id)
        elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
            node.name = names.get(node.name, node.name)
        elif isinstance(node, ast.alias):
            name = node.asname or node.name
            node.asname = names.get(name, node.asname) if "." not in name else node.asname
    last = body[-1]
    result: ast.expr = ast.Constant(None)
    if isinstance(last, ast.Return):
        body.pop()
        result = last.value or result
    if isinstance(where, ast.Return):
        return [*body, ast.Return(result)]
    if isinstance(where, ast.Assign):
        return [*body, ast.Assign(where.targets, result)]
    return [*body, ast.Expr(result)]
