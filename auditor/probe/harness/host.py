"""Where numpy and Python compute what a score is made of: logarithms and sums, where the script itself calls them."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np

from auditor.probe.harness.record import Record


class _Watched:
    """A function of numpy, with its other attributes as they are."""

    def __init__(self, record: Record, real: Any, kind: str) -> None:
        self._record, self._real, self._kind = record, real, kind

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return what numpy does, and note it where the script asked."""
        out = self._real(*args, **kwargs)
        if not self._record.is_own(sys._getframe(1).f_code.co_filename):
            return out
        try:
            moved = self._log(out) if self._kind != "sum" else self._sum(out, args[0])
        except Exception as error:  # what can't be looked at is no fault of the script, and is told
            self._record.miss(error)
            return out
        return out if moved is None else moved

    def _log(self, out: Any) -> Any:
        values = np.asarray(out, dtype=np.float64)
        if values.size > self._record.limit or (values.ndim >= 2 and min(values.shape[-2:]) > 1):
            return None
        move = self._record.note(self._kind, values.reshape(-1).copy(), depth=3)
        return None if move is None else out - move.reshape(values.shape)

    def _sum(self, out: Any, given: Any) -> Any:
        values = np.asarray(given)
        if np.ndim(out) or values.dtype.kind != "f" or values.size > self._record.limit:
            return None
        values = values.astype(np.float64).reshape(-1).copy()
        move = self._record.note("summed", values, depth=3)
        if move is None:
            return None
        step = float(move.sum()) * (1.0 if values.mean() >= 0 else -1.0)
        return out + (step / len(values) if self._real is np_mean else step)


np_mean = np.mean


def install(record: Record) -> None:
    """Put watched functions in the place of numpy's and of :mod:`math`'s."""
    for name in ("log", "log2", "log1p", "logaddexp", "logaddexp2"):
        setattr(np, name, _Watched(record, getattr(np, name), "log2" if name.endswith("2") else "log"))
    for name in ("sum", "mean"):
        setattr(np, name, _Watched(record, getattr(np, name), "sum"))
    for name in ("log", "log2", "log1p"):
        setattr(math, name, _scalar(record, getattr(math, name), "log2" if name == "log2" else "log"))


def _scalar(record: Record, real: Any, kind: str) -> Any:
    def call(*args: Any) -> float:
        out = float(real(*args))
        if not record.is_own(sys._getframe(1).f_code.co_filename) or args[1:] not in ((), (2,)):
            return out
        move = record.note("log2" if args[1:] else kind, np.array([out]), depth=2)
        return out if move is None else out - float(move[0])

    return call
