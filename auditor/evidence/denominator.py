"""Which number of bytes a score was divided by: what a loss and its bits per byte imply."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

from auditor.evidence.model import Run

VALIDATION_BYTES = 151_080_000  # the fixed first 50,000 documents, whatever the tokenizer
TOLERANCE = 0.0003  # relative: what honest runs differ by, as tails and document starts are cut differently

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
RATIO_TOLERANCE = 0.001  # relative


def bytes_per_token(val_loss: float, val_bpb: float) -> float | None:
    """Return the bytes per token that a loss (nats per token) and its bits per byte imply; None for no score."""
    return val_loss / (math.log(2) * val_bpb) if val_bpb > 0 and val_loss > 0 else None


def implied_bytes(run: Run) -> float | None:
    """Return the bytes that a run's score was divided by, None when its log lacks loss, score or tokens."""
    tokens, score, loss = run.first("val_tokens"), run.score, run.val_loss
    if tokens is None or score is None or loss is None:
        return None
    ratio = bytes_per_token(loss, score.val_bpb)
    return None if ratio is None else ratio * tokens.value


def deviation(value: float) -> float:
    """Return by which share a number of bytes differs from the validation set's: 0.01 is one per cent more."""
    return value / VALIDATION_BYTES - 1


def tokenizer_of(ratio: float) -> str | None:
    """Return the known tokenizer with that many bytes per token, None when there is none."""
    name, usual = min(BYTES_PER_TOKEN.items(), key=lambda item: abs(item[1] - ratio))
    return name if abs(ratio / usual - 1) <= RATIO_TOLERANCE else None
