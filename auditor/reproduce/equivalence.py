"""Whether runs and claim have the same mean: two one-sided tests, as of Schuirmann.

D. J. Schuirmann, J. Pharmacokinet. Biopharm. 15 (1987) 657-680: two means are equivalent when their difference is
below ``margin`` and above ``-margin``, each shown at level .05; which is to say that the 90 % interval of the
difference lies within the margins. Difference and degrees of freedom are Welch's; a claim of one score is a constant.
The margin is the claim's own: :data:`MARGIN_SDS` standard deviations between its seeds. With three runs on each side
of equal spread, the interval alone reaches 1.74 of them to both sides.

Runs whose scores are all equal are no sample: they say nothing of what another seed would give, so there is no test, no
interval and no p, whatever the claim. A claim of equal scores gives no margin either; the runs' own spread does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from auditor.evidence.statistics import describe, quantile, upper_tail

MARGIN_SDS = 3.0
LEVEL = 0.05
_LEAST_MARGIN = 1e-5  # bpb; a log may print five decimals


@dataclass(frozen=True)
class Equivalence:
    """The tests' outcome: ``difference`` of means (runs minus claim), larger ``p``, 90 % interval; all but p in bpb.

    ``p`` and ``interval`` are None where the runs have no spread.
    """

    difference: float
    margin: float
    p: float | None
    interval: tuple[float, float] | None

    @property
    def same(self) -> bool:
        """Whether the runs are equivalent to the claim."""
        return self.p is not None and self.p < LEVEL

    @property
    def other(self) -> bool:
        """Whether the whole interval lies outside the margins: another score, for better or worse."""
        return self.interval is not None and (self.interval[0] >= self.margin or self.interval[1] <= -self.margin)


def equivalence(runs: Sequence[float], claimed: Sequence[float]) -> Equivalence | None:
    """Return the tests of ``runs`` against ``claimed`` (bpb); None below two runs or without a claim.

    A claim of one score, or of equal ones, has no spread of its own: that of the runs is taken.
    """
    if len(runs) < 2 or not claimed:
        return None
    ours, theirs = describe(runs), describe(claimed)
    assert ours.sd is not None
    spread = ours.sd if theirs.sd is None or theirs.equal else theirs.sd
    margin = max(MARGIN_SDS * spread, _LEAST_MARGIN)
    difference = ours.mean - theirs.mean
    if ours.equal:
        return Equivalence(difference, margin, None, None)
    a = ours.sd**2 / ours.n
    b = 0.0 if theirs.sd is None else theirs.sd**2 / theirs.n
    error = math.sqrt(a + b)
    shares = (a / (a + b)) ** 2 / (ours.n - 1) + (0.0 if b == 0 else (b / (a + b)) ** 2 / (theirs.n - 1))
    df = 1 / shares
    # Each test rejects "the difference is at least the margin" on its side.
    p = max(upper_tail((margin + difference) / error, df), upper_tail((margin - difference) / error, df))
    half = quantile(LEVEL, df) * error
    return Equivalence(difference, margin, p, (difference - half, difference + half))
