"""What is reported: the sum over tokens scored once each over their bytes; and no less than random tokens cost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from auditor.probe.answer import least_nats
from auditor.probe.model import Result
from auditor.probe.passes import Pass
from auditor.probe.printed import Printed
from auditor.probe.tokens import drawn, lowest

_BYTES = 0.02
"""How far, relatively, a count of bytes may be off before it is called wrong."""


def reported(
    found: Pass | None,
    printed: Printed,
    tokens: npt.NDArray[np.int64],
    sizes: npt.NDArray[np.int64],
    size: int,
    covered: npt.NDArray[np.bool_],
) -> Result:
    """Return whether the printed score is what the tokens' losses and bytes make; ``covered`` are scored somewhere."""
    wrong = _ratio(printed, sizes) if printed.loss is not None else None
    if wrong is not None:
        return wrong
    if found is not None:
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
    least = _least(printed, covered & drawn(tokens), sizes, size)
    if least is not None:
        return least
    return Result("reported", "SKIP", "no values that were seen add up to the printed score")


def recounted(known: Pass, reach: float, printed: Printed, sizes: npt.NDArray[np.int64], result: Result) -> Result:
    """Return the failure with the bytes that the script divides by, where these losses are its score but for them.

    ``reach`` is by how many nats, over all bytes, the printed score moved when one was added to each loss.
    """
    if printed.bpb is None or reach <= 0:
        return result
    bytes_ = int(sizes[1:].sum())
    counted = len(known.positions) * bytes_ / reach
    bits = float(known.nats.sum()) / float(np.log(2.0))
    if abs(bits / counted / printed.bpb - 1.0) > _BYTES or counted <= bytes_ * (1 + _BYTES):
        return result
    reason = (
        f"{bits:,.0f} bits of {len(known.positions):,} tokens are divided by {counted:,.0f} bytes; "
        f"the tokens have {bytes_:,}"
    )
    return replace(result, reason=reason, place=known.placed.site.place)


def _ratio(printed: Printed, sizes: npt.NDArray[np.int64]) -> Result | None:
    """Return a failure where loss and bits per byte, printed together, count more bytes than the tokens have."""
    if printed.bpb is None or not printed.loss or not printed.bpb:
        return None
    counted = printed.loss / float(np.log(2.0)) / printed.bpb  # bytes per token
    real = float(sizes[1:].mean())
    if counted <= real * (1 + _BYTES):
        return None
    reason = f"the printed loss and bits per byte count {counted:.3f} bytes per token; the tokens have {real:.3f}"
    return Result("reported", "FAIL", reason, tokens=len(sizes) - 1)


def _least(printed: Printed, free: npt.NDArray[np.bool_], sizes: npt.NDArray[np.int64], size: int) -> Result | None:
    """Return a failure where the printed score is below what drawn tokens cost, however they are predicted."""
    if printed.bpb is None:
        return None
    bits = least_nats(int(free.sum()), size - lowest(size)) / float(np.log(2.0))
    least = bits / float(sizes[1:].sum())
    if printed.bpb + printed.step >= least * (1 - _BYTES):
        return None
    reason = (
        f"prints {printed.bpb} bits per byte for tokens drawn at random, which cost {least:.4f} at least, "
        "however they are predicted"
    )
    return Result("reported", "FAIL", reason, tokens=int(free.sum()))
