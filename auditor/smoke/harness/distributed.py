"""``torch.distributed`` with one process: every collective gives back what went in."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any

import torch
import torch.distributed as dist

from auditor.smoke.harness.collectives import Done, names, stand_in
from auditor.smoke.harness.journal import Journal
from auditor.smoke.harness.mesh import DeviceMesh, init_device_mesh

_LAUNCHER = {
    "RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "LOCAL_WORLD_SIZE": "1",
    "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500",
}  # fmt: skip


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
        return contextlib.nullcontext()


class _Operation:
    """One send or receive of a batch."""

    def __init__(self, op: Any, tensor: Any, peer: Any = None, group: Any = None, *_args: Any, **_kwargs: Any) -> None:
        self.op, self.tensor, self.peer, self.group = op, tensor, peer, group


def install(journal: Journal) -> None:
    """Replace the collectives, the wrapper and the variables that a launcher sets."""
    state = {"ready": False}

    def begin(*_args: Any, **_kwargs: Any) -> None:
        journal.stand_in("torch.distributed")
        state["ready"] = True

    def end(*_args: Any) -> None:
        state["ready"] = False

    replaced: dict[str, Any] = {
        "init_process_group": begin, "destroy_process_group": end, "is_initialized": lambda: state["ready"],
        "is_available": lambda: True, "is_nccl_available": lambda: True, "get_rank": lambda *_a, **_k: 0,
        "get_world_size": lambda *_a, **_k: 1, "get_backend": lambda *_a, **_k: "nccl",
        "get_backend_config": lambda *_a, **_k: "nccl", "get_pg_count": lambda: 1,
        "get_backend_impl": lambda *_a, **_k: None, "_get_reconfigure_handle": lambda *_a, **_k: "",
        "get_process_group_ranks": lambda *_a, **_k: [0], "get_node_local_rank": lambda *_a, **_k: 0,
        "get_global_rank": lambda *_a, **_k: 0, "get_group_rank": lambda *_a, **_k: 0,
        "_rank_not_in_group": lambda *_a, **_k: False, "_get_process_group_name": lambda *_a, **_k: "",
        "_coalescing_manager": lambda *_a, **_k: contextlib.nullcontext(Done()),
        "new_group": lambda *_a, **_k: None, "split_group": lambda *_a, **_k: None,
        "shrink_group": lambda *_a, **_k: None, "new_subgroups": lambda *_a, **_k: (None, [None]),
        "new_subgroups_by_enumeration": lambda *_a, **_k: (None, [None]),
        "batch_isend_irecv": lambda operations, *_a, **_k: [Done() for _ in operations], "P2POp": _Operation,
        "init_device_mesh": init_device_mesh, "DeviceMesh": DeviceMesh,
    }  # fmt: skip
    for module in (dist, dist.distributed_c10d):
        replaced.update({name: stand_in(parameters) for name, parameters in names(module)})
    meshes = sys.modules.get("torch.distributed.device_mesh")
    for module in (dist, dist.distributed_c10d, meshes):
        for name, function in replaced.items():
            # torch registers its own class of meshes, by this module, when it first compiles.
            if hasattr(module, name) and not (module is meshes and name == "DeviceMesh"):
                setattr(module, name, function)
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
