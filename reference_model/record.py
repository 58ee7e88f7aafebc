"""What a finished run leaves beside its log: one JSON file that says what was run, where, and what came of it."""

from __future__ import annotations

import platform
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import torch

from reference_model.files import write_whole
from reference_model.train.ranks import Ranks

if TYPE_CHECKING:
    from reference_model.run import Request, Result


def write_record(path: Path, request: Request, ranks: Ranks, result: Result) -> None:
    """Write ``run.json`` to ``path``, whole or not at all."""
    content = record(request, ranks, result)
    write_whole(path, msgspec.json.format(msgspec.json.encode(content), indent=2))


def record(request: Request, ranks: Ranks, result: Result) -> dict[str, Any]:
    """Return what was run, on what, and what came of it; times in seconds, sizes in bytes."""
    final = result.scores[-1] if result.scores else None
    device = ranks.device
    return {
        "preset": request.preset.name,
        "seed": request.seed,
        "val_loss": final.val_loss if final else None,
        "val_bpb": final.val_bpb if final else None,
        "valid": not result.invalid,
        "invalid": result.invalid,
        "steps": result.steps,
        "train_seconds": result.train_seconds,
        "parameters": result.parameters,
        "bytes_code": result.code_bytes,
        "bytes_model": result.model_bytes,
        "bytes_total": result.code_bytes + result.model_bytes,
        "pre_quantization": asdict(result.pre_quantization) if result.pre_quantization else None,
        "scores": [asdict(score) for score in result.scores],
        "phases": result.phases,
        "world_size": ranks.world,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "command": sys.argv,
        "data": str(request.data),
        "config": request.preset.config,
    }
