"""Routing: functions are called, and values handed on, by another of Python's ways.

Each works on the functions of module level that are only ever called by their name (see :func:`plain_functions`).
"""

from __future__ import annotations

import ast
import builtins
import re
import symtable
from collections import Counter
from collections.abc import Callable, Mapping

from bindings import SCOPES, binds, own_nodes
from renaming import plain_functions

MARK = "via_"
"""What the names begin with that a transformation adds; a script that has such names is left alone."""
ARRAYS = {"fromfile", "frombuffer", "concatenate", "load", "arange", "array"}

PASSED = """
def via_each(items):
    for item in items:
        yield item
"""
WRAPPED = """
import functools as via_functools
def via_wrapped(function):
    @via_functools.wraps(function)
    def inner(*args, **kwargs):
        return function(*args, **kwargs)
    return inner
"""
HELD = """
import contextlib as via_contextlib
@via_contextlib.contextmanager
def via_held(value):
    yield value
"""
FILED = """
import pickle as via_pickle
def via_file(name, value):
    with open(name, "wb") as sink:
        via_pickle.dump(value, sink)
    with open(name, "rb") as source:
        return via_pickle.load(source)
"""


def classed(source: str) -> str | None:
    """Return the script with its functions made methods, each of a class of its own."""
    tree = _read(source)
    own = {name: each for name, each in plain_functions(tree).items() if not _mangled(each)}
    for at, statement in enumerate(tree.body):
        if isinstance(statement, ast.FunctionDef) and own.get(statement.name) is statement:
            (statement.args.posonlyargs or statement.args.args).insert(0, ast.arg(f"{MARK}self"))
            tree.body[at] = ast.ClassDef(f"{MARK}{statement.name}", [], [], [statement], [])
    return _called(tree, own, _as_method)


def generated(source: str) -> str | None:
    """Return the script with its functions made generators, of which the first value is taken."""
    tree = _read(source)
    own = {name: each for name, each in plain_functions(tree).items() if _plain_body(each)}
    for function in own.values():
        ends = isinstance(function.body[-1], ast.Return)
        _Yielding().generic_visit(function)
        if not ends:
            function.body.append(ast.Expr(ast.Yield(None)))
    return _called(tree, own, _first_value)


def streamed(source: str) -> str | None:
    """Return the script with everything that a loop goes through passed on by a generator."""
    tree = _read(source)
    loops = [node for node in ast.walk(tree) if isinstance(node, ast.For)]
    for loop in loops:
        loop.iter = _call("via_each", loop.iter)
    return _with(tree, PASSED) if loops else None


def decorated(source: str) -> str | None:
    """Return the script with its functions in a decorator that hands everything on."""
    tree = _read(source)
    own = plain_functions(tree)
    for function in own.values():
        function.decorator_list.append(ast.Name("via_wrapped", ast.Load()))
    return _with(tree, WRAPPED) if own else None


def managed(source: str) -> str | None:
    """Return the script with the first result of a function in each suite bound by a ``with`` around what follows."""
    tree = _read(source)
    own = plain_functions(tree)
    made = 0
    for suite in [each for node in ast.walk(tree) for each in _suites(node)]:
        for at, statement in enumerate(suite):
            if _result(statement, own):
                assert isinstance(statement, ast.Assign)
                item = ast.withitem(_call("via_held", statement.value), statement.targets[0])
                suite[at:] = [ast.With([item], suite[at + 1 :] or [ast.Pass()])]
                made += 1
                break
    return _with(tree, HELD) if made else None


def looked_up(source: str) -> str | None:
    """Return the script with its functions called out of a dictionary, and what they return put into one."""
    tree = _read(source)
    own = plain_functions(tree)
    body: list[ast.stmt] = []
    for statement in tree.body:
        body.append(statement)
        if isinstance(statement, ast.FunctionDef) and own.get(statement.name) is statement:
            body += ast.parse(f"via_parts[{statement.name!r}] = {statement.name}").body
    tree.body = body
    for node in ast.walk(tree):
        if _result(node, own):
            assert isinstance(node, ast.Assign)
            assert isinstance(node.targets[0], ast.Name)
            name = ast.Constant(node.targets[0].id)
            node.value = ast.Subscript(ast.Dict([name], [node.value]), name, ast.Load())
    written = _called(tree, own, _out_of_dictionary)
    return written and _with(ast.parse(written), "via_parts = {}")


def filed(source: str) -> str | None:
    """Return the script with every array that numpy makes written into a file and read again."""
    tree = _read(source)
    known = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.name == "numpy"
    }
    through = _Filed(known)
    tree = through.visit(tree)
    return _with(tree, FILED) if through.made else None


def moved(source: str) -> tuple[str, str] | None:
    """Return the script without the functions and classes that need nothing else of it, and the module of these."""
    tree = _read(source)
    imports = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    given = {name for node in imports for name in binds(node)} | set(dir(builtins))
    times = Counter(name for node in ast.walk(tree) for name in binds(node))
    movable = {n.name: n for n in tree.body if isinstance(n, (ast.FunctionDef, ast.ClassDef)) and times[n.name] == 1}
    while stay := {name for name, node in movable.items() if _globals(node) - given - set(movable)}:
        movable = {name: node for name, node in movable.items() if name not in stay}
    if not movable:
        return None
    taken = ast.ImportFrom("via_parts", [ast.alias(name) for name in movable], 0)
    tree.body = [node for node in tree.body if node not in movable.values()]
    tree.body.insert(_start(tree), taken)
    module = ast.Module([*imports, *movable.values()], [])
    return ast.unparse(ast.fix_missing_locations(tree)), ast.unparse(ast.fix_missing_locations(module))


def _read(source: str) -> ast.Module:
    if re.search(rf"\b{MARK}", source):
        raise ValueError(f"the script has names that begin with {MARK}")
    return ast.parse(source)


def _start(tree: ast.Module) -> int:
    """Return the place after the docstring and what has to stand at the very beginning."""
    for at, node in enumerate(tree.body):
        docstring = at == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not docstring and not (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
            return at
    return len(tree.body)


def _with(tree: ast.Module, beginning: str) -> str:
    at = _start(tree)
    tree.body[at:at] = ast.parse(beginning).body
    return ast.unparse(ast.fix_missing_locations(tree))


def _call(name: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), list(arguments), [])


def _called(tree: ast.Module, own: Mapping[str, ast.FunctionDef], to: Callable[[ast.Call], ast.expr]) -> str | None:
    """Return the script with every call of the functions ``own`` replaced; None when there are no such functions."""
    return ast.unparse(ast.fix_missing_locations(_Calls(own, to).visit(tree))) if own else None


class _Calls(ast.NodeTransformer):
    def __init__(self, own: Mapping[str, ast.FunctionDef], to: Callable[[ast.Call], ast.expr]) -> None:
        self.own, self.to = own, to

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        return self.to(node) if isinstance(node.func, ast.Name) and node.func.id in self.own else node


def _as_method(call: ast.Call) -> ast.expr:
    assert isinstance(call.func, ast.Name)
    holder = _call(f"{MARK}{call.func.id}")
    return ast.Call(ast.Attribute(holder, call.func.id, ast.Load()), call.args, call.keywords)


def _out_of_dictionary(call: ast.Call) -> ast.expr:
    assert isinstance(call.func, ast.Name)
    found = ast.Subscript(ast.Name("via_parts", ast.Load()), ast.Constant(call.func.id), ast.Load())
    return ast.Call(found, call.args, call.keywords)


def _first_value(call: ast.Call) -> ast.expr:
    return _call("next", call)


def _mangled(function: ast.FunctionDef) -> bool:
    """Whether a class would change the spelling of a name in the function."""
    names = [n.id if isinstance(n, ast.Name) else getattr(n, "attr", getattr(n, "arg", "")) for n in ast.walk(function)]
    return any(str(name).startswith("__") and not str(name).endswith("__") for name in names)


def _plain_body(function: ast.FunctionDef) -> bool:
    """Whether returning and handing over a first value come to the same in the function."""
    stays = (ast.Yield, ast.YieldFrom, ast.Await, ast.Try)
    return not any(isinstance(node, stays) for node in own_nodes(function.body))


class _Yielding(ast.NodeTransformer):
    """Puts ``yield`` and an end in the place of the ``return`` of one function."""

    def visit_Return(self, node: ast.Return) -> list[ast.stmt]:
        return [ast.Expr(ast.Yield(node.value)), ast.Return(None)]

    def visit(self, node: ast.AST) -> object:
        return node if isinstance(node, SCOPES) else super().visit(node)


def _result(node: ast.AST, own: Mapping[str, ast.FunctionDef]) -> bool:
    """Whether the node binds one name to what one of the functions ``own`` returns."""
    match node:
        case ast.Assign(targets=[ast.Name()], value=ast.Call(func=ast.Name(id=name))):
            return name in own
        case _:
            return False


def _suites(node: ast.AST) -> list[list[ast.stmt]]:
    lists = [value for _, value in ast.iter_fields(node) if isinstance(value, list)]
    return [value for value in lists if value and isinstance(value[0], ast.stmt) and not isinstance(node, ast.ClassDef)]


class _Filed(ast.NodeTransformer):
    def __init__(self, numpy: set[str]) -> None:
        self.numpy, self.made = numpy, 0

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        match node.func:
            case ast.Attribute(value=ast.Name(id=module), attr=name) if module in self.numpy and name in ARRAYS:
                self.made += 1
                return _call("via_file", ast.Constant(f"via_{self.made}.pickle"), node)
            case _:
                return node


def _globals(node: ast.stmt) -> set[str]:
    """Return the names of the script that a definition reads or sets from outside itself."""
    found: set[str] = set()
    tables = [symtable.symtable(ast.unparse(node), "<part>", "exec")]
    while tables:
        table = tables.pop()
        at_top = table.get_type() == "module"
        found |= {s.get_name() for s in table.get_symbols() if (s.is_referenced() if at_top else s.is_global())}
        tables += table.get_children()
    return found - {getattr(node, "name", "")}
