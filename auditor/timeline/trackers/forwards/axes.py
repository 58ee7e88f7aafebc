"""Tensors of a forward pass by their axes, and what operations do to them.

An axis is named by what it ranges over: ``T`` the positions of the sequence, ``S`` the positions that are looked at
(the keys of attention), ``B`` the batch, ``D`` anything else. A tensor is *pooled* when later positions went into it
and no axis of positions is left; it is a *leak* when that is given back to positions.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from auditor.timeline.values.frames import Site

Axes = tuple[str, ...]


class Mixed(Struct, frozen=True):
    """Where later positions come in, in words; ``certain`` where the axis is known and nothing guards it."""

    site: Site
    what: str
    certain: bool


class Tensor(Struct, frozen=True):
    """A tensor made from the tokens; ``axes`` is None where they are not known.

    Through a convolution (``reach``), a position knows those up to ``ahead`` later ones; what is padded on the left
    takes some of these away again. ``raw``: tokens that nothing has embedded; what is done to them tells nothing, they
    may as well be hidden states, with an axis more.
    """

    axes: Axes | None = None
    pooled: Mixed | None = None
    leak: Mixed | None = None
    masked: bool = False
    ahead: int = 0
    reach: Mixed | None = None
    raw: bool = False
    longer: bool = False  # padded behind the last position
    cut: int = 0  # how many of the first positions were just left out

    @property
    def knows_later(self) -> Mixed | None:
        """Where later positions came in that are given back to earlier ones."""
        return self.leak or (self.reach if self.ahead > 0 else None)


SHIFTED = -1_000_000  # ``ahead`` of what was moved along the positions, nobody knows how far


class Size(Struct, frozen=True):
    """The length of an axis."""

    axis: str


NOTHING = object()  # Python's None; what is not known is None here


class Several(Struct, frozen=True):
    """A tuple or list of values."""

    items: tuple[object, ...]


def has_positions(value: object) -> bool:
    """Return whether a value has an axis of positions."""
    return isinstance(value, Tensor) and value.axes is not None and "T" in value.axes


def index_of(axes: Axes, dim: int) -> int | None:
    """Return the place of axis number ``dim``, None where there is none."""
    place = dim + len(axes) if dim < 0 else dim
    return place if 0 <= place < len(axes) else None


def blended(values: list[object], axes: Axes | None = None) -> Tensor:
    """Return what an operation, element by element, makes of several values."""
    tensors = [v for v in values if isinstance(v, Tensor)]
    if len(tensors) == 1 and axes is None and tensors[0].pooled is None and not tensors[0].longer:
        return tensors[0]
    known = [t.axes for t in tensors if t.axes is not None]
    widest = (
        axes
        if axes is not None
        else _against(known) or max(known, key=lambda a: (("T" in a) + ("S" in a), len(a)), default=None)
    )
    leak = next((t.leak for t in tensors if t.leak is not None), None)
    pooled = next((t.pooled for t in tensors if t.pooled is not None), None)
    if leak is None and pooled is not None and widest is not None and "T" in widest:
        leak, pooled = pooled, None
    far = max(tensors, key=lambda t: t.ahead, default=Tensor())
    masked = any(t.masked for t in tensors)
    raw = bool(tensors) and all(t.raw for t in tensors)
    return Tensor(widest, pooled if leak is None else None, leak, masked, far.ahead, far.reach, raw)


def _against(known: list[Axes]) -> Axes | None:
    """Return the axes of positions against positions (``x[:, None, :]`` with ``x[:, :, None]``), None for others."""
    if len(known) != 2 or len(known[0]) != len(known[1]):
        return None
    pairs = list(zip(*known, strict=True))
    if ("T", "1") not in pairs or ("1", "T") not in pairs:
        return None
    axes = [one if one != "1" else other for one, other in pairs]
    last = len(axes) - 1 - axes[::-1].index("T")
    return (*axes[:last], "S", *axes[last + 1 :])


def by_letters(equation: str, operands: list[object]) -> Tensor:
    """Return what ``einsum`` makes of its operands: the equation says which axes are left, and in which order."""
    out = blended(operands)
    inputs, arrow, kept = equation.replace(" ", "").partition("->")
    named: dict[str, str] = {}
    for letters, operand in zip(inputs.split(","), operands, strict=False):
        axes = operand.axes if isinstance(operand, Tensor) else None
        if axes is not None and len(axes) == len(letters):
            named |= {letter: axis for letter, axis in zip(letters, axes, strict=True) if named.get(letter, "1") == "1"}
    plain = arrow and kept.isalpha() and all(part.isalpha() for part in inputs.split(","))
    axes = tuple(named.get(letter, "D") for letter in kept)
    return replace(out, axes=axes) if plain and axes.count("T") < 2 else out  # of positions with positions: as it was


def either(values: list[object]) -> Tensor:
    """Return what is one of several values: what one of them has pooled is not given back by the others."""
    tensors = [v for v in values if isinstance(v, Tensor)]
    known = next((t for t in tensors if t.leak is not None), None)
    placed = next((t for t in tensors if t.axes is not None and "T" in t.axes), None)
    return known or placed or blended(values)


def reduced(tensor: Tensor, dims: list[int] | None, *, keep: bool, mixed: Mixed) -> Tensor:
    """Return a tensor of which the axes ``dims`` (None: all) are reduced."""
    axes = tensor.axes
    if axes is None or tensor.raw:
        return tensor if dims is not None else replace(tensor, axes=())
    places = list(range(len(axes))) if dims is None else [p for d in dims if (p := index_of(axes, d)) is not None]
    gone = {axes[p] for p in places}
    left = (
        tuple("1" if p in places else a for p, a in enumerate(axes))
        if keep
        else tuple(a for p, a in enumerate(axes) if p not in places)
    )
    if "T" in gone and "T" not in left and "S" not in axes:
        # Along an axis of one, something of another shape may have come in: a mask, for one.
        found = replace(mixed, certain=mixed.certain and dims is not None and "1" not in axes)
        return replace(tensor, axes=left, pooled=tensor.pooled or found)
    return replace(tensor, axes=left)


def multiplied(left: Tensor, right: Tensor, mixed: Mixed) -> Tensor:
    """Return a matrix product; over the positions that are looked at, it mixes them where no mask was applied."""
    base = blended([left, right])
    if base.raw:
        return base
    if left.axes is None or right.axes is None or len(left.axes) < 2 or len(right.axes) < 2:
        return replace(base, axes=left.axes)
    inner, columns = left.axes[-1], right.axes[-1]
    if inner in ("S", "T") and right.axes[-2] in ("T", "S"):
        out = replace(base, axes=(*left.axes[:-1], columns), masked=False)
        if not left.masked and base.leak is None:
            return replace(out, leak=mixed, pooled=None)
        return out
    columns = "S" if columns == "T" and "T" in left.axes else columns
    return replace(base, axes=(*left.axes[:-1], columns))
