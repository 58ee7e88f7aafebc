"""``torch.distributed`` with one process: every collective gives back what went in."""

from __future__ import annotations

import os
import sys
from typing import Any

import torch
import torch.distributed as dist

from auditor.smoke.harness.journal import Journal

_LAUNCHER = {
    "RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "LOCAL_WORLD_SIZE": "1",
    "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500",
}  # fmt: skip


class _Done:
    """The handle of a collective that has happened."""

    def wait(self, *_args: Any) -> bool:
        return True

    def is_completed(self) -> bool:
        return True

    def get_future(self) -> _Done:
        return self

    def then(self, function: Any) -> Any:
        return function(self)

    def value(self) -> list[Any]:
        return []


class DistributedDataParallel(torch.nn.Module):
    """The wrapper, without its work."""

    def __init__(self, module: Any, *_args: Any, **_kwargs: Any) -> None:
        super().__init__()
        self.module = module
        self.require_backward_grad_sync = True

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Return what the module does."""
        return self.module(*args, **kwargs)

    def no_sync(self) -> Any:
        """Return a context that changes nothing."""
        import contextlib

        return contextlib.nullcontext()


def _to_all(output: Any, source: Any, *_args: Any, **_kwargs: Any) -> Any:
    if isinstance(output, list):
        if isinstance(source, torch.Tensor):
            output[0].copy_(source)
        elif output:
            output[0] = source
    else:
        output.copy_(source.reshape(output.shape))
    return _Done()


def _scatter(output: Any, source: Any = None, *_args: Any, **_kwargs: Any) -> Any:
    if source is not None:
        piece = source[0] if isinstance(source, list) else source
        output.copy_(piece.reshape(output.shape))
    return _Done()


def install(journal: Journal) -> None:
    """Replace the collectives, the wrapper and the variables that a launcher sets."""
    state = {"ready": False}

    def begin(*_args: Any, **_kwargs: Any) -> None:
        journal.stand_in("torch.distributed")
        state["ready"] = True

    def end(*_args: Any) -> None:
        state["ready"] = False

    def done(*_args: Any, **_kwargs: Any) -> Any:
        return _Done()

    replaced: dict[str, Any] = {
        "init_process_group": begin, "destroy_process_group": end, "is_initialized": lambda: state["ready"],
        "is_available": lambda: True, "get_rank": lambda *_: 0, "get_world_size": lambda *_: 1,
        "get_backend": lambda *_: "nccl", "new_group": lambda *_a, **_k: None, "all_gather": _to_all,
        "all_gather_into_tensor": _to_all, "all_gather_object": _to_all, "reduce_scatter": _scatter,
        "reduce_scatter_tensor": _scatter, "scatter": _scatter, "all_to_all_single": _to_all,
        "gather": lambda tensor, out=None, *_a, **_k: _to_all(out, tensor) if out else None,
        "gather_object": lambda obj, out=None, *_a, **_k: _to_all(out, obj) if out else None,
    }  # fmt: skip
    for name in ("barrier", "all_reduce", "broadcast", "reduce", "monitored_barrier", "all_reduce_coalesced",
                 "broadcast_object_list", "send", "recv", "isend", "irecv"):  # fmt: skip
        replaced[name] = done
    for name, function in replaced.items():
        setattr(dist, name, function)
        if hasattr(dist.distributed_c10d, name):
            setattr(dist.distributed_c10d, name, function)
    torch.nn.parallel.DistributedDataParallel = DistributedDataParallel
    torch.nn.parallel.distributed.DistributedDataParallel = DistributedDataParallel
    _variables(journal)


def _variables(journal: Journal) -> None:
    """Answer ``os.environ["RANK"]`` as torchrun would; asked whether it is set, it is not."""
    kind = type(os.environ)
    real = kind.__getitem__

    def getitem(self: Any, key: str) -> str:
        try:
            return real(self, key)
        except KeyError:
            asked = sys._getframe(1).f_code.co_filename
            if key in _LAUNCHER and "_collections_abc" not in asked and not asked.endswith("os.py"):
                journal.stand_in("torchrun's environment")
                return _LAUNCHER[key]
            raise

    kind.__getitem__ = getitem  # type: ignore[method-assign]
