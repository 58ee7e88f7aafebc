"""The passes that a run makes over the validation set, and which of them adds up to the printed score."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from auditor.probe.answer import as_nats
from auditor.probe.locate import Positions
from auditor.probe.printed import Printed
from auditor.probe.scores import Placed
from auditor.probe.trace import Values

NEAR = 0.006
"""How far, relatively, a sum may be from the printed score: starts of documents are counted in several ways."""
_BACK = 2048  # tokens: a step back as far as that begins another pass
_LEAST = 0.35  # of the set's tokens that a pass scores
_PASSES = 40


@dataclass(frozen=True)
class Pass:
    """One pass of a site over the set: the first value that each of (n,) ``positions`` gets, as ``nats`` (n,).

    ``span`` are its values' (start, stop) at the site; ``off`` is how far its mean is from the printed score,
    relatively; ``whole`` when that is divided by all tokens of the set, or their bytes, not by those scored.
    """

    placed: Placed
    positions: Positions
    nats: Values
    span: tuple[int, int]
    off: float
    whole: bool = False

    @property
    def ended(self) -> int:
        """When the last of its values was computed."""
        return int(self.placed.site.times[self.span[1] - 1])


def explaining(
    placed: Mapping[str, Placed], printed: Printed, sizes: npt.NDArray[np.int64]
) -> tuple[Pass | None, list[Pass]]:
    """Return the pass whose sum is the printed score, None where there is none, and all passes.

    ``sizes`` (tokens,) are the bytes of each token of the set. Of passes that are as near, the latest,
    which is the one that the others went into.
    """
    found = [each for one in placed.values() for each in _passes(one, printed, sizes)]
    near = [each for each in found if each.off <= NEAR]
    if not near:
        return None, found
    best = min(each.off for each in near)
    near = [each for each in near if each.off <= best + 2e-4]
    return max(near, key=lambda each: (each.ended, each.placed.exact)), found


def _passes(placed: Placed, printed: Printed, sizes: npt.NDArray[np.int64]) -> Iterator[Pass]:
    for start, stop in _bounds(placed):
        part = placed.positions[start:stop]
        known = np.flatnonzero(part >= 0)
        if not len(known):
            continue
        positions, at = np.unique(part[known], return_index=True)
        values = placed.values[start:stop][known][at]
        if len(positions) < _LEAST * len(sizes) or not np.isfinite(values).all():
            continue
        for nats in as_nats(values, placed.site.kind):
            for whole in (False, True):
                far = off(float(nats.sum()), positions, printed, sizes, whole)
                yield Pass(placed, positions, nats, (start, stop), far, whole)


def off(nats: float, positions: Positions, printed: Printed, sizes: npt.NDArray[np.int64], whole: bool) -> float:
    """Return how far a sum of ``nats`` makes a score that is from the printed one, relatively; inf where none can be.

    It is divided by the tokens at ``positions``, or with ``whole`` by all that a set predicts, or by their bytes.
    """
    count, size = (len(sizes) - 1, int(sizes[1:].sum())) if whole else (len(positions), int(sizes[positions].sum()))
    if printed.loss:
        return abs(nats / count / printed.loss - 1.0)
    if printed.bpb and size:
        return abs(nats / float(np.log(2.0)) / size / printed.bpb - 1.0)
    nothing = printed.loss == 0 or (printed.loss is None and printed.bpb == 0)
    return 0.0 if nothing and abs(nats) <= printed.step * count else float("inf")


def _bounds(placed: Placed) -> Iterable[tuple[int, int]]:
    """Return the (start, stop) of each pass: a site that goes back far begins another one."""
    known = np.flatnonzero(placed.positions >= 0)
    if not len(known):
        return []
    steps = np.flatnonzero(np.diff(placed.positions[known]) < -_BACK)
    starts = [0, *(int(known[step + 1]) for step in steps)]
    if len(starts) > _PASSES:
        return []
    return zip(starts, [*starts[1:], len(placed.positions)], strict=True)
