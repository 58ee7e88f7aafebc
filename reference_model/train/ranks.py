"""The processes of one run and what they tell each other.

``torchrun --nproc_per_node=W`` starts W processes, each with a rank. A step is always cut into the same eight
pieces, so W must divide 8. Sums over ranks go through :class:`Ranks`; with one process it passes tensors through, so
that no caller asks how many there are. Tensors on the GPU travel by NCCL, tensors on the host by gloo: agreeing on a
clock then doesn't wait for the GPU.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
import torch.distributed as dist
from torch import Tensor

from reference_model.errors import BadInput, RunFailed

PIECES = 8  # a step's micro-batches over all ranks, whatever their number

DeviceName = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True)
class Ranks:
    """This process (``rank`` of ``world``; ``local_rank`` on its machine) and its ``device``."""

    rank: int
    world: int
    local_rank: int
    device: torch.device

    @classmethod
    def single(cls, device: torch.device | str = "cpu") -> Ranks:
        """Return the only rank of a run in one process; needs no process group."""
        return cls(0, 1, 0, torch.device(device))

    @property
    def is_main(self) -> bool:
        """Whether this rank writes logs and files."""
        return self.rank == 0

    @property
    def pieces(self) -> range:
        """The pieces of every step that this rank computes: equal contiguous shares of 0 to 7."""
        share = PIECES // self.world
        return range(self.rank * share, (self.rank + 1) * share)

    def sum_(self, tensor: Tensor) -> Tensor:
        """Replace ``tensor`` by its sum over ranks, in place, and return it."""
        return self._reduce(tensor, dist.ReduceOp.SUM)

    def max_(self, tensor: Tensor) -> Tensor:
        """Replace ``tensor`` by its element-wise greatest over ranks, in place, and return it."""
        return self._reduce(tensor, dist.ReduceOp.MAX)

    def mean_(self, tensor: Tensor) -> Tensor:
        """Replace ``tensor`` by its mean over ranks, in place, and return it."""
        return self.sum_(tensor).div_(self.world)

    def broadcast_(self, tensor: Tensor, source: int = 0) -> Tensor:
        """Replace ``tensor`` by that of rank ``source``, in place, and return it."""
        if self.world > 1:
            with _lost_rank(self.rank):
                dist.broadcast(tensor, src=source)
        return tensor

    def max(self, value: float) -> float:
        """Return the greatest of the ranks' ``value``, without waiting for the GPU."""
        return float(self.max_(torch.tensor(value, dtype=torch.float64)))

    def barrier(self) -> None:
        """Return once all ranks have come here."""
        self.sum_(torch.zeros(1))

    def _reduce(self, tensor: Tensor, how: dist.ReduceOp.RedOpType) -> Tensor:
        if self.world > 1:
            with _lost_rank(self.rank):
                dist.all_reduce(tensor, op=how)
        return tensor


@contextmanager
def open_ranks(device: DeviceName = "auto", environment: Mapping[str, str] = os.environ) -> Iterator[Ranks]:
    """Yield this process's place in the run that torchrun started (one process without it); end the group after.

    ``auto`` takes a GPU where there is one. Raises :class:`BadInput` for a world size that doesn't divide 8, and
    where a GPU is asked for that isn't there.
    """
    rank, world, local_rank = (_integer(environment, name) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
    world = max(world, 1)
    if PIECES % world:
        raise BadInput(f"WORLD_SIZE {world} does not divide {PIECES}: run 1, 2, 4 or 8 processes")
    place = _device(device, local_rank, _integer(environment, "LOCAL_WORLD_SIZE") or world)
    ranks = Ranks(rank, world, local_rank, place)
    if world == 1:
        yield ranks
        return
    backend = "cpu:gloo,cuda:nccl" if place.type == "cuda" else "gloo"
    with _lost_rank(rank):
        dist.init_process_group(backend, rank=rank, world_size=world, timeout=datetime.timedelta(minutes=10))
    try:
        yield ranks
    finally:
        dist.destroy_process_group()


def _device(name: DeviceName, local_rank: int, local_world: int) -> torch.device:
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise BadInput("--device cuda: no CUDA GPU here, or this build of torch has no CUDA; use --device cpu")
    found = torch.cuda.device_count()
    if local_world > found:
        raise BadInput(f"{local_world} processes on this machine but {found} GPUs; lower --nproc_per_node")
    place = torch.device("cuda", local_rank)
    torch.cuda.set_device(place)
    return place


def _integer(environment: Mapping[str, str], name: str) -> int:
    value = environment.get(name, "0")
    if not value.isdecimal():
        raise BadInput(f"{name}={value!r} is not a whole number; torchrun sets it")
    return int(value)


@contextmanager
def _lost_rank(rank: int) -> Iterator[None]:
    """Turn the failure of a collective into one line: some other process has ended or hangs."""
    try:
        yield
    except RuntimeError as error:  # what both backends raise, gloo without a class of its own
        reason = " ".join(str(error).split())[:200]
        raise RunFailed(
            f"rank {rank} lost contact with another rank, whose own output says why it ended ({reason})"
        ) from error
