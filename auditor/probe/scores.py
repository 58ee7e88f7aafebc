"""The values of a run as what they are of: per site, a validation token's place for each value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from auditor.probe.locate import Index, Positions
from auditor.probe.tokens import COUNT, Tokens
from auditor.probe.trace import Site, Values

_MOST_PASSES = 6
_NEAR = 8  # tokens that a place by order may be off in any case
_WINDOW, _OVERLAPS = 2048, 4  # tokens that a step back within a pass is shorter than, and how many such steps tell
_LEAST = 0.75  # of the tokens, that a site's values must cover to be read in their order


@dataclass(frozen=True)
class Placed:
    """A site whose (n,) ``values`` are of the tokens at (n,) ``positions``.

    ``exact`` when the tokens themselves tell that; else the place in the order does, and a value may be of a token
    that is up to ``slack`` away.
    """

    site: Site
    values: Values
    positions: Positions
    exact: bool
    slack: int = 0

    def first(self) -> tuple[Positions, Values]:
        """Return the tokens that have a value, ascending, and the first value of each."""
        known = self.positions >= 0
        places, index = np.unique(self.positions[known], return_index=True)
        return places, self.values[known][index]

    def last(self) -> tuple[Positions, Values]:
        """Return the tokens that have a value, ascending, and the last value of each."""
        known = self.positions >= 0
        places, index = np.unique(self.positions[known][::-1], return_index=True)
        return places, self.values[known][::-1][index]


def placed(sites: Mapping[str, Site], tokens: Tokens) -> dict[str, Placed]:
    """Return the sites that compute something of validation tokens, by name."""
    index = Index(tokens)
    out: dict[str, Placed] = {}
    for name, site in sites.items():
        if site.targets is None:
            continue
        positions = index.positions(site.targets)
        if (positions >= 0).sum() >= 16:
            out[name] = Placed(site, site.values, positions, exact=True)
    known = [*out.values()]
    covered = _order(known)
    passes = 1 if any(_overlaps(each) for each in known) else _MOST_PASSES
    for name, site in sites.items():
        if name in out:
            continue
        beside = next((each for each in known if _goes_with(site, each.site)), None)
        near = _by_order(len(site.values), covered, passes)
        if beside is not None:
            out[name] = Placed(site, site.values, beside.positions, exact=False, slack=_NEAR)
        elif near is not None:
            out[name] = Placed(site, site.values, *near)
    return out


def _overlaps(placed: Placed) -> bool:
    """Tell whether a site goes back by a few tokens again and again, as windows that overlap do.

    Twice as many values as tokens may then be one pass, not two.
    """
    steps = np.diff(placed.positions[placed.positions >= 0])
    return bool(((steps < 0) & (steps > -_WINDOW)).sum() >= _OVERLAPS)


def _goes_with(site: Site, known: Site) -> bool:
    """Tell whether a site computes as many values as another one each time, one time for one, in turns."""
    if len(site.values) != len(known.values) or not len(site.values):
        return False
    mine, theirs = (np.concatenate(([0], np.flatnonzero(np.diff(each.times)) + 1)) for each in (site, known))
    if not np.array_equal(mine, theirs):
        return False
    one, other = site.times[mine], known.times[theirs]
    early, late = (one, other) if one[0] < other[0] else (other, one)
    return bool((early < late).all() and (late[:-1] < early[1:]).all())


def _order(found: Iterable[Placed]) -> Positions | None:
    """Return the scored tokens in their order, where all sites agree that it ascends; else None.

    Without any site that tells, the order is that of the set.
    """
    best: Positions | None = None
    for each in found:
        known = each.positions[each.positions >= 0]
        unique, at = np.unique(known, return_index=True)
        if not each.site.learns and (np.diff(at) < 0).any():
            return None
        if best is None or len(unique) > len(best):
            best = unique
    return np.arange(1, COUNT) if best is None else best


def _by_order(count: int, covered: Positions | None, most: int) -> tuple[Positions, bool, int] | None:
    """Return places for ``count`` values in the order of the scored tokens; None where their number doesn't fit.

    With them: that they are not exact, and by how much, as any tokens may be those that have no value. There may be
    ``most`` passes.
    """
    if covered is None or not len(covered):
        return None
    for passes in range(1, most + 1):
        each, rest = divmod(count, passes)
        if rest == 0 and _LEAST * COUNT <= each <= 1.02 * COUNT:
            spread = np.linspace(0, len(covered) - 1, each).round().astype(np.int64)
            return np.tile(covered[spread], passes), False, abs(each - len(covered)) + _NEAR
    return None


def moved(one: Values, other: Values) -> npt.NDArray[np.bool_]:
    """Return which of two (n,) values differ by more than the last bits of a float32."""
    with np.errstate(invalid="ignore"):
        apart = np.abs(one - other) > 2e-6 * np.maximum(1.0, np.maximum(np.abs(one), np.abs(other)))
    return np.asarray(apart | (np.isnan(one) != np.isnan(other)))
