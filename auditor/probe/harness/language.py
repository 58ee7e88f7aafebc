"""``triton.language`` over torch's tensors: pointers, blocks, and what a program does with them.

Programs that need no more than numbers and blocks of one dimension run together: a number is then (programs, 1), a
block (1, block) or (programs, block).
"""

from __future__ import annotations

import builtins
import dis
import itertools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from auditor.smoke.harness.packages import NoStandIn

_place: tuple[Any, ...] = (0,)
_sizes: tuple[int, ...] = (1,)
_together = False
_stored = False
_AT_ONCE = 2048  # programs
_BLOCKS = frozenset({"dot", "reshape", "view", "permute", "trans", "T", "split", "join", "expand_dims", "broadcast_to",
                     "cumsum", "argmax", "argmin", "flip", "sort", "make_block_ptr", "make_tensor_descriptor",
                     "atomic_add"})  # fmt: skip
"""What a program does with blocks of two dimensions, or in an order."""
_SUBSCRIPTS = frozenset({"BUILD_SLICE", "BINARY_SUBSCR", "BINARY_SLICE"})


class Whole(int):
    """A whole number of a program's, which Triton has as a tensor: ``to`` leaves it as it is."""

    def to(self, _dtype: Any, **_more: Any) -> Whole:
        """Return the number."""
        return self


def _whole(name: str) -> Callable[[Any, Any], Any]:
    plain = getattr(int, name)

    def operate(self: Any, other: Any) -> Any:
        out = plain(self, other)
        return Whole(out) if type(out) is int else out

    return operate


for _name in ("add", "sub", "mul", "floordiv", "mod", "radd", "rsub", "rmul", "rfloordiv", "rmod"):
    setattr(Whole, f"__{_name}__", _whole(f"__{_name}__"))


class Pointer:
    """A place in a tensor's storage, or (n,) places: ``flat`` from the first element on, and offsets into it."""

    def __init__(self, flat: Tensor, offset: Any = 0) -> None:
        self.flat, self.offset = flat, offset.numbers if isinstance(offset, Programs) else offset
        self.dtype = self
        self.element_ty = flat.dtype

    def __add__(self, more: Any) -> Pointer:
        return Pointer(self.flat, self.offset + more)

    __radd__ = __add__

    def __sub__(self, less: Any) -> Pointer:
        return Pointer(self.flat, self.offset - less)

    def to(self, *_kind: Any, **_more: Any) -> Pointer:
        """Return the pointer, whatever it is cast to."""
        return self


class Descriptor:
    """``TensorDescriptor``: blocks of a tensor; what lies beyond its edges reads as zero and isn't written."""

    def __init__(self, base: Tensor, shape: Any, strides: Any, block_shape: Any, **_more: Any) -> None:
        self.base, self.shape, self.strides = base, [*shape], [*strides]
        self.block_shape = [int(size) for size in block_shape]

    @classmethod
    def from_tensor(cls, tensor: Tensor, block_shape: Any, **_more: Any) -> Descriptor:
        """Return the descriptor of a whole tensor."""
        return cls(tensor, tensor.shape, tensor.stride(), block_shape)

    def load(self, offsets: Any) -> Tensor:
        """Return the block that begins at ``offsets``, of the descriptor's block shape."""
        part = self._part(offsets)
        if list(part.shape) == self.block_shape:
            return part.clone()
        out = torch.zeros(self.block_shape, dtype=part.dtype)
        out[tuple(slice(0, size) for size in part.shape)] = part
        return out

    def store(self, offsets: Any, value: Tensor) -> None:
        """Write a block at ``offsets``."""
        part = self._part(offsets)
        part.copy_(value[tuple(slice(0, size) for size in part.shape)])

    def _part(self, offsets: Any) -> Tensor:
        ends = zip(offsets, self.block_shape, self.shape, strict=True)
        return self.base.detach()[
            tuple(slice(min(int(at), size), min(int(at) + block, size)) for at, block, size in ends)
        ]


class Programs:
    """The numbers of programs that run together, (programs, 1).

    Arithmetic gives tensors, a question that all answer alike one answer.
    """

    def __init__(self, numbers: Tensor) -> None:
        self.numbers = numbers

    def to(self, dtype: Any, **_more: Any) -> Programs:
        """Return the numbers as another type."""
        return Programs(self.numbers.to(dtype))


def _programs(name: str) -> Callable[[Any, Any], Any]:
    def operate(self: Programs, other: Any) -> Any:
        out = getattr(self.numbers, name)(other.numbers if isinstance(other, Programs) else other)
        if out is NotImplemented or out.dtype != torch.bool:
            return out
        first = bool(out.reshape(-1)[0])
        return first if bool((out == first).all()) else out

    return operate


for _name in ("add", "sub", "mul", "floordiv", "mod", "radd", "rsub", "rmul", "lt", "le", "gt", "ge", "eq", "ne"):
    setattr(Programs, f"__{_name}__", _programs(f"__{_name}__"))


def run(function: Callable[..., Any], taken: dict[str, Any], sizes: tuple[int, ...]) -> None:
    """Run a kernel's function for every program of a grid of ``sizes``, together where that can be."""
    global _place, _sizes, _together, _stored
    _sizes, _stored = sizes, False
    if len(sizes) == 1 and sizes[0] > 1 and _may_run_together(function, taken):
        _together = True
        try:
            for begin in builtins.range(0, sizes[0], _AT_ONCE):
                _place = (Programs(torch.arange(begin, min(begin + _AT_ONCE, sizes[0]))[:, None]),)
                function(**taken)
            return
        except (TypeError, ValueError, RuntimeError, IndexError):
            if _stored:
                raise
        finally:
            _together = False
    for place in itertools.product(*(builtins.range(size) for size in reversed(sizes))):
        _place = tuple(reversed(place))
        function(**taken)


def _may_run_together(function: Callable[..., Any], taken: dict[str, Any]) -> bool:
    code = function.__code__
    if any(isinstance(value, Descriptor) for value in taken.values()) or _BLOCKS.intersection(code.co_names):
        return False
    return not any(each.opname in _SUBSCRIPTS for each in dis.get_instructions(code))


def argument(value: Any) -> Any:
    """Return what a kernel gets for what it is launched with."""
    if isinstance(value, Tensor):
        held = value.untyped_storage().nbytes() // value.element_size() - value.storage_offset()
        return Pointer(value.detach().as_strided((held,), (1,), value.storage_offset()))
    return Whole(value) if type(value) is int else value


def _program_id(axis: int = 0) -> Any:
    number = _place[axis] if axis < len(_place) else 0
    return number if isinstance(number, Programs) else Whole(number)


def cdiv(a: int, b: int) -> int:
    """Return a / b, rounded up."""
    return -(-a // b)


def _load(pointer: Pointer, mask: Any = None, other: Any = None, **_more: Any) -> Tensor:
    places = pointer.offset
    if mask is None:
        return pointer.flat[places]
    if not isinstance(places, Tensor):
        return pointer.flat[places] if bool(mask) else _tensor(0 if other is None else other).to(pointer.flat.dtype)
    mask = mask.expand(places.shape) if isinstance(mask, Tensor) else torch.full(places.shape, bool(mask))
    values = pointer.flat[torch.where(mask, places, 0)]
    return torch.where(mask, values, _tensor(0 if other is None else other).to(values.dtype))


def _store(pointer: Pointer, value: Any, mask: Any = None, **_more: Any) -> None:
    global _stored
    _stored = True
    places = pointer.offset
    value = _tensor(value).to(pointer.flat.dtype)
    if not isinstance(places, Tensor):
        if mask is None or bool(mask):
            pointer.flat[places] = value
        return
    value = value.expand(places.shape)
    if mask is not None:
        mask = _tensor(mask).expand(places.shape)
        places, value = places[mask], value[mask]
    pointer.flat[places] = value


def _atomic_add(pointer: Pointer, value: Any, mask: Any = None, **_more: Any) -> Tensor:
    before = _load(pointer, mask)
    places = _tensor(pointer.offset)
    value = _tensor(value).to(pointer.flat.dtype).expand(places.shape)
    chosen = torch.ones(places.shape, dtype=torch.bool) if mask is None else _tensor(mask).expand(places.shape)
    pointer.flat.index_add_(0, places[chosen].reshape(-1), value[chosen].reshape(-1))
    return before


def _dot(a: Tensor, b: Tensor, acc: Any = None, **_more: Any) -> Tensor:
    out = a.float() @ b.float()
    return out if acc is None else acc + out


def _tensor(value: Any) -> Tensor:
    if isinstance(value, Tensor):
        return value
    if isinstance(value, Programs):
        return value.numbers
    return torch.tensor(value, dtype=torch.float32) if isinstance(value, float) else torch.as_tensor(value)


def _each(function: Callable[[Tensor], Tensor]) -> Callable[[Any], Tensor]:
    return lambda x: function(_tensor(x))


def _both(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    return lambda a, b, **_more: function(_tensor(a), _tensor(b))


def _along(whole: Callable[[Tensor], Tensor], one: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def reduce(x: Any, axis: int | None = None, keep_dims: bool = False, **_more: Any) -> Tensor:
        if _together:
            return one(_tensor(x), 1, keepdim=True)
        return whole(_tensor(x)) if axis is None else one(_tensor(x), axis, keepdim=keep_dims)

    return reduce


def _arange(begin: Any, end: Any) -> Tensor:
    out = torch.arange(int(begin), int(end))
    return out[None, :] if _together else out


def _full(shape: Any, value: float, dtype: torch.dtype) -> Tensor:
    sizes = tuple(int(size) for size in shape)
    if _together and len(sizes) > 1:
        raise ValueError("programs with blocks of two dimensions don't run together")
    return torch.full((1, *sizes) if _together and sizes else sizes, float(value)).to(dtype)


def _as_it_is(x: Any, *_hints: Any) -> Any:
    return x


def _range(*ends: Any, **_hints: Any) -> builtins.range:
    return builtins.range(*(int(end) for end in ends))


_KINDS = {
    name: getattr(torch, name)
    for name in ("float32", "float16", "bfloat16", "float64", "int8", "int16", "int32", "int64", "uint8")
}
_EVERY: dict[str, Any] = {
    **_KINDS, "int1": torch.bool, "constexpr": _as_it_is, "dtype": torch.dtype, "tensor": Tensor,
    "program_id": _program_id,
    "num_programs": lambda axis=0: Whole(_sizes[axis] if axis < len(_sizes) else 1),
    "cdiv": cdiv, "range": _range, "static_range": _range, "arange": _arange,
    "load": _load, "store": _store, "atomic_add": _atomic_add, "dot": _dot,
    "zeros": lambda shape, dtype: _full(shape, 0.0, dtype), "zeros_like": torch.zeros_like, "full": _full,
    "reshape": lambda x, *shape: x.reshape(shape[0] if len(shape) == 1 else shape),
    "view": lambda x, *shape: x.reshape(shape[0] if len(shape) == 1 else shape),
    "permute": lambda x, *dims: x.permute(*dims), "trans": lambda x, *dims: x.permute(*dims) if dims else x.T,
    "split": lambda x: (x[..., 0], x[..., 1]), "join": lambda a, b: torch.stack((a, b), dim=-1),
    "expand_dims": lambda x, axis: x.unsqueeze(axis), "broadcast_to": lambda x, *shape: x.expand(*shape),
    "where": lambda mask, a, b: torch.where(_tensor(mask), a, b),
    "cast": lambda x, dtype, **_more: _tensor(x).to(dtype),
    "maximum": _both(torch.maximum), "minimum": _both(torch.minimum),
    "max": _along(torch.max, torch.amax), "min": _along(torch.min, torch.amin), "sum": _along(torch.sum, torch.sum),
    "argmax": _along(torch.argmax, torch.argmax), "argmin": _along(torch.argmin, torch.argmin),
    "cumsum": lambda x, axis=0, **_more: torch.cumsum(x, axis),
    "clamp": lambda x, low, high: _tensor(x).clamp(low, high),
    "fma": lambda a, b, c: a * b + c,
    **{name: _each(getattr(torch, name)) for name in ("exp", "exp2", "log", "log2", "sqrt", "rsqrt", "abs", "sigmoid",
                                                     "sin", "cos", "erf", "floor", "ceil", "tanh", "log1p", "expm1")},
    "sqrt_rn": _each(torch.sqrt), "fast_expf": _each(torch.exp), "fdiv": lambda a, b: a / b, "fabs": _each(torch.abs),
    "multiple_of": _as_it_is, "max_contiguous": _as_it_is, "max_constancy": _as_it_is,
    **dict.fromkeys(("static_assert", "device_assert", "static_print", "device_print", "debug_barrier", "assume"),
                    lambda *_args, **_kwargs: None),
    "make_tensor_descriptor": lambda base, shape, strides, block_shape: Descriptor(
        base.flat[int(base.offset) :].as_strided([int(n) for n in shape], [int(n) for n in strides]),
        [int(n) for n in shape], strides, block_shape,
    ),
}  # fmt: skip


class _Same:
    """``tl.math``, ``tl.extra.libdevice`` and the like: the same names again."""

    def __getattr__(self, name: str) -> Any:
        return named(name)


def named(name: str) -> Any:
    """Return what a name of the language is; raises :class:`NoStandIn` for what isn't here."""
    if name in ("math", "extra", "libdevice", "cuda"):
        return _Same()
    if name not in _EVERY:
        raise NoStandIn(f"no CPU stand-in for triton.language.{name}")
    return _EVERY[name]
