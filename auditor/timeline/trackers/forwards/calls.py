"""What functions and modules of libraries do to the axes of a forward pass."""

from __future__ import annotations

import math
from collections.abc import Callable

from msgspec.structs import replace

from auditor.program import ir
from auditor.timeline.trackers.forwards import grids
from auditor.timeline.trackers.forwards.axes import (
    NOTHING,
    SHIFTED,
    Axes,
    Mixed,
    Several,
    Size,
    Tensor,
    blended,
    by_letters,
    has_positions,
    index_of,
    multiplied,
    reduced,
)
from auditor.timeline.trackers.forwards.grids import Grid, looks_ahead

_POOLS = {
    "mean": "a mean", "sum": "a sum", "amax": "a maximum", "amin": "a minimum", "std": "a standard deviation",
    "var": "a variance", "norm": "a norm", "logsumexp": "a sum", "median": "a median", "max": "a maximum",
    "min": "a minimum", "prod": "a product", "nanmean": "a mean", "count_nonzero": "a count", "vector_norm": "a norm",
    "quantile": "a quantile", "nanquantile": "a quantile", "kthvalue": "an order", "nanmedian": "a median",
    "mode": "a mode", "nansum": "a sum", "aminmax": "a range", "std_mean": "a mean", "var_mean": "a mean",
}  # fmt: skip
_TWO = frozenset({"max", "min", "median", "nanmedian", "kthvalue", "mode", "aminmax", "std_mean", "var_mean"})
# What comes before the axis.
_SECOND = frozenset({"norm", "topk", "normalize", "fft", "rfft", "vector_norm", "quantile", "nanquantile", "kthvalue"})
_SPREADS = {
    "softmax": "a softmax", "log_softmax": "a softmax", "normalize": "a norm", "flip": "a reversal", "sort": "an order",
    "argsort": "an order", "topk": "a ranking", "fft": "a Fourier transform", "rfft": "a Fourier transform",
    "layer_norm": "", "msort": "an order",
}  # fmt: skip
_NEXT = "a shift by which each position sees the next"
_ATTENTION = frozenset({"scaled_dot_product_attention", "flash_attn_func", "flash_attn_varlen_func"})
_MASKS = frozenset({"masked_fill", "masked_fill_", "tril", "tril_", "where"})
_SAME = frozenset(
    {"contiguous", "float", "half", "bfloat16", "double", "to", "type_as", "clone", "relu", "gelu", "silu", "sigmoid",
     "tanh", "exp", "log", "square", "pow", "abs", "sqrt", "rsqrt", "dropout", "rms_norm", "clamp", "neg", "detach",
     "clamp_min", "clamp_max", "clip", "nan_to_num",
     "leaky_relu", "softplus", "linear", "cumsum", "cummax", "cumprod", "elu", "mul", "add", "sub", "div", "lerp",
     "sin", "cos", "long", "int", "layer_norm", "repeat_interleave", "requires_grad_", "addcmul", "maximum", "minimum"}
)  # fmt: skip


_REPLACES = frozenset({"where", "masked_fill", "masked_fill_"})


def replaces(name: str, given: list[object], func: ir.Expr, evaluate: Callable[[ir.Expr], object]) -> bool:
    """Return whether a call replaces some tokens: they are hidden from the positions that predict them, perhaps."""
    if name not in _REPLACES:
        return False
    base = evaluate(func.value) if isinstance(func, ir.Attr) else None
    return any(isinstance(value, Tensor) and value.raw for value in (base, *given))


def attention(name: str, given: list[object], keywords: dict[str, object], mixed: Mixed) -> Tensor | None:
    """Return what a fused attention gives; None for another function."""
    if name not in _ATTENTION:
        return None
    if given and isinstance(given[0], Tensor) and given[0].raw:
        return given[0]
    axes = given[0].axes if given and isinstance(given[0], Tensor) else None
    out = replace(blended(given[:3], axes), axes=axes)
    causal = keywords.get("is_causal", keywords.get("causal", given[5] if len(given) > 5 and name[0] == "s" else False))
    mask = keywords.get("attn_mask", given[3] if len(given) > 3 and name[0] == "s" else NOTHING)
    if isinstance(mask, Grid) and causal is False:
        if not looks_ahead(mask, blocks=None if any(isinstance(c, float) for c in mask.cells) else False):
            return out
        return replace(out, leak=out.leak or replace(mixed, what="attention whose mask leaves later positions open"))
    if causal is not False or mask is not NOTHING or "block_mask" in keywords:
        return out
    looks = given[1] if len(given) > 1 else None
    place = -2 if name[0] == "s" else -3
    axes = looks.axes if isinstance(looks, Tensor) else None
    if axes is not None and (index_of(axes, place) is None or axes[place] != "T"):
        return out  # not over positions
    return replace(
        out,
        leak=out.leak or replace(mixed, what="attention without a mask", certain=mixed.certain and axes is not None),
    )


def embedded(ids: Tensor | None) -> Tensor | None:
    """Return what looking tokens up in a table gives: an axis more."""
    if ids is None:
        return None
    return replace(ids, axes=(*ids.axes, "D") if ids.axes is not None else None, raw=False)


def function(name: str, given: list[object], keywords: dict[str, object], mixed: Mixed) -> object:
    """Return what a library's function, or a tensor's method, makes of tensors (``given``: the tensor first)."""
    first = given[0] if given else None
    grid = grids.function(name, given, keywords)
    if grid is not None:
        return grid
    if name == "einsum" and isinstance(first, str):
        return by_letters(first, given[1:])
    if isinstance(first, Several):
        return _of_several(name, first, given, keywords, mixed)
    if name in ("embedding", "one_hot"):
        return embedded(next((v for v in given if isinstance(v, Tensor)), None))
    if not isinstance(first, Tensor):
        tensors = [v for v in (*given, *keywords.values()) if isinstance(v, Tensor)]
        if (
            name == "where"
            and isinstance(first, Grid)
            and tensors
            and looks_ahead(first, blocks=isinstance(given[-1], Tensor))
        ):
            return blended(list(given))
        if name in ("where",) and tensors:
            return replace(blended(list(given)), masked=True)
        return blended(list(tensors)) if tensors else None
    attended = attention(name, given, keywords, mixed)
    if attended is not None:
        return attended
    if name in _MASKS:
        if len(given) > 1 and isinstance(given[1], Grid) and looks_ahead(given[1], blocks=True):
            return blended(given)
        return replace(blended(given), masked=True)
    dims = _dims(name, given, keywords)
    if name in ("max", "min") and len(given) > 1 and not isinstance(given[1], int):
        return blended(given)  # of two tensors, element by element
    if name in _POOLS:
        keep = keywords.get("keepdim") is True or keywords.get("keepdims") is True or True in given[2:3]
        out = reduced(first, dims, keep=keep, mixed=replace(mixed, what=f"{_POOLS[name]} over the positions"))
        return Several((out, out)) if name in _TWO and dims is not None else out
    if name in ("fft", "rfft") and not first.raw and (first.longer or "n" in keywords or len(given) > 1):
        # Padded to twice the window and cut again, a product of two transforms is a causal convolution; whether it is
        # depends on the lengths, the cut and the kernel.
        whole = given[1] if len(given) > 1 else keywords.get("n")
        known = isinstance(whole, Size) and whole.axis == "T"
        what = f"{_SPREADS[name]} over the positions"
        return replace(first, leak=first.leak or replace(mixed, what=what, certain=mixed.certain and known))
    if _SPREADS.get(name) and not first.raw:
        axes = first.axes
        over = [axes[p] for d in dims or [] if axes is not None and (p := index_of(axes, d)) is not None]
        if "T" in over and "S" not in (axes or ()) and first.leak is None:
            out = replace(first, leak=replace(mixed, what=f"{_SPREADS[name]} over the positions"), pooled=None)
        else:
            out = first
        return Several((out, out)) if name in ("sort", "topk") else out
    if name == "pad":
        return _padded(first, given, keywords)
    if name in ("max_pool1d", "avg_pool1d"):
        places = ("kernel_size", "stride", "padding", "dilation")
        made = dict(zip(places, given[1:], strict=False)) | keywords
        return _convolved(first, {"stride": made.get("kernel_size"), **made}, mixed)
    if name == "roll":
        shift = given[1] if len(given) > 1 else keywords.get("shifts")
        dim = given[2] if len(given) > 2 else keywords.get("dims")
        place = index_of(first.axes, dim) if first.axes is not None and isinstance(dim, int) else None
        if isinstance(shift, int) and shift < 0 and place is not None and first.axes and first.axes[place] == "T":
            return replace(first, leak=first.leak or replace(mixed, what=_NEXT))
        return replace(first, ahead=first.ahead - shift if isinstance(shift, int) else SHIFTED)
    if name in ("matmul", "bmm", "mm") and len(given) > 1 and isinstance(given[1], Tensor):
        return multiplied(first, given[1], mixed)
    moved = _moved(name, first, given)
    if moved is not None:
        return moved
    if name in ("size", "dim", "numel") or name == "shape":
        dim = given[1] if len(given) > 1 else None
        place = index_of(first.axes, dim) if first.axes is not None and isinstance(dim, int) else None
        return Size(first.axes[place]) if first.axes is not None and place is not None else None
    if name in ("chunk", "split", "tensor_split"):
        return first
    if name == "unbind":
        return _unbound(first, dims)
    if name in _SAME:
        return blended([v for v in given if isinstance(v, Tensor)])
    if name in ("cross_entropy", "nll_loss"):
        return replace(first, axes=(), pooled=None)
    return replace(blended(given), axes=None, pooled=None, ahead=SHIFTED)


def _padded(first: Tensor, given: list[object], keywords: dict[str, object]) -> Tensor:
    """Return a padded tensor: what is put before the first position moves all others back."""
    sizes = given[1] if len(given) > 1 else keywords.get("pad")
    axes = first.axes
    if axes is None or "T" not in axes or not isinstance(sizes, Several):
        return replace(first, ahead=SHIFTED)
    at = 2 * (len(axes) - 1 - axes.index("T"))
    before = sizes.items[at] if at < len(sizes.items) else 0
    longer = at + 1 < len(sizes.items) and sizes.items[at + 1] != 0
    return replace(first, ahead=first.ahead - before if isinstance(before, int) else SHIFTED, longer=longer)


def _convolved(first: Tensor, made: dict[str, object], mixed: Mixed) -> Tensor:
    """Return what a convolution gives: a position reads up to ``(kernel - 1) * dilation - padding`` later ones."""
    if first.axes is None or first.axes[-1] != "T":
        return first
    kernel = made.get("kernel_size", made.get("2"))
    padding = made.get("padding", made.get("4", 0))
    dilation = made.get("dilation", made.get("5", 1))
    if not isinstance(kernel, int) or not isinstance(dilation, int) or made.get("stride", made.get("3", 1)) != 1:
        return replace(first, ahead=SHIFTED)
    whole = (kernel - 1) * dilation
    padding = whole // 2 if padding == "same" else padding
    if not isinstance(padding, int):
        return replace(first, ahead=SHIFTED)
    what = "a convolution that reads later positions"
    return replace(first, ahead=first.ahead + whole - padding, reach=replace(mixed, what=what))


def _of_several(name: str, first: Several, given: list[object], keywords: dict[str, object], mixed: Mixed) -> object:
    if name in ("cat", "concat", "concatenate", "stack", "einsum"):
        out = blended(list(first.items))
        dim = keywords.get("dim", given[1] if len(given) > 1 else 0)
        if name == "stack":
            return replace(out, axes=_with_axis(out.axes, dim))
        at = index_of(out.axes, dim) if out.axes is not None and isinstance(dim, int) else None
        joined = out.axes is None or at is None or out.axes[at] == "T"
        head = first.items[0] if first.items else None
        if joined and at is not None and isinstance(head, Tensor) and head.cut and not out.raw:
            return replace(out, ahead=head.cut, reach=replace(mixed, what=_NEXT), cut=0)
        return replace(out, ahead=SHIFTED) if joined else out
    return None


def _with_axis(axes: Axes | None, dim: object) -> Axes | None:
    """Return the axes with a new one at ``dim``."""
    if axes is None or not isinstance(dim, int):
        return None
    at = dim + len(axes) + 1 if dim < 0 else dim
    return (*axes[:at], "D", *axes[at:])


def _dims(name: str, given: list[object], keywords: dict[str, object]) -> list[int] | None:
    dim = keywords.get("dim", keywords.get("axis", keywords.get("dims")))
    dim = None if dim is NOTHING else dim
    if dim is None and len(given) > 1:
        at = 2 if name in _SECOND else 1
        dim = given[at] if len(given) > at and given[at] is not NOTHING else None
    if isinstance(dim, int) and not isinstance(dim, bool):
        return [dim]
    if isinstance(dim, Several) and all(isinstance(d, int) for d in dim.items):
        return [d for d in dim.items if isinstance(d, int)]
    if dim is None:
        return [-1] if name in ("sort", "topk", "argsort", "fft", "rfft") else [1] if name == "normalize" else None
    return []


def _unbound(first: Tensor, dims: list[int] | None) -> Tensor:
    """Return one of the slices along an axis."""
    axes = first.axes
    gone = index_of(axes, (dims or [0])[0]) if axes is not None else None
    return replace(first, axes=tuple(a for p, a in enumerate(axes) if p != gone)) if axes is not None else first


def _moved(name: str, first: Tensor, given: list[object]) -> Tensor | None:
    """Return a tensor whose axes are moved, split or joined; None for another function."""
    axes = first.axes
    if name in ("transpose", "swapaxes", "permute", "unsqueeze", "squeeze", "view", "reshape", "flatten", "expand",
                "unflatten", "t", "repeat", "view_as", "expand_as"):  # fmt: skip
        if axes is None and name not in ("view", "reshape", "expand"):
            return first
    else:
        return None
    axes = axes or ()
    numbers = [v for v in given[1:] if isinstance(v, int)]
    if name in ("transpose", "swapaxes") and len(numbers) == 2:
        a, b = index_of(axes, numbers[0]), index_of(axes, numbers[1])
        if a is not None and b is not None:
            new = list(axes)
            new[a], new[b] = new[b], new[a]
            return replace(first, axes=tuple(new))
    order = list(given[1].items) if len(given) == 2 and isinstance(given[1], Several) else given[1:]
    if name == "permute" and len(order) == len(axes) and all(isinstance(d, int) for d in order):
        return replace(first, axes=tuple(axes[d] for d in order if isinstance(d, int)))
    if name == "unsqueeze" and numbers:
        place = numbers[0] + len(axes) + 1 if numbers[0] < 0 else numbers[0]
        return replace(first, axes=(*axes[:place], "1", *axes[place:]))
    if name == "squeeze" and numbers:
        gone = index_of(axes, numbers[0])
        return replace(first, axes=tuple(a for p, a in enumerate(axes) if p != gone))
    if name in ("view", "reshape", "expand"):
        return _shaped(first, list(order))
    like = given[1] if len(given) > 1 else None  # not where it is given by name, or with a star
    if name in ("view_as", "expand_as") and isinstance(like, Tensor):
        return blended([first, like], like.axes)
    return replace(first, axes=None)


def _shaped(first: Tensor, sizes: list[object]) -> Tensor:
    """Return a tensor with new sizes: an axis is known again by its size."""
    axes: Axes = tuple(s.axis if isinstance(s, Size) else "D" for s in sizes)
    old = first.axes or ()
    if "T" in old and "T" not in axes:
        return replace(first, axes=None)  # joined with the batch, say
    if "T" in axes and "T" not in old and first.pooled is not None:
        return replace(first, axes=axes, leak=first.pooled, pooled=None)
    return replace(first, axes=axes)


def sliced(base: Tensor, index: ir.Expr, mixed: Mixed, known: Callable[[ir.Expr], object]) -> Tensor:
    """Return ``base[index]``: a single position taken from the end holds what all others must not know."""
    axes = base.axes
    if axes is None:
        return base
    parts = list(index.elts) if isinstance(index, ir.Sequence) else [index]
    if any(isinstance(p, ir.Const) and p.value is ... for p in parts):
        at = next(i for i, p in enumerate(parts) if isinstance(p, ir.Const) and p.value is ...)
        missing = len(axes) - sum(1 for p in parts if not (isinstance(p, ir.Const) and p.value in (None, ...)))
        parts[at : at + 1] = [ir.Slice(0, 0, None, None, None)] * max(missing, 0)
    left: list[str] = []
    place = 0
    pooled = base.pooled
    moved, cut = False, 0
    for part in parts:
        if isinstance(part, ir.Const) and part.value is None:
            left.append("1")
            continue
        if place >= len(axes):
            return replace(base, axes=None)
        if isinstance(part, ir.Slice):
            left.append(axes[place])
            if axes[place] == "T" and part.lower is not None:
                moved = True
                first = isinstance(part.lower, ir.Const) and type(part.lower.value) is int and part.lower.value > 0
                cut = part.lower.value if first else 0  # type: ignore[union-attr, assignment]
        elif axes[place] == "T" and isinstance(part, ir.UnaryOp):
            pooled = pooled or replace(mixed, what="the last position")
        elif not isinstance(part, ir.Const | ir.UnaryOp) and (
            axes[place] == "T" or not isinstance(known(part), int | float)
        ):
            return replace(base, axes=None)
        place += 1
    out = replace(base, axes=(*left, *axes[place:]), pooled=pooled, ahead=SHIFTED if moved else base.ahead, cut=cut)
    if cut and base.longer and base.ahead != SHIFTED:
        return replace(out, ahead=base.ahead + cut, reach=base.reach or replace(mixed, what=_NEXT))
    return out


def module(
    name: str, given: list[object], keywords: dict[str, object], mixed: Mixed, made: dict[str, object]
) -> object:
    """Return what a module of a library makes of its input (``made``: the constants it was made with)."""
    first = given[0] if given else None
    if not isinstance(first, Tensor):
        return None
    axes = first.axes
    if name in ("Embedding", "EmbeddingBag"):
        return embedded(first)
    if first.raw:
        return first
    if name in ("GRU", "LSTM", "RNN"):
        both = made.get("bidirectional") is True
        out = (
            replace(first, leak=first.leak or replace(mixed, what="a recurrence in both directions")) if both else first
        )
        last = Tensor(("1", "B", "D"), pooled=replace(mixed, what="the last state of a recurrence"))
        return Several((out, last))
    if name == "MultiheadAttention":
        masked = keywords.get("attn_mask") is not None or keywords.get("is_causal") is True or len(given) > 4
        if masked or not has_positions(first):
            return Several((first, None))
        out = replace(first, leak=first.leak or replace(mixed, what="attention without a mask"))
        return Several((out, None))
    if name in ("TransformerEncoder", "TransformerEncoderLayer"):
        masked = len(given) > 1 or any(k in keywords for k in ("mask", "src_mask", "is_causal"))
        return first if masked else replace(first, leak=first.leak or replace(mixed, what="attention without a mask"))
    if name in ("InstanceNorm1d", "GroupNorm", "AdaptiveAvgPool1d", "AdaptiveMaxPool1d"):
        if axes is not None and axes[-1] == "T" and len(axes) == 3:
            return replace(first, leak=first.leak or replace(mixed, what="statistics over the positions"))
        return first
    if name == "Conv1d":
        return _convolved(first, made, mixed)
    if name in ("MaxPool1d", "AvgPool1d"):
        names = ("kernel_size", "stride", "padding")
        pooled = {n: made.get(n, made.get(str(at))) for at, n in enumerate(names)}
        known = {"stride": pooled["kernel_size"], "padding": 0} | {k: v for k, v in pooled.items() if v is not None}
        return _convolved(first, known, mixed)
    if name in ("ZeroPad1d", "ConstantPad1d", "ReflectionPad1d", "ReplicationPad1d"):
        return replace(first, ahead=SHIFTED)
    if name.startswith("Conv") or name in ("Flatten", "Unflatten"):
        return replace(first, axes=axes)
    return first


def number(op: str, left: object, right: object) -> int | float | None:
    """Return arithmetic of two numbers; not a number, where it is certainly one that is not known."""
    if op == "**" and left is None and isinstance(right, int | float):
        return math.nan
    if not isinstance(left, int | float) or not isinstance(right, int | float):
        return None
    if isinstance(left, float) or isinstance(right, float) or op not in ("+", "-", "*", "//"):
        return math.nan
    return {"+": left + right, "-": left - right, "*": left * right}.get(op, left // right if right else None)
