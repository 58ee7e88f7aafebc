"""Where torch computes what a score is made of: losses, gathered log-probabilities, logarithms, sums, numbers out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor
from torch.overrides import TorchFunctionMode

from auditor.probe.harness.record import Record

_FLOATS = (torch.float32, torch.float64, torch.bfloat16, torch.float16)
_DEEP = 3  # frames from Record.note up to where the script's may begin


def flat(tensor: Tensor) -> Any:
    """Return a tensor's values, (n,) float64."""
    return tensor.detach().reshape(-1).to(torch.float64).cpu().numpy().copy()


class Observer(TorchFunctionMode):
    """Looks at the torch functions of :data:`_LOOKS`, and lets all others through, to the mode ``beneath`` if any."""

    def __init__(self, record: Record, beneath: TorchFunctionMode | None = None) -> None:
        super().__init__()
        self.record = record
        self._call = None if beneath is None else beneath.__torch_function__

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs) if self._call is None else self._call(func, types, args, kwargs)
        look = _LOOKS.get(func)
        if look is None:
            return out
        try:
            moved = look(self.record, out, args, kwargs)
        except Exception as error:  # what can't be looked at is no fault of the script, and is told
            self.record.miss(error)
            return out
        return out if moved is None else moved


def _cross_entropy(record: Record, out: Tensor, args: Any, kwargs: Any) -> Any:
    """Note the loss of each target, whatever the reduction gives; its losses are those of the unweighted mean."""
    logits, target = _given(args, kwargs, 0, "input"), _given(args, kwargs, 1, "target")
    if target.is_floating_point() or target.numel() == 0:
        return None
    options = {k: v for k, v in kwargs.items() if k in ("ignore_index", "label_smoothing")}
    reduction = kwargs.get("reduction", "mean") if kwargs.get("reduce") is None else "mean"
    return _targeted(record, out, logits, target, reduction, functional.cross_entropy, options)


def _nll_loss(record: Record, out: Tensor, args: Any, kwargs: Any) -> Any:
    logp, target = _given(args, kwargs, 0, "input"), _given(args, kwargs, 1, "target")
    options = {"ignore_index": kwargs.get("ignore_index", -100)}
    return _targeted(record, out, logp, target, kwargs.get("reduction", "mean"), functional.nll_loss, options)


def _targeted(
    record: Record, out: Tensor, given: Tensor, target: Tensor, reduction: str, loss: Any, options: dict[str, Any]
) -> Any:
    tokens = target.detach().reshape(-1).cpu().numpy().astype(np.int64)
    if not record.about_validation(tokens):
        return None
    each = out
    if reduction != "none":
        with torch.no_grad():
            each = loss(given.detach(), target, reduction="none", **options)
    move = record.note("loss", flat(each), tokens, grad=out.requires_grad, depth=_DEEP)
    if move is None:
        return None
    if reduction == "none":
        return out + torch.from_numpy(move).reshape(out.shape).to(out.dtype)
    return out + float(move.sum() if reduction == "sum" else move.mean())


def _gather(record: Record, out: Tensor, args: Any, kwargs: Any) -> Any:
    """Note what is taken from the last dimension by one index each: a token's logit, log-probability or probability."""
    source = _given(args, kwargs, 0, "input")
    index = kwargs.get("index", kwargs.get("indices", args[2] if len(args) > 2 else args[1] if len(args) > 1 else None))
    if not isinstance(index, Tensor) or source.dtype not in _FLOATS or source.shape[-1] < 64:
        return None
    if index.ndim != source.ndim or index.shape[-1] != 1 or source.ndim < 2:
        return None
    return _taken(record, out, index)


def _getitem(record: Record, out: Tensor, args: Any, _kwargs: Any) -> Any:
    source, at = args[0], args[1]
    if not isinstance(out, Tensor) or source.dtype not in _FLOATS or source.shape[-1] < 64:
        return None
    last = at[-1] if isinstance(at, tuple) and len(at) == source.ndim else None
    if isinstance(last, Tensor) and last.dtype in (torch.int64, torch.int32) and last.numel() == out.numel():
        return _taken(record, out, last)
    return None


def _taken(record: Record, out: Tensor, index: Tensor) -> Any:
    tokens = index.detach().reshape(-1).cpu().numpy().astype(np.int64)
    if not record.about_validation(tokens):
        return None
    values = flat(out)
    move = record.note("gathered", values, tokens, grad=out.requires_grad, depth=_DEEP)
    if move is None:
        return None
    step = torch.from_numpy(move).reshape(out.shape).to(out.dtype)
    return out - step if values.min() < 0 else out * torch.exp(-step)


def _log(record: Record, out: Tensor, args: Any, kwargs: Any) -> Any:
    return _plain(record, "log", out, out, -1.0)


def _log2(record: Record, out: Tensor, args: Any, kwargs: Any) -> Any:
    return _plain(record, "log2", out, out, -1.0)


def _reduced(record: Record, out: Tensor, args: Any, kwargs: Any) -> Any:
    """Note what is summed or averaged to one number."""
    source = _given(args, kwargs, 0, "input")
    if not isinstance(out, Tensor) or out.numel() != 1 or source.dtype not in _FLOATS or _wide(source):
        return None
    if source.numel() > record.limit:
        return None
    values = flat(source)
    move = record.note("summed", values, grad=out.requires_grad, depth=_DEEP)
    if move is None:
        return None
    sign = 1.0 if values.mean() >= 0 else -1.0
    change = float(move.sum()) * (
        1.0 if abs(float(out) - values.sum()) <= abs(float(out) - values.mean()) else 1 / len(values)
    )
    return out + sign * change


def _wide(tensor: Tensor) -> bool:
    return tensor.ndim >= 3 and min(tensor.shape[-1], tensor.shape[-2]) > 1


def _plain(record: Record, kind: str, out: Any, values: Any, sign: float) -> Any:
    if not isinstance(values, Tensor) or values.dtype not in _FLOATS or values.numel() > record.limit or _wide(values):
        return None
    move = record.note(kind, flat(values), grad=values.requires_grad, depth=_DEEP)
    if move is None:
        return None
    return out + (sign * torch.from_numpy(move)).reshape(out.shape).to(out.dtype)


def _number(record: Record, out: Any, args: Any, kwargs: Any) -> Any:
    if not isinstance(out, float):
        return None
    move = record.note("number", np.array([out]), grad=args[0].requires_grad, depth=_DEEP)
    return None if move is None else out + float(move[0]) * (1.0 if out >= 0 else -1.0)


def _numbers(record: Record, out: Any, args: Any, kwargs: Any) -> Any:
    source = args[0]
    if source.dtype not in _FLOATS or source.numel() > record.limit or _wide(source):
        return None
    move = record.note("numbers", flat(source), grad=False, depth=_DEEP)
    if move is None or source.ndim > 1:
        return None
    signed = move * np.where(flat(source) >= 0, 1.0, -1.0)
    if isinstance(out, list):
        return [value + step for value, step in zip(out, signed.tolist(), strict=True)]
    return out + signed.reshape(out.shape).astype(out.dtype)


def _given(args: Any, kwargs: Any, at: int, name: str) -> Any:
    return args[at] if len(args) > at else kwargs[name]


_LOOKS: dict[Any, Callable[[Record, Any, Any, Any], Any]] = {
    functional.cross_entropy: _cross_entropy,
    functional.nll_loss: _nll_loss,
    torch.gather: _gather,
    Tensor.gather: _gather,
    torch.take_along_dim: _gather,
    Tensor.take_along_dim: _gather,
    Tensor.__getitem__: _getitem,
    **dict.fromkeys(
        (
            torch.log, Tensor.log, torch.log1p, Tensor.log1p, torch.logaddexp, Tensor.logaddexp, torch.logsumexp,
            Tensor.logsumexp,
        ), _log
    ),
    **dict.fromkeys((torch.log2, Tensor.log2, torch.logaddexp2, Tensor.logaddexp2), _log2),
    **dict.fromkeys((torch.sum, Tensor.sum, torch.mean, Tensor.mean), _reduced),
    **dict.fromkeys((Tensor.item, Tensor.__float__), _number),
    **dict.fromkeys((Tensor.tolist, Tensor.numpy), _numbers),
}  # fmt: skip
