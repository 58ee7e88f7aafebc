"""Convolutions by Fourier transforms: of the tokens' states with a kernel, both padded to twice the window or more.

The product of the two transforms, transformed back and cut to the window, gives each position the positions up to it,
where the kernel is no longer than the window: what it holds is for distances from zero on. Anything else that is done
with a transform over the positions spreads each of them over all.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from auditor.program import ir
from auditor.timeline.trackers.forwards.axes import Mixed, Size, Tensor, index_of
from auditor.timeline.trackers.forwards.grids import LENGTH, Grid

_SAME = frozenset(
    {
        "exp", "sin", "cos", "sqrt", "sigmoid", "tanh", "softplus", "abs", "neg", "square", "clamp", "clip", "to",
        "float", "type", "type_as", "contiguous", "log", "pow", "relu", "cuda", "detach", "clone", "double", "half",
        "bfloat16", "unsqueeze", "expand",
    }
)  # fmt: skip
_FORWARD = frozenset({"fft", "rfft"})
_BACK = frozenset({"ifft", "irfft"})
_WHAT = "a Fourier transform over the positions"


class Span(Struct, frozen=True):
    """A number that is ``times`` the length of the window."""

    times: int


class Kernel(Struct, frozen=True):
    """A tensor that no token went into, with one number for each distance in the window along its last axis."""


class Spectrum(Struct, frozen=True):
    """A transform of ``whole`` numbers: of states (``states``), of a kernel, or, ``joined``, the product of both."""

    whole: Span
    states: Tensor | None = None
    joined: bool = False


class Unrolled(Struct, frozen=True):
    """What such a product is transformed back to: as long as the transform, until it is cut to the window."""

    states: Tensor


def spread(value: object, mixed: Mixed) -> object:
    """Return a value as what takes it without knowing of transforms sees it: each position is in all of them."""
    states = value.states if isinstance(value, Spectrum | Unrolled) else None
    if states is None:
        return None if isinstance(value, Spectrum) else value
    return replace(states, leak=states.leak or replace(mixed, what=_WHAT, certain=False))


def number(op: str, left: object, right: object) -> object:
    """Return arithmetic of a window's length, or of what holds a number for each of its places; None for others."""
    for size, other in ((left, right), (right, left)):
        if isinstance(size, Size) and size.axis == "T":
            if op == "*" and isinstance(other, int) and other > 1:
                return Span(other)
            if op == "+" and isinstance(other, Size) and other.axis == "T":
                return Span(2)
    return Kernel() if op in ("+", "-", "*", "/", "**") and (_by_place(left) or _by_place(right)) else None


def product(op: str, left: object, right: object, mixed: Mixed) -> object:
    """Return an operation that a transform takes part in; None where none does."""
    if not isinstance(left, Spectrum | Unrolled) and not isinstance(right, Spectrum | Unrolled):
        return None
    if op == "*" and isinstance(left, Spectrum) and isinstance(right, Spectrum) and left.whole == right.whole:
        one, other = (left, right) if left.states is not None else (right, left)
        if one.states is not None and other.states is None and not one.joined:
            return Spectrum(one.whole, one.states, joined=True)
    found = [value for value in (spread(left, mixed), spread(right, mixed)) if isinstance(value, Tensor)]
    return next((value for value in found if value.leak is not None), found[0] if found else None)


def function(name: str, given: list[object], keywords: dict[str, object], mixed: Mixed) -> object:
    """Return what a function makes of transforms, and of kernels; None where it has nothing to do with them."""
    first = given[0] if given else None
    if name in _FORWARD and not mixed.certain:
        return None
    whole = given[1] if len(given) > 1 else keywords.get("n")
    dim = given[2] if len(given) > 2 else keywords.get("dim", -1)
    if name in _FORWARD and isinstance(whole, Span):
        if _by_place(first):
            return Spectrum(whole) if dim == -1 else None
        axes = first.axes if isinstance(first, Tensor) else None
        place = index_of(axes, dim) if axes is not None and isinstance(dim, int) else None
        plain = isinstance(first, Tensor) and not first.raw and first.knows_later is None and not first.longer
        if plain and axes is not None and place == len(axes) - 1 and axes[place] == "T":
            assert isinstance(first, Tensor)
            return Spectrum(whole, first)
        return None
    if isinstance(first, Spectrum):
        if name in _BACK and first.joined and whole == first.whole and dim == -1:
            assert first.states is not None
            return Unrolled(first.states)
        return first if name == "unsqueeze" and first.states is None else spread(first, mixed)
    if isinstance(first, Unrolled):
        return spread(first, mixed)
    return Kernel() if name in _SAME and isinstance(first, Kernel | Grid) and _by_place(first) else None


def sliced(value: object, index: ir.Expr, mixed: Mixed, known: Callable[[ir.Expr], object]) -> object:
    """Return ``value[index]``: what was transformed back, cut to the window, is states again."""
    last = index.elts[-1] if isinstance(index, ir.Sequence) and index.elts else index
    window = isinstance(last, ir.Slice) and last.lower is None and last.step is None and last.upper is not None
    if isinstance(value, Unrolled):
        assert not window or isinstance(last, ir.Slice)
        size = known(last.upper) if isinstance(last, ir.Slice) and window and last.upper is not None else None
        rest = index.elts[:-1] if isinstance(index, ir.Sequence) else ()
        whole = rest and all((isinstance(part, ir.Const) and part.value is ...) or _all(part) for part in rest)
        return value.states if whole and size == Size("T") else spread(value, mixed)
    new = isinstance(index, ir.Const | ir.Sequence) and _new_axes(index)
    return value if isinstance(value, Kernel | Spectrum) and new else spread(value, mixed)


def _by_place(value: object) -> bool:
    return isinstance(value, Kernel) or (isinstance(value, Grid) and value.shape[-1:] == (LENGTH,))


def _all(part: ir.Expr) -> bool:
    return isinstance(part, ir.Slice) and part.lower is None and part.upper is None and part.step is None


def _new_axes(index: ir.Expr) -> bool:
    """Return whether an index adds axes before the last one only."""
    parts = index.elts if isinstance(index, ir.Sequence) else (index,)
    added = [isinstance(part, ir.Const) and part.value is None for part in parts]
    return (
        any(added)
        and not (added[-1] and len(added) > 1)
        and all(a or _all(p) for a, p in zip(added, parts, strict=True))
    )
