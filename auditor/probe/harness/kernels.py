"""Triton's kernels on a CPU: each program of the grid is the kernel's own function, over torch's tensors.

Triton has an interpreter, in a package of 286 MB; this is as much of the language as the challenge's kernels use. What
is missing is named where a kernel asks for it, and the run is then none that can be judged.

Source: https://triton-lang.org/main/python-api/triton.language.html
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import inspect
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from auditor.probe.harness import language
from auditor.smoke.harness.blame import own
from auditor.smoke.harness.journal import Journal
from auditor.smoke.harness.packages import Anything, asked_by_a_library, settle_torch

_OPTIONS = frozenset({"num_warps", "num_stages", "num_ctas", "maxnreg", "warmup", "stream", "grid"})


class Kernel:
    """A function under ``triton.jit``: launched over a grid, or called by another kernel."""

    def __init__(self, function: Callable[..., Any], settings: dict[str, Any] | None = None) -> None:
        self.fn = function
        self.__name__ = function.__name__
        self.__doc__ = function.__doc__
        self._signature = inspect.signature(function)
        self._settings = settings or {}

    def __getitem__(self, grid: Any) -> Callable[..., None]:
        return lambda *args, **kwargs: self._launch(grid, args, kwargs)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return what the kernel does within another one's program."""
        return self.fn(*args, **kwargs)

    def _launch(self, grid: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        given = {k: v for k, v in (self._settings | kwargs).items() if k in self._signature.parameters}
        unknown = set(kwargs) - set(given) - _OPTIONS
        if unknown:
            raise TypeError(f"{self.__name__}() got an unexpected keyword argument {min(unknown)!r}")
        bound = self._signature.bind(*args, **given)
        bound.apply_defaults()
        sizes = grid(dict(bound.arguments)) if callable(grid) else grid
        sizes = tuple(int(size) for size in (sizes if isinstance(sizes, tuple | list) else (sizes,)))
        # Nothing of it is the script's own arithmetic on tensors, so nobody looks on, and no gradient is made.
        with torch._C.DisableTorchFunction(), torch.no_grad():
            taken = {name: language.argument(value) for name, value in bound.arguments.items()}
            language.run(self.fn, taken, sizes)


class Config:
    """``triton.Config``: what a kernel may be tuned to."""

    def __init__(self, kwargs: dict[str, Any], **_options: Any) -> None:
        self.kwargs = kwargs


def jit(function: Callable[..., Any] | None = None, **_options: Any) -> Any:
    """Return a kernel of a function, or what makes one."""
    return Kernel if function is None else Kernel(function)


def autotune(configs: Sequence[Config], **_options: Any) -> Any:
    """Return what gives a kernel the first of its configurations."""
    return lambda kernel: Kernel(kernel.fn, dict(configs[0].kwargs) if configs else {})


_NAMES: dict[str, dict[str, Any]] = {
    "triton": {
        "jit": jit, "autotune": autotune, "Config": Config, "cdiv": language.cdiv,
        "next_power_of_2": lambda n: 1 << (n - 1).bit_length(), "heuristics": lambda _values: lambda kernel: kernel,
        "set_allocator": lambda _allocator: None,
    },
    "triton.tools.tensor_descriptor": {"TensorDescriptor": language.Descriptor},
}  # fmt: skip


class _Package(ModuleType):
    """A module of Triton's: what a kernel can do, or what has no meaning on a CPU."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if self.__name__.startswith("triton.language"):
            return language.named(name)
        known = _NAMES.get(self.__name__, {})
        return known[name] if name in known else Anything(f"{self.__name__}.{name}")


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds Triton where it isn't installed; it stands last in line."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def find_spec(self, name: str, _path: Sequence[str] | None, _target: Any = None) -> Any:
        """Return a spec for Triton and its modules; None for others, and for a library that asks."""
        if name.split(".")[0] != "triton" or asked_by_a_library():
            return None
        if "." in name and not isinstance(sys.modules.get("triton"), _Package):
            return None
        if name == "triton":
            settle_torch()
            _answer_for_a_gpu()
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: Any) -> ModuleType:
        """Return the module."""
        return _Package(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Give the module what every package has."""
        module.__dict__.update(__version__="3.0.0", __path__=[])
        self._journal.stand_in("triton")


def _answer_for_a_gpu() -> None:
    """Let the script's own ``tensor.is_cuda`` be true: its kernels take nothing else."""
    real = Tensor.is_cuda

    def is_cuda(self: Tensor) -> bool:
        return own(sys._getframe(1).f_code.co_filename) or bool(real.__get__(self))  # type: ignore[attr-defined]

    Tensor.is_cuda = property(is_cuda)  # type: ignore[assignment,misc]


def install(journal: Journal) -> None:
    """Put Triton at the end of the line: an installed one is used as it is."""
    sys.meta_path.append(_Finder(journal))
