"""Which number of bytes a score was divided by: what a loss and its bits per byte imply."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

VALIDATION_BYTES = 151_080_000  # the fixed first 50,000 documents, whatever the tokenizer

# Bytes per validation token, by tokenizer, over the accepted submissions.
BYTES_PER_TOKEN: Mapping[str, float] = MappingProxyType(
    {
        "sp768": 2.22903,
        "sp1024": 2.43592,
        "sp1792": 2.80035,
        "sp2048": 2.88457,
        "sp4096": 3.31968,
        "sp8192": 3.72663,
        "sp8192 caseops": 3.15736,
        "sp8192 casefold": 4.15798,
        "bytes": 1.0,
    }
)


def bytes_per_token(val_loss: float, val_bpb: float) -> float | None:
    """Return the bytes per token that a loss (nats per token) and its bits per byte imply; None for no score."""
    return val_loss / (math.log(2) * val_bpb) if val_bpb > 0 and val_loss > 0 else None
