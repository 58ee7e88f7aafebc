"""Which numbers the network computes in (spec section 2, dtype).

``float32`` is exact enough to compare runs. Under ``bfloat16`` the token tables and their Adam state are bfloat16 and
activations follow them; weights of linear layers and all small parameters stay float32 and are cast where they are
used.
"""

from __future__ import annotations

from typing import Literal

import torch

from reference_model.model import GPT

DtypeName = Literal["auto", "float32", "bfloat16"]


def compute_dtype(name: DtypeName, device: torch.device) -> torch.dtype:
    """Return the type to compute in: ``auto`` is bfloat16 on a GPU and float32 on a CPU."""
    if name == "auto":
        return torch.bfloat16 if device.type == "cuda" else torch.float32
    return torch.bfloat16 if name == "bfloat16" else torch.float32


def place(model: GPT, device: torch.device, dtype: torch.dtype, *, published: bool) -> None:
    """Move ``model`` to ``device`` for training in ``dtype``.

    ``published`` makes the signals of the shared recurrence bfloat16 too, as #148 to #1453 did.
    """
    model.to(device)
    if dtype is not torch.bfloat16:
        return
    for name, role in model.roles().items():
        if role == "embed" or (published and name.startswith("signals.")):
            parameter = model.get_parameter(name)
            parameter.data = parameter.data.to(dtype)
