"""The tables of effects: whole, and without rows that contradict what their names say."""

import pkgutil

import numpy
import pytest
import torch

from auditor.timeline.library import effects
from auditor.timeline.library.effects.effect import Effect
from auditor.timeline.library.effects.libraries import lies_nowhere
from auditor.timeline.library.effects.method_rows import METHODS
from auditor.timeline.library.effects.numpy_rows import NUMPY
from auditor.timeline.library.effects.torch_rows import TORCH

CHANGES = {Effect.IN_PLACE, Effect.STATE, Effect.WRITES, Effect.TOLD}


def test_a_trailing_underscore_changes_the_first_argument() -> None:
    rows = {**TORCH, **METHODS}
    named = {name for name in rows if name.endswith("_") and not name.endswith("__")}
    kept = {name for name in named if rows[name] not in (Effect.IN_PLACE, Effect.VIEW, Effect.STATE)}
    assert len(named) > 200
    assert kept == set()


@pytest.mark.parametrize(("table", "module"), [(TORCH, torch), (NUMPY, numpy)])
def test_every_row_of_a_namespace_names_something_real(table: dict[str, Effect], module: object) -> None:
    root = getattr(module, "__name__")  # noqa: B009 (an object, not a module, for the type checker)
    gone = [name for name in table if name.rpartition(".")[0] == root and not hasattr(module, name.rpartition(".")[2])]
    assert gone == []


def test_arithmetic_of_tensors_is_covered() -> None:
    missing = [
        name
        for name in dir(torch.Tensor)
        if name.endswith("_") and not name.startswith("_") and effects.of_method(name) is None
    ]
    # These call a function of the program's own, or swap what a tensor is.
    assert set(missing) <= {"apply_", "map_", "map2_", "set_"}


def test_what_calls_back_has_no_row() -> None:
    for name in ("torch.vmap", "torch.func.vmap", "numpy.vectorize", "numpy.apply_along_axis", "functools.reduce"):
        assert effects.of_call(name) is None
    for name in ("register_hook", "register_forward_hook", "apply_", "map_"):
        assert effects.of_method(name) is None


def test_modules_of_the_standard_library_lie_somewhere() -> None:
    assert not any(lies_nowhere(name) for name in ("os", "tomllib", "torch.nn", "numpy", "sentencepiece", "train_gpt"))
    assert lies_nowhere("val_scorer")
    assert lies_nowhere("hint_native.HintMaker")


def test_every_table_is_small_enough_to_read() -> None:
    names = [module.name for module in pkgutil.iter_modules(effects.__path__)]
    assert {"torch_rows", "numpy_rows", "python_rows", "method_rows", "other_rows"} <= set(names)
