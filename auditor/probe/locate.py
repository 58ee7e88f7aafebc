"""Which validation token a value is of: by the tokens that it was computed for, or by its place in the order."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import numpy.typing as npt

from auditor.probe.tokens import Tokens

Positions = npt.NDArray[np.int64]
_GRAM = 4
_CANDIDATES = 24


class Index:
    """The places of each few tokens in a validation set."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = np.asarray(tokens, dtype=np.int64)
        self._places: dict[bytes, list[int]] = defaultdict(list)
        for at in range(len(self._tokens) - _GRAM + 1):
            self._places[self._tokens[at : at + _GRAM].tobytes()].append(at)

    def positions(self, targets: Positions) -> Positions:
        """Return the place in the set of each of (n,) targets, -1 where it isn't known.

        Runs of at least four tokens are found, by the longest match, of equal ones by the nearest to the run before:
        a short one may stand in several places. A rest of fewer belongs to none.
        """
        out = np.full(len(targets), -1, dtype=np.int64)
        at = last = 0
        while at <= len(targets) - _GRAM:
            places = self._places.get(targets[at : at + _GRAM].tobytes(), [])
            best, place = 0, -1
            for candidate in places[:_CANDIDATES]:
                length = self._match(targets, at, candidate)
                if length > best or (length == best and abs(candidate - last) < abs(place - last)):
                    best, place = length, candidate
            if not best:
                at += 1
                continue
            out[at : at + best] = np.arange(place, place + best)
            at, last = at + best, place + best
        return out

    def _match(self, targets: Positions, at: int, place: int) -> int:
        most = min(len(targets) - at, len(self._tokens) - place)
        same = targets[at : at + most] == self._tokens[place : place + most]
        return most if same.all() else int(same.argmin())
