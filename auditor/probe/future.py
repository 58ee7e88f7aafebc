"""The future must not matter: tokens that two validation sets share are scored alike, whatever follows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from auditor.probe.scores import Placed, moved
from auditor.probe.tokens import BOUNDARY


@dataclass(frozen=True)
class Move:
    """A site whose values of shared tokens moved: ``spans`` of its values, ``tokens`` how many different ones.

    ``position``, ``before``, ``after`` are the first that moved; ``rescored`` when the same token had a value at this
    site before, which had not moved.
    """

    name: str
    position: int
    before: float
    after: float
    spans: tuple[tuple[int, int], ...]
    tokens: int
    time: int
    rescored: bool


def shared(placed: Placed) -> npt.NDArray[np.bool_]:
    """Return which (n,) values are of tokens that both sets have."""
    return (placed.positions >= 0) & (placed.positions < BOUNDARY - placed.slack)


def compared(one: Mapping[str, Placed], other: Mapping[str, Placed]) -> tuple[list[Move], int]:
    """Return what moved between two runs, the most telling first, and how many values were compared.

    Values are compared per site and token, in the order in which they were computed.
    """
    moves: list[Move] = []
    count = 0
    for name, placed in one.items():
        there = other.get(name)
        if there is None or there.exact != placed.exact:
            continue
        mine, theirs = _paired(placed, there)
        count += len(mine)
        apart = moved(placed.values[mine], there.values[theirs])
        if apart.any():
            moves.append(_move(placed, there, mine, theirs, apart))
    moves.sort(key=lambda move: (move.name.endswith(" grad"), -move.tokens, move.time))
    return moves, count


def _paired(one: Placed, other: Placed) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the indices of values that are the same token's, the same time that it was computed at this site."""
    mine, theirs = np.flatnonzero(shared(one)), np.flatnonzero(shared(other))
    keys = [_numbered(placed.positions[at]) for placed, at in ((one, mine), (other, theirs))]
    _, first, second = np.intersect1d(keys[0], keys[1], assume_unique=True, return_indices=True)
    return mine[np.sort(first)], theirs[second[np.argsort(first)]]


def _numbered(positions: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return (n,) keys of a token and how often it had come before."""
    order = np.argsort(positions, kind="stable")
    ranked = positions[order]
    starts = np.concatenate(([0], np.flatnonzero(np.diff(ranked)) + 1)) if len(ranked) else np.zeros(0, dtype=int)
    lengths = np.diff(np.concatenate((starts, [len(ranked)])))
    number = np.arange(len(ranked)) - np.repeat(starts, lengths)
    out = np.empty(len(positions), dtype=np.int64)
    out[order] = ranked + number * (1 << 32)
    return out


def _move(
    one: Placed, other: Placed, mine: npt.NDArray[np.int64], theirs: npt.NDArray[np.int64], apart: npt.NDArray[np.bool_]
) -> Move:
    at, there = mine[apart], theirs[apart]
    first = int(np.argmin(at))
    positions = one.positions[at]
    unmoved = set(one.positions[mine[~apart]].tolist())
    return Move(
        name=one.site.name,
        position=int(positions[first]),
        before=float(one.values[at[first]]),
        after=float(other.values[there[first]]),
        spans=_spans(np.sort(at)),
        tokens=len(np.unique(positions)),
        time=int(one.site.times[at[first]]),
        rescored=len(unmoved.intersection(positions.tolist())) * 2 > len(set(positions.tolist())),
    )


def _spans(at: npt.NDArray[np.int64]) -> tuple[tuple[int, int], ...]:
    """Return ascending indices as (start, stop) spans."""
    cuts = np.flatnonzero(np.diff(at) > 1)
    starts = np.concatenate(([at[0]], at[cuts + 1]))
    stops = np.concatenate((at[cuts] + 1, [at[-1] + 1]))
    return tuple(zip(starts.tolist(), stops.tolist(), strict=True))
