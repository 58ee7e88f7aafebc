"""Nothing is compiled here, so torch's compiler isn't loaded either: that costs more than a toy run itself."""

from __future__ import annotations

import functools
import gc
import sys
import types
from collections.abc import Callable
from typing import Any


def load_torch() -> None:
    """Import torch such that its optimizers and checkpoints don't load ``torch._dynamo`` on their first call.

    They do so only to be left out of what is compiled. A script that names the compiler itself still gets it.
    """
    module = types.ModuleType("torch._compile")
    module._disable_dynamo = _as_it_is  # type: ignore[attr-defined]
    sys.modules.setdefault("torch._compile", module)
    gc.disable()  # nothing of what is imported is garbage
    try:
        import torch
    finally:
        gc.enable()
    module.__file__ = torch.__file__.replace("__init__", "_compile")  # torch asks where its modules lie
    torch._compile = sys.modules["torch._compile"]  # type: ignore[attr-defined]
    for kind in vars(torch.optim).values():
        step: Any = vars(kind).get("step") if isinstance(kind, type) else None
        if getattr(getattr(step, "__code__", None), "co_name", "") == "_use_grad":
            kind.step = _stepping(step.__wrapped__)


def _as_it_is(function: Callable[..., Any] | None = None, recursive: bool = True) -> Any:
    return function if function is not None else _as_it_is


def _stepping(step: Callable[..., Any]) -> Callable[..., Any]:
    """Return an optimizer's step with gradients on where it asks for them, as torch's own wrapper has it."""
    import torch

    @functools.wraps(step)
    def stepped(self: Any, *args: Any, **kwargs: Any) -> Any:
        with torch.set_grad_enabled(self.defaults["differentiable"]):
            return step(self, *args, **kwargs)

    return stepped
