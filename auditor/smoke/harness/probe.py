"""The first forward pass: found by whoever calls the model, run on a few tokens, and the end of the script."""

from __future__ import annotations

import inspect
import math
import os
import re
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import torch
from torch import Tensor

from auditor.smoke.harness.blame import blame, main_has_begun, own
from auditor.smoke.harness.journal import Journal
from auditor.smoke.harness.packages import NoStandIn
from auditor.smoke.harness.roundtrip import roundtrip
from auditor.smoke.harness.shapes import hyperparameters

_FEW, _SOME, _MORE = 64, 256, 2048  # tokens: of the first tries, and of a model that wants its whole sequence
_EVALUATING, _EAGER = "in eval mode", "with its fused kernels off"
_SMALL = 10_000  # parameters below which a module is no model
_INTEGERS = (torch.int64, torch.int32, torch.uint16, torch.int16, torch.uint8)


def parameters(module: torch.nn.Module) -> int:
    """Return the number of a module's parameters, shared ones once."""
    return sum(p.numel() for p in {id(p): p for p in module.parameters()}.values())


class Probe:
    """Watches calls of modules for the first one of the model with tokens."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._busy = self._begun = False
        self._modules: list[weakref.ref[torch.nn.Module]] = []
        self._counts: dict[int, int] = {}

    def install(self) -> None:
        """Watch the making and the calling of modules."""
        init, call = torch.nn.Module.__init__, torch.nn.Module.__call__

        def made(module: Any, *args: Any, **kwargs: Any) -> None:
            init(module, *args, **kwargs)
            if not self._begun and main_has_begun(sys._getframe(1)):
                self._begun = True
                self._journal.once("imported")
            if not self._busy and len(self._modules) < 100_000:
                self._modules.append(weakref.ref(module))

        def called(module: Any, *args: Any, **kwargs: Any) -> Any:
            if not self._busy and any(_is_tokens(a) for a in (*args, *kwargs.values())):
                self._look(module, args, kwargs, sys._getframe(1))
            return call(module, *args, **kwargs)

        torch.nn.Module.__init__ = made
        torch.nn.Module.__call__ = called

    def largest(self) -> torch.nn.Module | None:
        """Return the module with the most parameters of all that are alive."""
        best: tuple[int, torch.nn.Module] | None = None
        for reference in self._modules:
            module = reference()
            if module is None or "_parameters" not in module.__dict__:
                continue
            count = parameters(module)
            if count >= _SMALL and (best is None or count > best[0]):
                best = (count, module)
        return best[1] if best else None

    def tell_model(self, frame: FrameType | None, model: torch.nn.Module) -> dict[str, int]:
        """Tell what the model is, once; returns its hyperparameters."""
        kind = type(model).__name__[:80]
        self._journal.once("model", kind=kind, parameters=parameters(model))
        shape = hyperparameters(frame, model)
        self._journal.once("shape", **shape)
        return shape

    def _look(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], frame: FrameType) -> None:
        """Probe the model behind a call, if there is one, and end the process; else return."""
        self._busy = True
        try:
            model, call, args, kwargs = _behind(module, args, kwargs, frame)
            largest = self.largest()
            count = parameters(model)
            if count < _SMALL or (largest is not None and 2 * count < parameters(largest)):
                return
            inner = getattr(model, "module", None)
            if isinstance(inner, torch.nn.Module) and parameters(inner) == count:
                model = inner
            self._probe(model, call, args, kwargs, frame)
        finally:
            self._busy = False

    def _probe(
        self, model: torch.nn.Module, call: Callable[..., Any], args: Any, kwargs: Any, frame: FrameType
    ) -> None:
        self._journal.once("imported")
        shape = self.tell_model(frame, model)
        failure = self._forward(model, call, (args, kwargs), shape.get("vocab"))
        if failure is not None:
            found = blame(failure)
            self._journal.tell("failed", **found.facts())
        begun = time.monotonic()
        facts = roundtrip(model, frame)
        self._journal.tell("artifact", seconds=round(time.monotonic() - begun, 3), **facts)
        self._journal.tell("end")
        sys.stdout.flush()
        os._exit(0)

    def _forward(
        self, model: torch.nn.Module, call: Callable[..., Any], given: tuple[Any, Any], vocab: int | None
    ) -> Exception | None:
        """Run the model on a few tokens, on more where it wants more, at last as it evaluates; return why it can't."""
        failure: Exception | None = None
        unscored = False
        for length, mode in ((_FEW, ""), (_SOME, ""), (_FEW, _EAGER), (_SOME, _EVALUATING), (_MORE, "")):
            if isinstance(failure, NoStandIn) and not mode:
                continue  # more tokens don't help
            if mode == _EAGER and not (isinstance(failure, NoStandIn) and fall_back(model)):
                continue
            begun = time.monotonic()
            model.train(mode != _EVALUATING)
            try:
                args, kwargs = shorten(*given, length)
                with torch.no_grad():
                    result = call(*args, **kwargs)
            except Exception as error:
                failure = failure or error
                continue
            loss, how = loss_of(result, (*args, *kwargs.values()), vocab)
            if loss is not None and not math.isfinite(loss) and not unscored:
                unscored = True  # a model may leave its first positions out
                continue
            tokens = max((t.numel() for t in _tensors((args, kwargs)) if _is_tokens(t)), default=0)
            self._journal.tell("forward", seconds=round(time.monotonic() - begun, 3), tokens=tokens, mode=mode)
            if loss is not None and math.isfinite(loss):
                self._journal.tell("loss", value=loss, how=how)
            elif loss is not None:
                self._journal.tell("loss", value=str(loss), how=where_not_finite(model, lambda: call(*args, **kwargs)))  # noqa: B023
            return None
        return failure


def _is_tokens(value: Any) -> bool:
    return isinstance(value, Tensor) and value.dtype in _INTEGERS and value.numel() >= 16 and value.ndim in (1, 2)


def _behind(module: Any, args: Any, kwargs: Any, frame: FrameType) -> tuple[Any, Callable[..., Any], Any, Any]:
    """Return the module whose method the call is made from, that method and its arguments; else the call itself."""
    found: FrameType | None = None
    at: FrameType | None = frame
    while at is not None:
        holder = at.f_locals.get("self") if own(at.f_code.co_filename) else None
        if isinstance(holder, torch.nn.Module) and at.f_code.co_name != "__init__":
            found = at
        at = at.f_back
    if found is None:
        return module, module, args, kwargs
    model = found.f_locals["self"]
    method = getattr(model, found.f_code.co_name, None)
    if method is None or method is model:
        return module, module, args, kwargs
    names = list(inspect.signature(method).parameters)
    return model, method, (), {name: found.f_locals[name] for name in names if name in found.f_locals}


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _tensors(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _tensors(each)


def shorten(args: Any, kwargs: Any, length: int) -> tuple[Any, Any]:
    """Return arguments with one row of at most ``length`` tokens; cumulated lengths are those of one segment."""
    tokens = next((t for t in (*args, *kwargs.values()) if _is_tokens(t)), None)
    if tokens is None:
        return args, kwargs
    count = min(length, tokens.shape[-1])

    def short(value: Any) -> Any:
        if not isinstance(value, Tensor) or value.ndim == 0:
            return value
        if value.shape[: tokens.ndim] == tokens.shape:
            return value[:1, :count] if tokens.ndim == 2 else value[:count]
        if value.dtype in _INTEGERS and value.ndim == 1 and value.numel() > 1 and int(value[0]) == 0:
            return torch.tensor([0, count], dtype=value.dtype)
        return value

    return tuple(short(a) for a in args), {k: short(v) for k, v in kwargs.items()}


def fall_back(model: torch.nn.Module) -> bool:
    """Turn off what modules call fused or Triton, for the script's own eager way; return whether there was any."""
    found = False
    for module in model.modules():
        for name, value in list(module.__dict__.items()):
            if value is True and re.search("fused|triton", name):
                module.__dict__[name] = False
                found = True
    return found


def where_not_finite(model: torch.nn.Module, call: Callable[[], Any]) -> str:
    """Return which parameter, or which module's output first, is not finite."""
    for name, parameter in model.named_parameters():
        if not torch.isfinite(parameter.float()).all():
            return f"the parameter {name} is not finite"
    first: list[str] = []

    def look(name: str) -> Callable[..., None]:
        def hook(_module: Any, _given: Any, result: Any) -> None:
            if not first and any(
                t.is_floating_point() and not torch.isfinite(t.float()).all() for t in _tensors(result)
            ):
                first.append(name)

        return hook

    hooks = [m.register_forward_hook(look(n or "the model itself")) for n, m in model.named_modules()]
    try:
        with torch.no_grad():
            call()
    finally:
        for handle in hooks:
            handle.remove()
    return f"first in {first[0]}" if first else ""


def loss_of(result: Any, given: tuple[Any, ...], vocab: int | None) -> tuple[float | None, str]:
    """Return the loss in nats per token that a result holds, or that follows from its logits, and which it is."""
    found = [t for t in _tensors(result) if t.is_floating_point()]
    for tensor in found:
        if tensor.numel() == 1:
            return float(tensor), "loss"
    ids = [t for t in given if _is_tokens(t)]
    for tensor in found:
        if ids and tensor.ndim >= 2 and tensor.shape[-1] == vocab:
            logits = tensor.float().reshape(-1, tensor.shape[-1])
            target = ids[1].reshape(-1) if len(ids) > 1 else ids[0].reshape(-1).roll(-1)
            if len(target) == len(logits):
                return float(torch.nn.functional.cross_entropy(logits, target.long())), "logits"
    for tensor in found:
        if ids and tensor.numel() == ids[0].numel():
            return float(tensor.float().mean()), "loss per token"
    return None, ""
