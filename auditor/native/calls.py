"""Calls in native code: of the text's own functions, of the standard library, of what isn't known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from auditor.native import code
from auditor.native.flow import NOTHING, Flow, Loc, joined
from auditor.regex import regex

if TYPE_CHECKING:
    from auditor.native.expressions import Expressions

_MATH: Final = regex(
    r"(f?abs|l?labs|exp[2fl]?|expm1f?|log(2|10|1p)?[fl]?|sqrtf?|powf?|f?(min|max)[fl]?|round[fl]?|l+roundf?|floor[fl]?"
    r"|ceil[fl]?|tanhf?|clamp|isnan|isinf|isfinite|swap|__expf|__logf|__ldg|h?exp|h?log|move|forward|make_pair|size)$"
)
_MEMORY: Final = frozenset({"malloc", "calloc", "aligned_alloc", "mmap", "realloc", "xcalloc", "xmalloc"})
_QUIET: Final = regex(
    r"(free|munmap|madvise|memset|fill|fill_n|posix_memalign|printf|fprintf|fflush|puts|perror|exit|abort|assert|omp_\w+"
    r"|__builtin_\w+|__sync_\w+|clock|time|TORCH_CHECK|AT_ASSERTM|__syncthreads|getenv|usleep|sizeof)$"
)
_OF_CONTAINERS: Final = frozenset(
    {
        "data", "data_ptr", "ptr", "mutable_data", "begin", "end", "get", "contiguous", "cpu", "packed_accessor32",
        "accessor", "request", "unchecked", "mutable_unchecked", "to", "view", "flatten",
    }
)  # fmt: skip
_SIZES: Final = frozenset({"size", "numel", "shape", "length", "ndim", "dim", "empty", "sizes", "stride", "defined"})
_FILLING: Final = frozenset(
    {"push_back", "emplace_back", "push", "insert", "emplace", "assign", "append", "push_front"}
)
_CHANGING: Final = frozenset({"clear", "resize", "reserve", "pop_back", "pop_front", "pop", "erase", "rehash", "swap"})
_FINDING: Final = frozenset({"find", "count", "at", "operator[]", "contains", "back", "front", "top"})


def called(follower: Expressions, node: code.Call) -> Flow:
    """Return what a call yields."""
    if node.receiver is not None:
        return _method(follower, node, node.receiver)
    args = [_argument(follower, node.name, i, a) for i, a in enumerate(node.args)]
    own = follower.frames[-1].owner
    for owner in dict.fromkeys((own, "")):
        if (owner, node.name) in follower.unit.functions:
            this = follower.frames[-1].this if owner else frozenset()
            follower.line = node.line
            return follower.call(node.name, args, owner, this)
    if node.name in follower.unit.classes:
        return follower.new(code.New(node.name, node.args, node.line))
    return _library(follower, node, args)


def _argument(follower: Expressions, name: str, position: int, node: code.Expr) -> Flow:
    """Return an argument's value; for a reference parameter, its place."""
    own = follower.frames[-1].owner
    for owner in dict.fromkeys((own, "")):
        function = follower.unit.functions.get((owner, name))
        if function is not None and position < len(function.params):
            return _bound(follower, function.params[position], node)
    return follower.eval(node)


def _bound(follower: Expressions, param: code.Declaration, node: code.Expr) -> Flow:
    if param.reference and isinstance(node, code.Name | code.Field | code.Index | code.Deref):
        locs, _ = follower.places(node)
        if all(loc[0] != "array" for loc in locs):
            return Flow(follower.eval(node).atoms, locs)
    return follower.eval(node)


def _method(follower: Expressions, node: code.Call, receiver: code.Expr) -> Flow:
    owners = [owner for owner, name in follower.unit.functions if name == node.name and owner]
    kind = follower.type_of(receiver)
    if kind in owners or len(owners) == 1:
        owner = kind if kind in owners else owners[0]
        function = follower.unit.functions[owner, node.name]
        places = follower.pointed(receiver)[0] if node.arrow else follower.places(receiver)[0]
        args = [
            _bound(follower, function.params[i], a) if i < len(function.params) else follower.eval(a)
            for i, a in enumerate(node.args)
        ]
        follower.line = node.line
        return follower.call(node.name, args, owner, places)
    return _container(follower, node, receiver)


def _container(follower: Expressions, node: code.Call, receiver: code.Expr) -> Flow:
    """Return what a method of a library's container, array or tensor yields."""
    args = [follower.eval(a) for a in node.args]
    name = node.name
    if name in _SIZES:
        return NOTHING
    if name in _OF_CONTAINERS:
        value = follower.eval(receiver)
        return value if value.locs else Flow(value.atoms, follower.places(receiver)[0])
    if name in _FILLING:
        element = code.Index(receiver, code.Opaque("an item", (), node.line), node.line)
        follower.store(element, joined(args), "+", node.line)
        return NOTHING
    if name in _CHANGING:
        return NOTHING
    if name in _FINDING:
        locs, _ = follower.places(receiver)
        key = joined(args)
        held = follower.load(frozenset(_inside(loc) for loc in locs), key, node.line)
        return Flow(held.atoms, held.locs or frozenset(_inside(loc) for loc in locs))
    follower.undecided.setdefault(node.line, f"{name}() is not part of the source")
    return joined((follower.eval(receiver), *args))


def _inside(loc: Loc) -> Loc:
    return loc if loc[0] == "array" or loc[-1] == "[]" else (*loc, "[]")


def _library(follower: Expressions, node: code.Call, args: list[Flow]) -> Flow:
    name = node.name
    if _MATH.match(name):
        value = joined(args)
        if len(args) > 1 and name.lstrip("f").startswith(("min", "max")):
            value = value.also(follower.mixture(args[0], args[1], node.line))
        num = args[0].num if len(args) == 1 else None
        return Flow(value.atoms, frozenset(), num)
    if name in _MEMORY:
        return follower.allocated(node.line)
    if name in ("memcpy", "memmove", "copy") and len(args) >= 2:
        held = joined(follower.load(a.locs, a, node.line) for a in args[1:2])
        element = code.Deref(node.args[0], node.line)
        follower.store(element, held, "+", node.line)
        return NOTHING
    if _QUIET.match(name):
        return NOTHING
    if any(a.atoms or a.locs for a in args):
        follower.undecided.setdefault(node.line, f"{name}() is not part of the source")
    return joined(args)
