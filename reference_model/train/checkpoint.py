"""A checkpoint: all that the rest of a run depends on, in one file, for any number of ranks.

The order of data is a function of the step, so the step stands for the loader. The file is written whole or not at
all, and read without running anything that it contains.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor

from reference_model.config import Config
from reference_model.errors import BadInput
from reference_model.files import write_whole

FORMAT = 1


@dataclass(frozen=True)
class Checkpoint:
    """The state of training after ``step`` steps and ``nanoseconds`` of training time."""

    config: str  # JSON
    seed: int
    step: int
    nanoseconds: int
    model: dict[str, Tensor]
    optimizers: dict[str, Any]
    ema: dict[str, Tensor] | None
    swa: dict[str, Tensor]
    swa_count: int
    random: dict[str, Any]


def fingerprint(config: Config) -> str:
    """Return ``config`` as JSON with sorted keys, by which a checkpoint knows its run."""
    return msgspec.json.encode(config, order="sorted").decode()


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write ``checkpoint`` to ``path``; raises :class:`reference_model.errors.RunFailed` where that fails."""
    buffer = io.BytesIO()  # so that a full disk is met by our own write, with its own message
    torch.save({"format": FORMAT, **vars(checkpoint)}, buffer)
    write_whole(path, buffer.getvalue())


def load(path: Path, config: Config, seed: int) -> Checkpoint:
    """Return the checkpoint at ``path`` (tensors on the host).

    Raises :class:`BadInput` when the file isn't a whole checkpoint or is of another configuration or seed.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror or error}") from error
    except Exception as error:  # torch documents no common base for what a broken file raises
        raise BadInput(f"{path}: not a whole checkpoint ({type(error).__name__})") from error
    if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
        raise BadInput(f"{path}: not a checkpoint of this version of the reference model")
    found = Checkpoint(**content)
    if found.seed != seed:
        raise BadInput(f"{path}: the checkpoint is of seed {found.seed}, this run has seed {seed}")
    if found.config != fingerprint(config):
        raise BadInput(f"{path}: the checkpoint is of another configuration; resume with the preset it began with")
    return found
