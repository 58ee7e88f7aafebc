"""The answer must not matter: over uniform tokens, the probabilities of the scored ones average to at most one chance.

A prediction that adds up to one over the vocabulary gives a token that was drawn after it, uniformly among V, the
expected probability 1/V: V times the mean is the mean sum over all candidates. So a bet on more than that is fair at
best, and its wealth is an e-value (Ville's inequality; Shafer, "Testing by betting", 2021): it reaches 2^k with a
probability of at most 2^-k, whatever the script predicts and however it learns from what it has scored.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from auditor.probe.trace import Values

BITS = 40.0
"""log2 of the wealth that counts as proof: a chance of 1 in 10^12 for a script that predicts."""
_LOGARITHMS = ("loss", "log", "log2")
_BETS = (0.005, 0.02, 0.08, 0.3, 0.7, 0.999)


@dataclass(frozen=True)
class Bet:
    """``total`` is the mean sum of probabilities over all candidates, ``bits`` the log2 of the wealth of ``tokens``."""

    total: float
    bits: float
    tokens: int


def bet(nats: Values, candidates: int) -> Bet:
    """Return what (n,) losses of drawn tokens, in nats, say about predictions over ``candidates``."""
    gain = np.exp(np.clip(-nats, -700.0, 50.0)) * candidates
    logs = [float(np.log1p(share * (gain - 1.0)).sum()) for share in _BETS]
    top = max(logs)
    wealth = top + float(np.log(np.mean(np.exp(np.array(logs) - top))))
    return Bet(float(gain.mean()), wealth / float(np.log(2.0)), len(nats))


def least_nats(drawn: int, candidates: int) -> float:
    """Return the nats that ``drawn`` uniform tokens cost at least, but for a chance of 2^-BITS."""
    return drawn * float(np.log(candidates)) - BITS * float(np.log(2.0))


def as_nats(values: Values, kind: str) -> list[npt.NDArray[np.float64]]:
    """Return the losses in nats that (n,) values of a ``kind`` of operation may stand for.

    They are nats of either sign, or probabilities where the operation gives such. Bits are only what comes out of a
    ``log2``: a count of bytes that is too high by 1.44 would make nats look like them, and a prediction like an oracle.
    """
    unit = float(np.log(2.0)) if kind == "log2" else 1.0
    out = [values * unit if values.mean() >= 0 else -values * unit]
    if kind not in _LOGARITHMS and values.min() >= 0 and values.max() <= 1:
        with np.errstate(divide="ignore"):
            out.append(-np.log(np.maximum(values, 1e-300)))
    return out
