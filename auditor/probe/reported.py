"""What is reported: the sum over tokens scored once each over their bytes; and no less than random tokens cost."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from auditor.probe.answer import least_nats
from auditor.probe.model import Result
from auditor.probe.passes import Pass
from auditor.probe.printed import Printed
from auditor.probe.tokens import lowest

_BYTES = 0.02
"""How far, relatively, a count of bytes may be off before it is called wrong."""
_BYTE_LEVEL, _ONE = 512, 0.001
_STAYS = 0.01
"""How far, relatively, a constant may seem to be from itself: sets differ by 20 % in bytes and 0.1 % in losses."""


def reported(found: Pass, printed: Printed, sizes: npt.NDArray[np.int64]) -> Result:
    """Return what a pass whose sum is the printed score shows: of how many tokens, over which bytes."""
    count, total = len(found.positions), float(found.nats.sum()) / float(np.log(2.0))
    if printed.bpb is None:
        reason = f"{total / count * np.log(2.0):.4f} nats per token over {count:,} tokens, printed {printed.loss}"
    else:
        bytes_ = int(sizes[1:].sum() if found.whole else sizes[found.positions].sum())
        left = f" (all tokens', of which {len(sizes) - 1 - count:,} are not scored)" if found.whole else ""
        reason = (
            f"{total:,.0f} bits of {count:,} tokens over {bytes_:,} bytes{left} is {total / bytes_:.4f}, "
            f"printed {printed.bpb}"
        )
    return Result("reported", "PASS", reason, found.placed.site.place, tokens=count)


def weighed(found: Pass, per_token: float, printed: Printed, sizes: npt.NDArray[np.int64]) -> Result:
    """Return whether each loss of the pass is divided by the bytes of its token, ``per_token`` on average.

    Where no bits per byte are printed, ``per_token`` counts tokens.
    """
    place, count = found.placed.site.place, len(found.positions)
    real, of = (1.0, "tokens") if printed.bpb is None else (float(sizes[found.positions].mean()), "bytes")
    told = f"the losses of {count:,} tokens are divided by {per_token:.3f} {of} each; the tokens have {real:.3f}"
    if per_token > real * (1 + _BYTES):
        return Result("reported", "FAIL", told, place, tokens=count)
    if per_token < real * (1 - _BYTES):
        return Result("reported", "SKIP", f"{told}, so the printed score is no lower than theirs", place, tokens=count)
    return Result("reported", "PASS", told, place, tokens=count)


def counted(printed: Printed) -> float | None:
    """Return the bytes per token that a loss and bits per byte count that are printed together."""
    if not printed.bpb or not printed.loss:
        return None
    return printed.loss / float(np.log(2.0)) / printed.bpb


def uncounted(per_token: float | None, sizes: npt.NDArray[np.int64], size: int) -> Result | None:
    """Return that no bytes are counted, where each token counts as one and the vocabulary is too large to be of bytes.

    That is told and is no failure: it makes the score higher.
    """
    if per_token is None or size <= _BYTE_LEVEL or abs(per_token - 1.0) >= _ONE:
        return None
    real = float(sizes[1:].mean())
    reason = f"what is printed as bits per byte is bits per token; the tokens have {real:.3f} bytes each"
    return Result("reported", "SKIP", reason, tokens=len(sizes) - 1)


def ratio(per_token: float | None, sizes: npt.NDArray[np.int64]) -> Result | None:
    """Return a failure where loss and bits per byte, printed together, count more bytes than the tokens have."""
    real = float(sizes[1:].mean())
    if per_token is None or per_token <= real * (1 + _BYTES):
        return None
    reason = f"the printed loss and bits per byte count {per_token:.3f} bytes per token; the tokens have {real:.3f}"
    return Result("reported", "FAIL", reason, tokens=len(sizes) - 1)


def stays(here: float, there: float) -> bool:
    """Tell whether a count per token is the same for two sets, the tokens of which have other bytes."""
    return abs(there / here - 1.0) < _STAYS


def least(printed: Printed, free: npt.NDArray[np.bool_], sizes: npt.NDArray[np.int64], size: int) -> Result | None:
    """Return a failure where the printed score is below what drawn tokens cost, however they are predicted."""
    if printed.bpb is None:
        return None
    bits = least_nats(int(free.sum()), size - lowest(size)) / float(np.log(2.0))
    lowest_ = bits / float(sizes[1:].sum())
    if printed.bpb + printed.step >= lowest_ * (1 - _BYTES):
        return None
    reason = (
        f"prints {printed.bpb} bits per byte for tokens drawn at random, which cost {lowest_:.4f} at least, "
        "however they are predicted"
    )
    return Result("reported", "FAIL", reason, tokens=int(free.sum()))
