"""Packages that a CPU machine lacks: attention has a meaning here, kernels can only be named."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Iterator, Sequence
from types import FrameType, ModuleType
from typing import Any

from auditor.smoke.harness.attention import FUNCTIONS
from auditor.smoke.harness.journal import Journal

_ATTENTION = ("flash_attn", "flash_attn_interface", "flash_attn_3", "flash_attn_2_cuda", "flash_attn_cute", "hopper")
_KERNELS = (
    "triton", "apex", "transformer_engine", "liger_kernel", "mamba_ssm", "causal_conv1d", "fla", "xformers",
    "cutlass", "cuda", "cupy", "numba", "bitsandbytes", "deepspeed", "quack", "tilelang", "gram_newton_schulz",
    "cut_cross_entropy", "natten",
)  # fmt: skip
_ASIDE = (
    "wandb", "huggingface_hub", "brotli", "brotlicffi", "zstandard", "zstd", "pyzstd", "lz4", "tqdm", "psutil",
    "pynvml", "dotenv",
    "datasets", "transformers", "tokenizers", "tiktoken", "modal", "python_minifier", "matplotlib", "requests",
    "tensorboard", "einops", "scipy", "sklearn", "pandas", "humanize", "constriction", "zopfli", "pyminify",
)  # fmt: skip


class NoStandIn(RuntimeError):  # noqa: N818 (it says what is missing)
    """A kernel was launched that no CPU can run."""


class Anything:
    """What a package without meaning gives for every name: usable in definitions, not to compute with."""

    def __init__(self, name: str, journal: Journal | None = None) -> None:
        self.__dict__.update(_name=name, _journal=journal, __name__=name.rsplit(".", 1)[-1], __qualname__=name)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return _attention(self._name, name, self._journal) or Anything(f"{self._name}.{name}", self._journal)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return a decorated function as a kernel; else one more thing without meaning."""
        if len(args) == 1 and not kwargs and callable(args[0]) and not isinstance(args[0], Anything):
            return Kernel(args[0])  # a decorator
        return Anything(f"{self._name}()", self._journal)

    def __getitem__(self, _key: Any) -> Any:
        return self

    def __mro_entries__(self, _bases: Any) -> tuple[type, ...]:
        import torch

        return (torch.nn.Module,) if self._name.rsplit(".", 1)[-1][:1].isupper() else (object,)

    def __or__(self, _other: Any) -> Any:
        return self

    __ror__ = __or__

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __bool__(self) -> bool:
        return True

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_error: object) -> None:
        return None

    def __hash__(self) -> int:
        return hash(self._name)


class Kernel:
    """A function compiled for a GPU: definable, not launchable."""

    def __init__(self, function: Any) -> None:
        self.fn = function
        self.__name__ = getattr(function, "__name__", "kernel")
        self.__doc__ = None

    def __getitem__(self, _grid: Any) -> Any:
        return self._launch

    def __call__(self, *_args: Any, **_kwargs: Any) -> Any:
        """Raise: it can't be launched."""
        return self._launch()

    def _launch(self, *_args: Any, **_kwargs: Any) -> Any:
        raise NoStandIn(f"no CPU stand-in for the GPU kernel {self.__name__}")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything(f"{self.__name__}.{name}")


class _Package(ModuleType):
    """A module that has every name."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        journal = self.__dict__.get("_journal")
        if (function := _attention(self.__name__, name, journal)) is not None:
            return function
        if name == "get_kernel":
            return lambda *_args, **_kwargs: self
        if name.startswith("has_") or name == "_C":
            raise AttributeError(name)
        if self.__name__.split(".")[0] == "triton" and name in ("cdiv", "next_power_of_2"):
            return {"cdiv": lambda a, b: -(-a // b), "next_power_of_2": lambda n: 1 << (n - 1).bit_length()}[name]
        if self.__name__ == "numba" and name in ("prange", "njit", "jit", "vectorize"):
            return range if name == "prange" else _plain
        if self.__name__ == "python_minifier" and name == "minify":
            return lambda source, *_args, **_options: source  # code that isn't made smaller does the same
        return Anything(f"{self.__name__}.{name}", journal)


def _attention(package: str, name: str, journal: Journal | None) -> Any:
    """Return the attention that a package of that kind has under a name, and note its use; None for other names."""
    function = FUNCTIONS.get(name)
    if function is None or package.split(".")[0] not in (*_ATTENTION, "kernels"):
        return None

    def call(*args: Any, **kwargs: Any) -> Any:
        if journal is not None:
            journal.stand_in(f"{package}.{name}")
        return function(*args, **kwargs)

    return call


def _plain(*args: Any, **_options: Any) -> Any:
    """Return a decorated function as it is."""
    return args[0] if args and callable(args[0]) else lambda function: function


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds packages that no other finder found; it stands last in line."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def find_spec(self, fullname: str, _path: Sequence[str] | None, _target: Any = None) -> Any:
        """Return a spec for a package that has a stand-in; None leaves it missing."""
        top = fullname.split(".")[0]
        known = top in _ATTENTION or top in _KERNELS or top in _ASIDE or top == "kernels"
        if not known or asked_by_a_library():
            return None
        if "." in fullname and not isinstance(sys.modules.get(top), _Package):
            return None
        if top == "triton":
            settle_torch()
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: Any) -> ModuleType:
        """Return the stand-in."""
        return _Package(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Give the stand-in what every package has."""
        module.__dict__["_journal"] = self._journal
        module.__dict__["__version__"] = "3.0.0"
        module.__dict__["__path__"] = []
        self._journal.stand_in(module.__name__.split(".")[0])


def settle_torch() -> None:
    """Let torch find out that there is no Triton before the script's stand-in can mislead it."""
    import torch.utils._triton as known

    for name in ("has_triton_package", "has_triton"):
        getattr(known, name, lambda: False)()
    importlib.import_module("torch._inductor.runtime.triton_compat")


def asked_by_a_library() -> bool:
    """Tell whether the import comes from an installed package: that has its own way without."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith("<frozen") and "importlib" not in name:
            return "site-packages" in name
        frame = frame.f_back
    return False


def install(journal: Journal) -> None:
    """Put the stand-ins at the end of the line: what is installed is used as it is."""
    sys.meta_path.append(_Finder(journal))
