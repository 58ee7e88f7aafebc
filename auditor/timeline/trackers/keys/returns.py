"""Whether what a model's own method gives hangs on one of its arguments: a target that it is handed, say."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from auditor.program import ir
from auditor.program.walk import walk
from auditor.timeline.engine.arguments import Args
from auditor.timeline.values.payloads import Bound, Function, Heap, Known, Value

_ROUNDS = 8  # a chain of assignments that is longer, written backwards in a loop, counts as hanging


# What was told of a method's text already, for as many arguments and the same truths of constants, with the text.
Told = dict[tuple[object, ...], tuple[ir.Node, list["int | str"]]]


def targets(func: Value, args: Args, told: Told) -> int:
    """Return the origins of the arguments after the first on which hangs what a model gives: its targets.

    ``told`` is filled with what each text says: the same call is made in every round of a loop.
    """
    method = _method(func)
    asked = None if method is None else hanging(method, args, told)
    out = 0
    for at, value in (*enumerate(args.positional), *args.keywords.items()):
        if at != 0 and (asked is None or at in asked):
            out |= value.m
    return out


def _method(func: Value) -> Function | None:
    """Return the method that is called where a model of the program is; None where its code is elsewhere."""
    p = func.p
    if isinstance(p, Heap):
        found = p.cls.find("forward") if p.cls is not None else None
        p = found.p if found is not None else None
    elif isinstance(p, Bound):
        p = p.func
    return p if isinstance(p, Function) else None


def hanging(function: Function, args: Args, told: Told) -> list[int | str]:
    """Return the arguments, by place or name, on which what a bound method returns may hang.

    Decided on the text alone, for the constants that are passed or default: ``if return_logits: return logits`` ends
    the method there where ``return_logits`` is True, and no loss is computed of the targets that came with it.
    """
    node = function.node
    given: list[int | str] = [*range(len(args.positional)), *args.keywords]
    names = _names_of(function, args)
    if names is None or isinstance(node, ir.Lambda):
        return given
    constants = _constants(node, args, names)
    # Of a constant nothing is asked but whether it is true, and whether it is there.
    truths = tuple((name, value is None, bool(value)) for name, value in constants.items())
    which = (id(node), len(args.positional), *args.keywords, truths)
    if which not in told:
        live = [_said(each) for each in _live(node.body, _never_set(node, constants))]
        found = [key for key in given if _hangs(live, names[key])]
        told[which] = node, found
    return told[which][1]


def apart(func: Value, args: Args, among: Collection[int | str]) -> tuple[bool, ...] | None:
    """Return of each of several things that a model gives at once whether it hangs on one of the arguments ``among``.

    As a loss and an entropy, of which the targets make the first only. None where it is one thing, or can't be told.
    """
    method = _method(func)
    names = _names_of(method, args) if method is not None else None
    if method is None or names is None or isinstance(method.node, ir.Lambda):
        return None
    live = list(_live(method.node.body, _never_set(method.node, _constants(method.node, args, names))))
    given = [node.value for node in live if isinstance(node, ir.Return)]
    items = [value.elts for value in given if isinstance(value, ir.Sequence) and value.kind == "tuple"]
    several = items and len(items) == len(given) and len({len(each) for each in items}) == 1
    if not several or any(isinstance(item, ir.Starred) for each in items for item in each):
        return None
    said = [_said(node) for node in live]
    stained = _stained(said, {names[key] for key in among})
    if stained is None or any(not stained.isdisjoint(_told(node)) for node in live if not isinstance(node, ir.Return)):
        return None
    return tuple(any(not stained.isdisjoint(_names(item)) for item in column) for column in zip(*items, strict=True))


def _names_of(function: Function, args: Args) -> dict[int | str, str] | None:
    """Return the parameter's name of each argument, by place or name; None where that can't be told."""
    node = function.node
    if isinstance(node, ir.Lambda) or args.rest is not None or any(p.kind in ("*", "**") for p in node.params):
        return None
    if len(args.positional) >= len(node.params):
        return None
    names: dict[int | str, str] = {at: node.params[at + 1].name for at in range(len(args.positional))}
    return names | {name: name for name in args.keywords}


def _constants(node: ir.FunctionDef, args: Args, names: Mapping[int | str, str]) -> dict[str, object]:
    """Return the parameters that are constants in a call, by what is passed or by default."""
    constants: dict[str, object] = {p.name: p.default.value for p in node.params if isinstance(p.default, ir.Const)}
    for key, name in names.items():
        value = args.positional[key] if isinstance(key, int) else args.keywords[key]
        constants.pop(name, None)
        if isinstance(value.p, Known):
            constants[name] = value.p.v
    return constants


_SETS = frozenset({ir.Assign, ir.Delete, ir.AugAssign, ir.NamedExpr, ir.For, ir.CompFor, ir.With})


def _never_set(node: ir.FunctionDef, constants: Mapping[str, object]) -> dict[str, object]:
    """Return those of the constants that nothing in the body assigns anew."""
    if not constants:
        return {}
    stored = {
        name for each in walk(node) if type(each) in _SETS for target in _targets(each) for name in _names(target)
    }
    return {name: value for name, value in constants.items() if name not in stored}


def _targets(node: ir.Node) -> Sequence[ir.Expr]:
    if isinstance(node, ir.Assign | ir.Delete):
        return node.targets
    if isinstance(node, ir.AugAssign | ir.NamedExpr | ir.For | ir.CompFor):
        return (node.target,)
    if isinstance(node, ir.With):
        return [one for _, one in node.items if one is not None]
    return ()


def _live(body: Sequence[ir.Node], known: Mapping[str, object]) -> Iterator[ir.Node]:
    """Yield the statements that may run, those of a branch that the constants rule out left away."""
    for statement in body:
        if isinstance(statement, ir.If):
            truth = _truth(statement.test, known)
            yield statement
            for branch, taken in ((statement.body, truth is not False), (statement.orelse, truth is not True)):
                if taken:
                    yield from _live(branch, known)
            if truth is not None and _leaves(statement.body if truth else statement.orelse):
                return
            continue
        yield statement
        if isinstance(statement, ir.For | ir.While):
            yield from _live((*statement.body, *statement.orelse), known)
        elif isinstance(statement, ir.With):
            yield from _live(statement.body, known)
        elif isinstance(statement, ir.Try):
            for part in (statement.body, *(h.body for h in statement.handlers), statement.orelse, statement.finalbody):
                yield from _live(part, known)
        elif isinstance(statement, ir.Return | ir.Raise):
            return


def _leaves(body: Sequence[ir.Node]) -> bool:
    return bool(body) and isinstance(body[-1], ir.Return | ir.Raise)


def _truth(test: ir.Expr, known: Mapping[str, object]) -> bool | None:
    """Return what a test amounts to; None where that hangs on more than the constants."""
    if isinstance(test, ir.Const):
        return bool(test.value)
    if isinstance(test, ir.Name):
        return bool(known[test.id]) if test.id in known else None
    if isinstance(test, ir.UnaryOp) and test.op == "not":
        truth = _truth(test.operand, known)
        return None if truth is None else not truth
    if isinstance(test, ir.BoolOp):
        truths = [_truth(value, known) for value in test.values]
        decisive = test.op == "or"
        return decisive if decisive in truths else None if None in truths else not decisive
    if isinstance(test, ir.Compare) and isinstance(test.left, ir.Name) and test.left.id in known:
        other = test.rights[0]
        if test.ops in (("is",), ("is not",)) and isinstance(other, ir.Const) and other.value is None:
            return (known[test.left.id] is None) == (test.ops[0] == "is")
    return None


class _Said(NamedTuple):
    """What a statement says of names: what it is made from, what it makes, and what it lets out or decides by."""

    sources: set[str]
    made: set[str]
    told: set[str]


def _said(node: ir.Node) -> _Said:
    if isinstance(node, ir.FunctionDef | ir.ClassDef):
        return _Said(_names(node), {node.name}, set())
    taken = _SOURCES.get(type(node))
    sources = set().union(*map(_names, taken(node))) if taken is not None else set()
    made = set().union(*map(_names, _targets(node))) if sources else set()
    if sources and isinstance(node, ir.ExprStmt) and isinstance(node.value, ir.Call):
        made |= _names(node.value.func)
    return _Said(sources, made, _told(node))


_SOURCES: dict[type, Callable[[Any], list[ir.Expr]]] = {
    ir.For: lambda n: [n.iter],
    ir.With: lambda n: [one for one, _ in n.items],
    ir.Assign: lambda n: [n.value] if n.value is not None else [],
    ir.AugAssign: lambda n: [n.value],
    ir.ExprStmt: lambda n: [n.value],  # a method may keep what it is handed: ``seen.append(y)``
}


def _hangs(live: Sequence[_Said], name: str) -> bool:
    """Return whether what is returned is made from ``name``, or chosen by looking into it."""
    stained = _stained(live, {name})
    return stained is None or any(not stained.isdisjoint(said.told) for said in live)


def _stained(live: Sequence[_Said], names: set[str]) -> set[str] | None:
    """Return the names of what is made from ``names``, with these; None where the chain is too long."""
    stained = set(names)
    for _ in range(_ROUNDS):
        before = len(stained)
        for said in live:
            if not stained.isdisjoint(said.sources):
                stained |= said.made
        if len(stained) == before:
            return stained
    return None


def _told(node: ir.Node) -> set[str]:
    """Return the names in what a statement returns, yields or decides by."""
    if isinstance(node, ir.Return | ir.ExprStmt) and node.value is not None:
        spoken = isinstance(node, ir.Return) or isinstance(node.value, ir.Yield)
        return _names(node.value) if spoken else set()
    return _asked(node.test) if isinstance(node, ir.If | ir.While) else set()


def _asked(test: ir.Expr) -> set[str]:
    """Return the names that a test looks into: whether something is given at all tells nothing of it."""
    if isinstance(test, ir.BoolOp):
        return {name for value in test.values for name in _asked(value)}
    if isinstance(test, ir.Compare) and set(test.ops) <= {"is", "is not"}:
        return set()
    return _names(test)


def _names(node: ir.Node) -> set[str]:
    return {each.id for each in walk(node) if type(each) is ir.Name}
