"""Means, intervals and the test that the leaderboard applies, without numpy or scipy.

`check` must stay light, so Student's distribution is computed here; the tests hold it against scipy's.
"""

from __future__ import annotations

import math
import statistics as basic
from collections.abc import Sequence

from msgspec import Struct

_TINY = 1e-300
_EXACT = 1e-15
_MOST_TERMS = 10_000
_NO_SPREAD = 1e-9  # bits per byte; logs print eight digits at most


class TooFew(ValueError):  # noqa: N818 (says what is wrong, not that it is)
    """A sample too small for what is asked of it; the message is one line."""


class NoSpread(TooFew):
    """Samples of equal values, of which no test can be made; the message is one line."""


class Sample(Struct, frozen=True):
    """A sample by its mean, its standard deviation (over n - 1; None when n is 1) and its size."""

    mean: float
    sd: float | None
    n: int

    @property
    def equal(self) -> bool:
        """Tell whether several values have no spread: then they say nothing of what another run would give."""
        return self.sd is not None and self.sd < _NO_SPREAD


class Welch(Struct, frozen=True):
    """A one-sided Welch test of "new is less than old": ``delta`` is new minus old, negative when better."""

    p: float
    t: float
    df: float
    delta: float


def describe(values: Sequence[float], *, population: bool = False) -> Sample:
    """Return mean, standard deviation and size of a sample; raises :class:`TooFew` when it is empty.

    ``population`` divides by n, as some published p-values do by mistake.
    """
    if not values:
        raise TooFew("no values")
    if len(values) == 1:
        return Sample(values[0], None, 1)
    sd = basic.pstdev(values) if population else basic.stdev(values)
    return Sample(basic.fmean(values), sd, len(values))


def confidence_interval(sample: Sample, level: float = 0.95) -> tuple[float, float]:
    """Return the two-sided interval for the mean; raises :class:`TooFew` below two values."""
    if not 0 < level < 1:
        raise ValueError(f"a confidence level lies between 0 and 1, not {level}")
    if sample.sd is None:
        raise TooFew("a confidence interval needs at least two values")
    half = quantile((1 - level) / 2, sample.n - 1) * sample.sd / math.sqrt(sample.n)
    return sample.mean - half, sample.mean + half


def welch_one_sided(new: Sample, old: Sample) -> Welch:
    """Return the test of "new is less than old"; raises :class:`TooFew` below two values on a side.

    Raises :class:`NoSpread` when all values of both sides are equal. SciPy gives p = 0 with one degree of freedom
    there, which reads as the strongest evidence of all; equal values are none.
    """
    if new.sd is None or old.sd is None:
        raise TooFew("Welch's test needs at least two values on each side")
    if new.equal and old.equal:
        raise NoSpread("no test: each side's scores are all equal, and a spread of zero is no evidence")
    a, b = new.sd**2 / new.n, old.sd**2 / old.n
    delta = new.mean - old.mean
    t = delta / math.sqrt(a + b)
    shares = (a / (a + b)) ** 2 / (new.n - 1) + (b / (a + b)) ** 2 / (old.n - 1)
    df = 1 / shares
    return Welch(upper_tail(-t, df), t, df, delta)


def nats_per_byte(bits_per_byte: float) -> float:
    """Return bits per byte as nats per byte."""
    return bits_per_byte * math.log(2)


def nats_per_token(bits_per_byte: float, bytes_per_token: float) -> float:
    """Return bits per byte as nats per token, the unit of ``val_loss``."""
    return nats_per_byte(bits_per_byte) * bytes_per_token


def upper_tail(t: float, df: float) -> float:
    """Return the probability that Student's t with ``df`` degrees of freedom exceeds ``t``."""
    # Of x and 1 - x the small one is computed directly, or its digits cancel.
    x, rest = df / (df + t * t), t * t / (df + t * t)
    half = _incomplete_beta(df / 2, 0.5, x, rest) / 2
    return half if t > 0 else 1 - half


def _incomplete_beta(a: float, b: float, x: float, rest: float) -> float:
    """Return the regularised incomplete beta function at ``x``; ``rest`` is 1 - x (DLMF 8.17.22)."""
    if x <= 0:
        return 0.0
    if rest <= 0:
        return 1.0
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log(rest))
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(a, b, x) / a
    return 1 - front * _fraction(b, a, rest) / b


def _fraction(a: float, b: float, x: float) -> float:
    """Return the continued fraction of the incomplete beta function, by Lentz's method."""
    c, d = 1.0, 1 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > _TINY else _TINY)
    total = d
    for m in range(1, _MOST_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for step in (even, odd):
            d = 1 + step * d
            c = 1 + step / c
            d = 1 / (d if abs(d) > _TINY else _TINY)
            c = c if abs(c) > _TINY else _TINY
            total *= d * c
        if abs(d * c - 1) < _EXACT:
            break
    return total


def quantile(tail: float, df: float) -> float:
    """Return the t that Student's distribution exceeds with probability ``tail`` (below one half)."""
    low, high = 0.0, 1.0
    while upper_tail(high, df) > tail and high < 1e12:
        low, high = high, high * 2
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if upper_tail(middle, df) > tail:
            low = middle
        else:
            high = middle
    return (low + high) / 2
