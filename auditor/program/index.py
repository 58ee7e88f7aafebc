"""What a module holds, by kind and by function: made in one walk, so that nobody else has to walk."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple, TypeVar, overload

from auditor.program import ir
from auditor.program.walk import BELOW, FUNCTIONS, walk

One = TypeVar("One", bound=ir.Node)
Other = TypeVar("Other", bound=ir.Node)
Third = TypeVar("Third", bound=ir.Node)


class Nodes(list[ir.Node]):
    """Nodes in order, told apart by kind once for all who ask."""

    __slots__ = ("_by_kind", "_called", "_known")

    def __init__(self, nodes: Sequence[ir.Node] = ()) -> None:
        super().__init__(nodes)
        self._by_kind: dict[type, list[Any]] | None = None
        self._called: dict[str, list[ir.Call]] | None = None
        self._known: dict[tuple[type, ...], list[Any]] = {}

    @overload
    def of(self, one: type[One], /) -> list[One]: ...
    @overload
    def of(self, one: type[One], other: type[Other], /) -> list[One | Other]: ...
    @overload
    def of(self, one: type[One], other: type[Other], third: type[Third], /) -> list[One | Other | Third]: ...
    def of(self, *kinds: type[Any]) -> list[Any]:
        """Return the nodes of some kinds; to be asked once the list is complete."""
        known = self._known.get(kinds)
        if known is None:
            told_apart = self._told_apart()
            found = [of_kind for kind in kinds if (of_kind := told_apart.get(kind))]
            if len(found) > 1:
                found = [[node for node in self if node.__class__ in kinds]]
            known = self._known[kinds] = found[0] if found else []
        return known

    @property
    def called(self) -> dict[str, list[ir.Call]]:
        """Return the calls by the last part of what is called (``cat`` of ``torch.cat``); "" where it has no name."""
        if self._called is None:
            self._called = {}
            for call in self.of(ir.Call):
                func = call.func
                name = func.attr if type(func) is ir.Attr else func.id if type(func) is ir.Name else ""
                self._called.setdefault(name, []).append(call)
        return self._called

    def calls(self, *names: str) -> list[ir.Call]:
        """Return the calls of what has one of some names, in order."""
        called = self.called
        found = [calls for name in names if (calls := called.get(name))]
        if len(found) > 1:
            wanted = {id(call) for calls in found for call in calls}
            return [call for call in self.of(ir.Call) if id(call) in wanted]
        return found[0] if found else []

    def _told_apart(self) -> dict[type, list[Any]]:
        if self._by_kind is None:
            by_kind: dict[type, list[Any]] = {}
            for node in self:
                kind = node.__class__
                if kind in by_kind:
                    by_kind[kind].append(node)
                else:
                    by_kind[kind] = [node]
            self._by_kind = by_kind
        return self._by_kind


class Body(NamedTuple):
    """One function (None: the module's top level) and the nodes in it, parents first, those of nested functions apart.

    What stands in lambdas and class bodies belongs to the function around them.
    """

    function: ir.FunctionDef | None
    nodes: Nodes


class Region(NamedTuple):
    """The body of a function, class or loop: its nodes are ``nodes[start:end]`` of the index."""

    node: ir.FunctionDef | ir.Lambda | ir.ClassDef | ir.For | ir.While
    start: int
    end: int


class Index:
    """The nodes of statements in the order of :func:`auditor.program.walk.walk`, and what lies where among them."""

    def __init__(self, body: Sequence[ir.Stmt]) -> None:
        self.nodes: list[Any] = []
        self.regions: dict[int, Region] = {}  # by the id of the node, which this index keeps alive
        self._ends: list[tuple[ir.FunctionDef, int, int]] = []  # every function, from its own node to its last one
        self._walk(body)

    def _walk(self, body: Sequence[ir.Stmt]) -> None:
        nodes, regions, ends = self.nodes, self.regions, self._ends
        stack: list[Any] = list(reversed(body))
        pop, add, below = stack.pop, nodes.append, BELOW
        while stack:
            node = pop()
            kind = node.__class__
            if kind is list:  # a mark that was left below what is walked by now
                owner, at, slot = node
                if slot is not None:
                    ends[slot] = (owner, at, len(nodes))
                elif at < 0:
                    node[1] = len(nodes)
                else:
                    regions[id(owner)] = Region(owner, at, len(nodes))
                continue
            add(node)
            if kind in _LEAVES:
                continue
            if kind not in _WITH_BODY:
                stack += below[kind](node)[::-1]
                continue
            before, inside, after = _WITH_BODY[kind](node)
            mark = [node, -1, None]
            if kind is ir.FunctionDef:
                stack.append([node, len(nodes) - 1, len(ends)])
                ends.append((node, 0, 0))
            stack += [*reversed(after), mark, *reversed(inside), mark, *reversed(before)]

    @cached_property
    def _places(self) -> dict[type, list[int]]:
        places: defaultdict[type, list[int]] = defaultdict(list)
        for at, node in enumerate(self.nodes):
            places[node.__class__].append(at)
        return dict(places)

    @overload
    def of(self, one: type[One], /) -> list[One]: ...
    @overload
    def of(self, one: type[One], other: type[Other], /) -> list[One | Other]: ...
    @overload
    def of(self, one: type[One], other: type[Other], third: type[Third], /) -> list[One | Other | Third]: ...
    @overload
    def of(self, *kinds: type[ir.Node]) -> list[ir.Node]: ...
    def of(self, *kinds: type[Any]) -> list[Any]:
        """Return all nodes of some kinds, parents first."""
        return self._between(kinds, 0, len(self.nodes))

    def within(self, node: ir.Node, *kinds: type[Any]) -> list[Any] | None:
        """Return nodes of some kinds in the body of a function, class or loop; None where it isn't of this module."""
        region = self.regions.get(id(node))
        return None if region is None else self._between(kinds, region.start, region.end)

    def _between(self, kinds: tuple[type[Any], ...], start: int, end: int) -> list[Any]:
        nodes = self.nodes
        places: list[int] = []
        for kind in kinds:
            of_kind = self.place_of(kind)
            places += of_kind[bisect_left(of_kind, start) : bisect_left(of_kind, end)]
        if len(kinds) > 1:
            places.sort()
        return [nodes[at] for at in places]

    def place_of(self, kind: type[ir.Node]) -> Sequence[int]:
        """Return where the nodes of one kind are among all nodes."""
        return self._places.get(kind, ())

    @cached_property
    def bodies(self) -> tuple[Body, ...]:
        """Return the nodes of every function, the module's top level first."""
        found = [Body(None, Nodes())]
        at = 0
        open_until: list[tuple[int, Nodes]] = [(len(self.nodes), found[0].nodes)]
        for function, start, end in self._ends:
            while open_until[-1][0] <= start:
                last, nodes = open_until.pop()
                nodes += self.nodes[at:last]
                at = last
            open_until[-1][1].extend(self.nodes[at : start + 1])
            at = start + 1
            found.append(Body(function, Nodes()))
            open_until.append((end, found[-1].nodes))
        while open_until:
            last, nodes = open_until.pop()
            nodes += self.nodes[at:last]
            at = last
        return tuple(found)


def index_of(module: ir.Module) -> Index:
    """Return the index of a module, made when it is first asked for."""
    kept = module.__dict__
    if "index" not in kept:
        kept["index"] = Index(module.body)
    return kept["index"]  # type: ignore[no-any-return]


@overload
def within(indexes: Sequence[Index], node: Any, one: type[One], /, *, into_functions: bool = True) -> list[One]: ...
@overload
def within(
    indexes: Sequence[Index], node: Any, one: type[One], other: type[Other], /, *, into_functions: bool = True
) -> list[One | Other]: ...
@overload
def within(
    indexes: Sequence[Index],
    node: Any,
    one: type[One],
    other: type[Other],
    third: type[Third],
    /,
    *,
    into_functions: bool = True,
) -> list[One | Other | Third]: ...
@overload
def within(
    indexes: Sequence[Index], node: Any, *kinds: type[ir.Node], into_functions: bool = True
) -> list[ir.Node]: ...
def within(indexes: Sequence[Index], node: Any, *kinds: type[Any], into_functions: bool = True) -> list[Any]:
    """Return the nodes of some kinds in the body of a function, class or loop, wherever it comes from.

    ``into_functions``: also what lies below functions and classes in it.
    """
    for index in indexes:
        found = index.within(node, *kinds)
        if found is None:
            continue
        if not found or into_functions or not index.within(node, *FUNCTIONS):
            return found
        break
    body = (node.body,) if isinstance(node, ir.Lambda) else node.body
    return [one for one in walk(*body, into_functions=into_functions) if one.__class__ in kinds]


_LEAVES = frozenset({ir.Name, ir.Const, ir.Jump, ir.Scope, ir.Import, ir.ImportFrom})
# What has a body that is asked for apart: the nodes before it, in it and after it, in the order of the fields.
_WITH_BODY: dict[type, Any] = {
    ir.FunctionDef: lambda n: (n.params, n.body, n.decorators),
    ir.Lambda: lambda n: (n.params, (n.body,), ()),
    ir.ClassDef: lambda n: (n.bases, n.body, (*n.decorators, *n.keywords)),
    ir.For: lambda n: ((n.target, n.iter), n.body, n.orelse),
    ir.While: lambda n: ((n.test,), n.body, n.orelse),
}
