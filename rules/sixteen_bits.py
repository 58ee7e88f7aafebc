"""What a file makes in 16 bits, followed by name: states of weights, and uint16 numbers with whose they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from auditor.program import ir
from auditor.program.index import Index, Nodes
from auditor.program.model import Unit
from auditor.program.walk import walk

FLOATS = ("bfloat16", "float16")


def kind_of_state(unit: Unit, function: ir.FunctionDef | None, nodes: Nodes, state: str) -> str | None:
    """Return the 16-bit type in which every assignment makes ``state``; None where one doesn't, or none is seen."""
    own = [node for node in nodes.of(ir.Assign) if _assigns(node, state)]
    if own:
        return _kind_of_all(own) if not _widened(nodes, state) else None
    position = next((i for i, p in enumerate(function.params) if p.name == state), None) if function else None
    if function is not None and position is not None:
        method = function.params[0].name == "self"
        passed = list(_passed(unit, function.name, position - method, state))
        kinds = {kind_of_state(unit, None, there, key) if key and key != state else None for there, key in passed}
        if {key for _, key in passed} == {state}:
            kinds = {_kind_of_all([n for n in there.of(ir.Assign) if _assigns(n, state)]) for there, _ in passed}
        return kinds.pop() if len(kinds) == 1 else None
    found = [node for node in unit.index.of(ir.Assign) if _assigns(node, state)]
    return _kind_of_all(found) if not _widened(unit.index, state) else None


def _passed(unit: Unit, name: str, position: int, keyword: str) -> Iterator[tuple[Nodes, str | None]]:
    """Yield what calls of ``name`` hand over at a place, with the body that they stand in."""
    for _, nodes in unit.bodies:
        for node in nodes.calls(name):
            if dotted(node.func) is not None:
                named = [arg.value for arg in node.args if arg.keyword == keyword]
                given = named or [arg.value for arg in node.args if arg.keyword is None][position : position + 1]
                yield nodes, dotted(given[0]) if given else None


def _assigns(node: ir.Assign, key: str) -> bool:
    if node.value is None:
        return False
    nothing = isinstance(node.value, ir.Const) and node.value.value is None
    return not nothing and any(dotted(target) == key for target in node.targets)


def _kind_of_all(assignments: Sequence[ir.Assign]) -> str | None:
    kinds = {_kind_made(node.value) for node in assignments if node.value is not None}
    return kinds.pop() if len(kinds) == 1 else None


def _kind_made(node: ir.Expr) -> str | None:
    """Return the 16-bit type of what an expression makes: its last cast, or that of a comprehension's parts."""
    if isinstance(node, ir.Comprehension):
        return _kind_made(node.value if node.value is not None else node.elt)
    while isinstance(node, ir.Call):
        typed = [kind for arg in node.args if (kind := _type(arg.value)) is not None]
        if typed:
            return typed[-1] if typed[-1] in FLOATS else None
        if not isinstance(node.func, ir.Attr):
            return None
        match node.func.attr:
            case "bfloat16":
                return "bfloat16"
            case "half":
                return "float16"
            case "float" | "double":
                return None
        node = node.func.value
    return None


def _type(node: ir.Expr) -> str | None:
    if isinstance(node, ir.Attr) and dotted(node.value) == "torch":
        kind = {"half": "float16", "float": "float32"}.get(node.attr, node.attr)
        return kind if kind.startswith(("float", "bfloat", "double")) else None
    return None


def _widened(nodes: Nodes | Index, state: str) -> bool:
    """Return whether ``state``, or modules in it, are turned into float32 again."""
    inside = {state, *(name for name, over in _modules(nodes) if over == state)}
    return any(
        isinstance(n.func, ir.Attr)
        and (n.func.attr == "float" or any(_type(a.value) == "float32" for a in n.args))
        and dotted(n.func.value) in inside
        for n in nodes.of(ir.Call)
    )


def _modules(nodes: Nodes | Index) -> Iterator[tuple[str, str]]:
    for loop in nodes.of(ir.For):
        over = [dotted(n) for n in walk(loop.iter) if isinstance(n, ir.Name | ir.Attr)]
        names = [dotted(n) for n in walk(loop.target) if isinstance(n, ir.Name)]
        yield from ((name, state) for name in names for state in over if name and state)


def uint16_names(nodes: Nodes, known: dict[str, str]) -> dict[str, str]:
    """Return the names that hold uint16 wherever they are assigned, and whose: torch's or NumPy's."""
    found = dict(known)
    assigned: dict[str, set[str | None]] = {}
    for node in nodes.of(ir.Assign, ir.AugAssign, ir.For):
        for target in node.targets if isinstance(node, ir.Assign) else (node.target,):
            if isinstance(target, ir.Subscript):
                continue
            plain = isinstance(node, ir.Assign) and isinstance(target, ir.Name) and node.value is not None
            kind = uint16_of(node.value, found) if plain and isinstance(node, ir.Assign) and node.value else None
            for name in [target.id] if type(target) is ir.Name else [n.id for n in walk(target) if type(n) is ir.Name]:
                assigned.setdefault(name, set()).add(kind)
                if kind is not None:
                    found[name] = kind
    return {name: kind for name, kind in found.items() if assigned.get(name, {kind}) == {kind}}


_KEEP = ("reshape", "clone", "contiguous", "cuda", "cpu", "copy", "flatten", "ravel", "squeeze", "unsqueeze", "detach")
_MAKE = (
    "fromfile",
    "memmap",
    "frombuffer",
    "zeros",
    "ones",
    "empty",
    "array",
    "asarray",
    "full",
    "tensor",
    "as_tensor",
)


def uint16_of(node: ir.Expr, known: dict[str, str]) -> str | None:
    """Return whose uint16 an expression is, None where it is something else or can't be told."""
    if isinstance(node, ir.Name):
        return known.get(node.id)
    if isinstance(node, ir.Subscript):
        library = uint16_of(node.value, known)
        # NumPy 1 widens a single number; a slice is an array in each version.
        return library if library == "torch" or isinstance(node.index, ir.Slice) else None
    if isinstance(node, ir.BinOp) and node.op in "+-*^&|" and whole(node.right) is not None:
        return uint16_of(node.left, known)
    if not isinstance(node, ir.Call) or not isinstance(node.func, ir.Attr):
        return None
    owner, name = dotted(node.func.value), node.func.attr
    narrow = [
        dotted(arg.value) for arg in node.args if dotted(arg.value) in ("torch.uint16", "np.uint16", "numpy.uint16")
    ]
    if owner in ("np", "numpy", "torch") and name in _MAKE and narrow:
        return "torch" if owner == "torch" else "numpy"
    if owner == "torch" and name in ("from_numpy", "as_tensor") and node.args and len(node.args) == 1:
        return "torch" if uint16_of(node.args[0].value, known) is not None else None
    if name in ("astype", "to", "type", "view") and narrow:
        return "torch" if narrow[0] == "torch.uint16" else "numpy"
    return uint16_of(node.func.value, known) if name in _KEEP else None


def whole(node: ir.Expr) -> int | None:
    """Return an integer that is written out."""
    value = node.value if isinstance(node, ir.Const) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def dotted(node: ir.Expr) -> str | None:
    """Return ``a.b.c`` as text; None for anything else."""
    if isinstance(node, ir.Name):
        return node.id
    if isinstance(node, ir.Attr):
        owner = dotted(node.value)
        return None if owner is None else f"{owner}.{node.attr}"
    return None
