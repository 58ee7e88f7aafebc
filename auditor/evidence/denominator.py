"""Which number of bytes a score was divided by: what a loss and its bits per byte imply."""

from __future__ import annotations

import math


def bytes_per_token(val_loss: float, val_bpb: float) -> float | None:
    """Return the bytes per token that a loss (nats per token) and its bits per byte imply; None for no score."""
    return val_loss / (math.log(2) * val_bpb) if val_bpb > 0 and val_loss > 0 else None
