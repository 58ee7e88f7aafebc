"""What is written down: values that the script computes, by the line that computes them.

The file is JSON lines: one per site with its event lengths, then blocks of little-endian numbers. Only what may concern
validation tokens is kept, and at most so much.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from auditor.smoke.harness.blame import own

_PER_SITE, _SITES, _ALL = 600_000, 400, 6_000_000  # values
_GRAM = 4
_BETWEEN = str(Path(__file__).parents[2])
_OVERRIDES = ("torch/overrides.py", "torch/functional.py", "torch/_tensor.py")
"""What lies between a torch function and whoever calls it: the auditor's modes, and torch's way to them."""


class Site:
    """The events of one line: ``kind`` of operation, whether gradients were on, values and the tokens they are of."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.values: list[Any] = []
        self.targets: list[Any] = []
        self.times: list[int] = []
        self.count = 0
        self.full = False


class Record:
    """Collects events. ``perturb`` maps a site's key to spans (start, stop) of values that are moved by ``amount``."""

    def __init__(self, path: str, perturb: dict[str, Any] | None) -> None:
        self._path = path
        self._spans = {} if perturb is None else {key: list(spans) for key, spans in perturb["spans"].items()}
        self._amount = 0.0 if perturb is None else float(perturb["amount"])
        self._sites: dict[str, Site] = {}
        self._grams: set[int] = set()
        self._total = self._clock = 0
        self._own: dict[str, bool] = {}
        self.limit = 4096
        self.missed = 0  # operations whose values could not be looked at
        self.why = ""  # of the first of them

    def expect(self, tokens: Any) -> None:
        """Take what the validation tokens are, to tell events about them from others."""
        self._grams = set(_keys(np.asarray(tokens, dtype=np.int64)).tolist())
        self.limit = 2 * len(tokens) + 4096

    def place(self, frame: FrameType | None, *, direct: bool) -> str | None:
        """Return ``file:line`` of the script's innermost frame; None without, or with ``direct`` behind a library."""
        depth = 0
        while frame is not None and depth < 60:
            name = frame.f_code.co_filename
            if self.is_own(name):
                return f"{name.rsplit('/', 1)[-1]}:{frame.f_lineno}"
            if direct and not name.startswith(_BETWEEN) and not name.endswith(_OVERRIDES):
                return None
            frame, depth = frame.f_back, depth + 1
        return None

    def is_own(self, name: str) -> bool:
        """Tell whether a file is the script's own."""
        mine = self._own.get(name)
        if mine is None:
            mine = self._own[name] = own(name)
        return mine

    def about_validation(self, targets: Any) -> bool:
        """Tell whether a run of (tokens,) targets occurs in the validation set, looking at a few places of it."""
        if len(targets) < _GRAM:
            return True
        keys = _keys(targets)
        step = max(1, len(keys) // 64)
        return sum(int(key) in self._grams for key in keys[::step]) * 4 >= len(keys[::step])

    def note(self, kind: str, values: Any, targets: Any = None, *, grad: bool = False, depth: int = 1) -> Any:
        """Write down (n,) float values, and the (n,) tokens they are of; return which to move by how much, or None."""
        place = self.place(sys._getframe(depth), direct=targets is None)
        if place is None or len(values) == 0:
            return None
        self._clock += 1
        key = f"{place} {kind}{' grad' if grad else ''}"
        site = self._sites.get(key)
        if site is None:
            if len(self._sites) >= _SITES:
                return None
            site = self._sites[key] = Site(key)
        begin, end = site.count, site.count + len(values)
        site.count = end
        if not site.full:
            if end > _PER_SITE or self._total > _ALL:
                site.full = True
                self._total -= sum(len(each) for each in site.values)
                site.values, site.targets, site.times = [], [], []
            else:
                self._total += len(values)
                site.values.append(values)
                site.targets.append(targets)
                site.times.append(self._clock)
        return self._moved(key, begin, end)

    def _moved(self, key: str, begin: int, end: int) -> Any:
        spans = self._spans.get(key)
        if not spans:
            return None
        move = None
        for start, stop in spans:
            low, high = max(start, begin), min(stop, end)
            if low < high:
                if move is None:
                    move = np.zeros(end - begin)
                move[low - begin : high - begin] = self._amount
        return move

    def miss(self, error: Exception) -> None:
        """Count an operation whose values could not be looked at."""
        self.missed += 1
        self.why = self.why or f"{type(error).__name__} at {self.place(sys._getframe(1), direct=False) or 'no line'}"

    def write(self) -> None:
        """Write the file."""
        with open(self._path, "wb") as out:  # noqa: PTH123
            for site in self._sites.values():
                if site.full or not site.values:
                    continue
                targeted = site.targets[0] is not None
                head = {
                    "site": site.key,
                    "lengths": [len(each) for each in site.values],
                    "times": site.times,
                    "targets": targeted,
                }
                out.write(json.dumps(head).encode("ascii") + b"\n")
                out.write(np.concatenate(site.values).astype("<f8").tobytes())
                if targeted:
                    out.write(np.concatenate(site.targets).astype("<i4").tobytes())


def _keys(tokens: Any) -> Any:
    """Return the (tokens - 3,) keys of each four tokens in a row."""
    return tokens[:-3] + 65_537 * (tokens[1:-2] + 65_537 * (tokens[2:-1] + 65_537 * tokens[3:]))
