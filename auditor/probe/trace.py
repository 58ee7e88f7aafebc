"""What the harness wrote about a run, read as a stranger's: known fields, sizes that fit, all of it capped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

MAX_BYTES = 128 << 20
_SITES, _HEAD, _NAME = 500, 32 << 20, 200

Values = npt.NDArray[np.float64]
Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Site:
    """What one line computed: ``values`` (n,), the ``targets`` (n,) they are of where that is known, and the events.

    ``name`` is ``file:line kind``, with `` grad`` where gradients were on; ``times`` (n,) orders values across sites.
    """

    name: str
    values: Values
    targets: Ids | None
    times: Ids

    @property
    def place(self) -> str:
        """The script's own line, ``file:line``."""
        return self.name.split(" ")[0]

    @property
    def kind(self) -> str:
        """The operation, in a word."""
        return self.name.split(" ")[1] if " " in self.name else ""

    @property
    def learns(self) -> bool:
        """Whether gradients were on."""
        return self.name.endswith(" grad")


def read_trace(data: bytes | None) -> dict[str, Site]:
    """Return the sites by name; what is malformed ends the reading."""
    return {site.name: site for site in _sites(data or b"")}


def _sites(data: bytes) -> Iterator[Site]:
    at = 0
    for _ in range(_SITES):
        end = data.find(b"\n", at, at + _HEAD)
        if end < 0:
            return
        try:
            head = json.loads(data[at:end])
            name, lengths, times, targeted = head["site"], head["lengths"], head["times"], head["targets"]
            counts, moments = np.array(lengths, dtype=np.int64), np.array(times, dtype=np.int64)
        except (ValueError, KeyError, TypeError, RecursionError, OverflowError):
            return
        if not isinstance(name, str) or counts.ndim != 1 or counts.shape != moments.shape or (counts < 0).any():
            return
        total = int(counts.sum())
        if total > MAX_BYTES // 8:
            return
        start = end + 1
        at = start + 8 * total + (4 * total if targeted else 0)
        if at > len(data):
            return
        values = np.frombuffer(data, "<f8", total, start)
        targets = np.frombuffer(data, "<i4", total, start + 8 * total).astype(np.int64) if targeted else None
        yield Site(_plain(name), values, targets, np.repeat(moments, counts))


def _plain(name: Any) -> str:
    return str(name)[:_NAME]
