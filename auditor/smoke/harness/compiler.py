"""``torch._dynamo`` as far as scripts set it up; nothing is compiled here, and loading it takes two seconds.

Its settings are the real ones; what only marks or resets does nothing. Whoever asks for more gets all of it.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import types
from collections.abc import Sequence
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from typing import Any

_NAME = "torch._dynamo"
_NOTHING = ("reset", "graph_break", "reset_code_caches", "mark_dynamic", "mark_static", "maybe_mark_dynamic")
_AS_IT_IS = ("disable", "allow_in_graph", "disallow_in_graph", "forbid_in_graph")


def install() -> None:
    """Put the stand-in in the place of a compiler that is not loaded; torch is."""
    if _NAME in sys.modules:
        return
    import torch

    module = _Compiler(_NAME)
    module.__file__ = torch.__file__.replace("__init__", "_dynamo/__init__")  # torch asks where its modules lie
    module.__path__ = [os.path.dirname(module.__file__)]  # noqa: PTH120
    sys.modules[_NAME] = module
    torch._dynamo = module  # type: ignore[assignment]
    sys.meta_path.insert(0, _Parts())


class _Compiler(types.ModuleType):
    """``torch._dynamo`` itself."""

    def __getattr__(self, name: str) -> Any:
        """Return what does nothing for what is only marked or reset, the settings, and the real one's for the rest."""
        if name == "config":
            return importlib.import_module(f"{_NAME}.config")
        if name in _NOTHING:
            return _nothing
        if name in _AS_IT_IS:
            return _as_it_is
        if name == "is_compiling":
            return lambda: False
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(_real(), name)


class _Parts:
    """Loads the real compiler for any part of it but its settings, which take nothing else."""

    def find_spec(self, name: str, _path: Sequence[str] | None = None, _target: Any = None) -> Any:
        """Return how a part is loaded; None for what isn't one, for the settings, and once the real one is loaded."""
        if not name.startswith(f"{_NAME}.") or not isinstance(sys.modules.get(_NAME), _Compiler):
            return None
        if name == f"{_NAME}.config":
            return None
        _real()
        loaded = sys.modules.get(name)
        return importlib.util.find_spec(name) if loaded is None else ModuleSpec(name, _Given(loaded))


class _Given(Loader):
    """Loads a module that is there already."""

    def __init__(self, module: types.ModuleType) -> None:
        self._module, self._spec = module, module.__spec__

    def create_module(self, _spec: Any) -> types.ModuleType:
        """Return the module."""
        return self._module

    def exec_module(self, module: types.ModuleType) -> None:
        """Leave it as it was."""
        module.__spec__ = self._spec


def _real() -> Any:
    """Load the real compiler in the place of the stand-in, and return it; its settings, where loaded, stay."""
    stand_in = sys.modules.get(_NAME)
    if not isinstance(stand_in, _Compiler):
        return stand_in
    import torch

    del sys.modules[_NAME]
    del torch._dynamo
    return importlib.import_module(_NAME)


def _nothing(*_args: Any, **_kwargs: Any) -> None:
    return None


def _as_it_is(function: Any = None, *_args: Any, **_kwargs: Any) -> Any:
    return _as_it_is if function is None else function
