"""Whether two written figures are one, but for the rounding of both."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor

from auditor.evidence.claims import Claim
from auditor.evidence.printed import Metric

_FEWEST_DECIMALS = 2  # that a claim is taken to have: JSON drops the zeros of 1.2000


def agrees(claim: Claim[float], value: float, metrics: Sequence[Metric]) -> bool:
    """Tell whether the claim is ``value``, taken from ``metrics``, but for the rounding of both."""
    printed = max((unit(m.decimals) for m in metrics), default=0.0)
    said = unit(max(claim.decimals, _FEWEST_DECIMALS))
    # One printed score is either copied or rounded once; a mean of rounded scores carries their error too.
    error = (said + printed) / 2 if len(metrics) > 1 else max(said, printed) / 2
    return abs(claim.value - value) <= error + 1e-9


def nearly(claim: Claim[float], value: float) -> bool:
    """Tell whether the claim is ``value`` within one unit of the claim's last digit: rounded, cut off or rounded up."""
    return abs(claim.value - value) <= unit(max(claim.decimals, _FEWEST_DECIMALS)) + 1e-9


def cut_off(claim: Claim[float], value: float) -> bool:
    """Tell whether the claim is ``value`` with its further decimals cut off."""
    scale = 10.0**claim.decimals
    return abs(floor(value * scale + 1e-6) / scale - claim.value) < 1e-9


def unit(decimals: int) -> float:
    """Return one unit of the last of so many decimals."""
    return float(10.0**-decimals)
