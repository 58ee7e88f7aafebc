"""What can be known to fail before any long work starts: memory, disk, the output folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch

from reference_model.artifact.total import CAP_BYTES
from reference_model.config import Config
from reference_model.data.byte_drift import drifts
from reference_model.data.tokenizer import load_tokenizer
from reference_model.errors import BadInput
from reference_model.model import stages
from reference_model.model.size import parameters
from reference_model.train.ranks import PIECES

_FLOAT = 4  # bytes
_MEMINFO = Path("/proc/meminfo")


def least_memory(config: Config, *, dtype: torch.dtype) -> int:
    """Return a lower bound, in bytes, of what a training step holds on its device at once.

    Weights, gradients, optimizer state and averages; for a piece of a step its logits with their gradient, and what
    every virtual layer keeps for the backward pass: its input, the normalised input, queries, and the hidden vector.
    """
    model, average = config.model, config.average
    count = parameters(model)
    states = 2 + 2 + (1 if average.ema > 0 else 0) + (1 if average.swa_start > 0 else 0)
    tokens = config.data.batch_tokens // PIECES
    depth = max(stage.depth for stage in stages(model))
    kept = depth * (3 + 2 * model.mlp_mult) * model.dim
    return states * _FLOAT * count + tokens * (2 * _FLOAT * model.vocab_size + dtype.itemsize * kept)


def least_disk(config: Config, *, checkpoints: bool) -> int:
    """Return a lower bound, in bytes, of what the run writes: the artifact twice, and checkpoints where wanted."""
    # A checkpoint holds weights, momentum or moments, and averages; it is written beside the one before.
    averages = (1 if config.average.ema > 0 else 0) + (1 if config.average.swa_start > 0 else 0)
    checkpoint = 2 * (2 + averages) * _FLOAT * parameters(config.model) if checkpoints else 0
    return 2 * min(CAP_BYTES, parameters(config.model)) + checkpoint


def check_memory(config: Config, device: torch.device, dtype: torch.dtype, *, processes: int = 1) -> None:
    """Raise :class:`BadInput` when ``processes`` on this machine can't hold a training step."""
    needed = least_memory(config, dtype=dtype)
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        where = f"GPU {device.index or 0}"
    else:
        available = free_memory()
        if available is None:
            return
        free, needed, where = available, needed * processes, "this machine"
    if needed > free:
        raise BadInput(
            f"a training step needs at least {_gigabytes(needed)} of memory and {where} has {_gigabytes(free)} free: "
            "lower data.batch_tokens, or take a smaller preset"
        )


def check_disk(config: Config, folder: Path, *, checkpoints: bool) -> None:
    """Raise :class:`BadInput` when ``folder`` (which is made) can't take what the run writes."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise BadInput(f"{folder}: can't write here ({error.strerror or error}); choose another --out") from error
    free, needed = shutil.disk_usage(folder).free, least_disk(config, checkpoints=checkpoints)
    if needed > free:
        raise BadInput(
            f"{folder}: the run writes at least {_gigabytes(needed)} and {_gigabytes(free)} are free; "
            "free some space or choose another --out"
        )


def byte_notes(tokenizer: Path) -> tuple[str, ...]:
    """Return what a table of bytes made from the tokenizer in this file counts wrongly, one sentence each.

    It holds for scores that divide by the table, not by a sidecar. Raises :class:`BadInput` for no tokenizer.
    """
    return drifts(load_tokenizer(tokenizer))


def free_memory() -> int | None:
    """Return the bytes of memory that new processes can have, None where the system doesn't say."""
    if not _MEMINFO.exists():
        return None
    for line in _MEMINFO.read_text(encoding="utf-8").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
