"""What calls of libraries do, as tables: one row a call, by effect and library.

What no row covers is not known, and its result is opaque where something of interest goes in (``engine.escapes``). A
library that is missing here costs an honest script a HOLD: add its rows. ``benchmarks/uncovered_calls.py`` lists the
calls of a repository's pull requests that no row covers, most frequent first.
"""

from __future__ import annotations

from auditor.timeline.library.effects.device_rows import DEVICES
from auditor.timeline.library.effects.effect import Effect
from auditor.timeline.library.effects.method_rows import METHODS
from auditor.timeline.library.effects.numpy_rows import NUMPY
from auditor.timeline.library.effects.other_rows import OTHERS
from auditor.timeline.library.effects.python_rows import PYTHON
from auditor.timeline.library.effects.torch_rows import TORCH

__all__ = ["Effect", "of_call", "of_method"]

_CALLS = {**OTHERS, **PYTHON, **NUMPY, **DEVICES, **TORCH}
_VALUES = ("torch.Tensor", "numpy.ndarray", "str", "bytes", "dict", "list", "set", "int", "float")


def of_call(name: str) -> Effect | None:
    """Return what a function of a library does, by its dotted name; None where no row covers it."""
    found = _CALLS.get(name)
    if found is None:
        module, _, last = name.rpartition(".")
        if module in _VALUES:
            return METHODS.get(f"*.{last}")
        if module.startswith("numpy.") and last == "at":
            return Effect.IN_PLACE  # numpy.add.at and the other ufuncs
        if module.startswith("numpy.") and last in ("reduce", "accumulate", "outer", "reduceat") and module in _CALLS:
            return Effect.PURE
    return found


def of_method(name: str) -> Effect | None:
    """Return what a method of a value of unknown class does, by its name; None where no row covers it."""
    return METHODS.get(f"*.{name}")
