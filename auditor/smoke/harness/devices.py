"""Every device that a script names is the CPU."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from auditor.smoke.harness.journal import Journal

_KIND = "cuda"
_TOLD_APART = frozenset(
    {torch.Tensor.cuda, torch.Tensor.pin_memory, torch.Tensor.record_stream, torch.Tensor.to, torch.device}
)
_NAMES = (str, torch.device)


def is_gpu(value: Any) -> bool:
    """Tell whether ``value`` names a GPU."""
    if isinstance(value, torch.device):
        return bool(value.type == _KIND)
    return isinstance(value, str) and (value == _KIND or value.startswith(f"{_KIND}:"))


def mapped(value: Any) -> Any:
    """Return the CPU for a GPU; anything else as it is."""
    return torch.device("cpu") if is_gpu(value) else value


class OnCpu(TorchFunctionMode):
    """Maps the devices of every torch function to the CPU, and drops what only a GPU understands."""

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self._journal = journal

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        # Every operation of a script comes through here, and hardly any names a device.
        if not kwargs and func not in _TOLD_APART:
            for each in args:
                if isinstance(each, _NAMES):
                    break
            else:
                return func(*args)
        kwargs = dict(kwargs or {})
        if func is torch.device:
            return func(*args, **kwargs)
        name = getattr(func, "__name__", "")
        if name == "cuda" and func is torch.Tensor.cuda:
            self._journal.stand_in("Tensor.cuda")
            return args[0]
        if name == "pin_memory" and func is torch.Tensor.pin_memory:
            return args[0]
        if name == "record_stream":
            return None
        if kwargs.get("pin_memory"):
            kwargs["pin_memory"] = False
        if name == "to" and len(args) > 1 and isinstance(args[1], int) and not isinstance(args[1], bool):
            args = (args[0], "cpu", *args[2:])
        if "device" in kwargs and isinstance(kwargs["device"], int):
            kwargs["device"] = "cpu"
        if any(is_gpu(each) for each in args) or is_gpu(kwargs.get("device")):
            self._journal.stand_in("CUDA devices")
            args = tuple(mapped(each) for each in args)
            if "device" in kwargs:
                kwargs["device"] = mapped(kwargs["device"])
        return func(*args, **kwargs)


def install(journal: Journal, mode: Callable[[OnCpu], TorchFunctionMode] = lambda plain: plain) -> None:
    """Put a mode in force for this thread and every one that it starts; modules move nowhere.

    ``mode`` makes it of the one that maps devices: every mode more costs each operation of the script.
    """
    mode(OnCpu(journal)).__enter__()
    run = threading.Thread.run

    def run_on_cpu(self: threading.Thread) -> None:
        with mode(OnCpu(journal)):
            run(self)

    threading.Thread.run = run_on_cpu  # type: ignore[method-assign]
    to = torch.nn.Module.to

    def module_to(self: Any, *args: Any, **kwargs: Any) -> Any:
        if "device" in kwargs:
            kwargs["device"] = mapped("cuda" if isinstance(kwargs["device"], int) else kwargs["device"])
        if args and isinstance(args[0], int):
            args = ("cpu", *args[1:])
        return to(self, *(mapped(each) for each in args), **kwargs)

    torch.nn.Module.to = module_to
    torch.nn.Module.cuda = lambda self, device=None: self
    to_empty = torch.nn.Module.to_empty
    torch.nn.Module.to_empty = lambda self, *, device, recurse=True: to_empty(
        self, device=mapped(device), recurse=recurse
    )
    load = torch.load
    torch.load = lambda *args, map_location=None, **kwargs: load(*args, map_location="cpu", **kwargs)
    torch.set_default_device = lambda device: None
