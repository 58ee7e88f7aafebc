"""``torch.cuda`` and what goes with it, on a machine that has none: one GPU that computes nothing."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import torch

from auditor.smoke.harness.devices import is_gpu, mapped
from auditor.smoke.harness.journal import Journal

_MEMORY = 80 << 30  # what an H100 says of itself; nothing is allocated by it


class Event:
    """A point in time."""

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        self._at = time.perf_counter()

    def record(self, _stream: Any = None) -> None:
        """Take the time."""
        self._at = time.perf_counter()

    def elapsed_time(self, other: Event) -> float:
        """Return the milliseconds from here to ``other``."""
        return 1000 * (other._at - self._at)

    def synchronize(self) -> None:
        """Return at once: everything is done."""

    def wait(self, _stream: Any = None) -> None:
        """Return at once."""

    def query(self) -> bool:
        """Return True: everything is done."""
        return True


class Stream(Event):
    """A queue that is always empty."""

    cuda_stream = 0

    def wait_stream(self, _other: Any) -> None:
        """Return at once."""

    def wait_event(self, _other: Any) -> None:
        """Return at once."""

    def record_event(self, event: Any = None) -> Any:
        """Return an event of now."""
        return event or Event()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_error: object) -> None:
        return None


class CUDAGraph:
    """A recorded graph: there is none to replay."""

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        raise RuntimeError("CUDA graphs have no CPU stand-in")


@contextlib.contextmanager
def _nothing(*_args: Any, **_kwargs: Any) -> Iterator[None]:
    yield


def _properties(*_args: Any) -> SimpleNamespace:
    return SimpleNamespace(
        name="CPU stand-in", total_memory=_MEMORY, major=9, minor=0, multi_processor_count=132,
        max_threads_per_multi_processor=2048, warp_size=32, shared_memory_per_block_optin=232448,
        L2_cache_size=50 << 20,
    )  # fmt: skip


def _answers() -> dict[str, Any]:
    return {
        "is_available": True, "is_initialized": True, "device_count": 1, "current_device": 0, "init": None,
        "is_bf16_supported": True, "set_device": None, "synchronize": None, "empty_cache": None,
        "ipc_collect": None, "manual_seed": None, "manual_seed_all": None, "seed": None, "seed_all": None,
        "get_device_name": "CPU stand-in", "get_device_capability": (9, 0), "get_arch_list": ["sm_90"],
        "mem_get_info": (_MEMORY, _MEMORY), "memory_stats": {}, "memory_summary": "", "initial_seed": 0,
        "set_per_process_memory_fraction": None, "utilization": 0, "temperature": 0, "power_draw": 0,
        **dict.fromkeys((
            "max_memory_allocated", "memory_allocated", "max_memory_reserved", "memory_reserved",
            "max_memory_cached", "memory_cached",
        ), 0),
        **dict.fromkeys(("reset_peak_memory_stats", "reset_max_memory_allocated", "reset_accumulated_memory_stats",
                         "set_rng_state", "set_rng_state_all", "set_sync_debug_mode", "set_stream"), None),
    }  # fmt: skip


def install(journal: Journal) -> None:
    """Replace ``torch.cuda``, autocast, compile, graphs and switches of the attention backends."""
    for name, answer in _answers().items():
        setattr(torch.cuda, name, _answer(journal, f"torch.cuda.{name}", answer))
    torch.cuda.get_device_properties = _properties
    torch.cuda.get_rng_state = lambda *_: torch.get_rng_state()
    torch.cuda.get_rng_state_all = lambda: [torch.get_rng_state()]
    torch.cuda.Event, torch.cuda.Stream, torch.cuda.CUDAGraph = Event, Stream, CUDAGraph
    torch.cuda.current_stream = torch.cuda.default_stream = lambda *_: Stream()
    torch.cuda.stream = torch.cuda.device = torch.cuda.graph = _nothing
    torch.cuda._lazy_init = lambda: None
    nothing = _answer(journal, "torch.cuda.nvtx", None)
    for name in ("range_push", "range_pop", "mark"):
        setattr(torch.cuda.nvtx, name, nothing)
    _generators()
    _autocast(journal)
    _compile(journal)
    _backends()


def _answer(journal: Journal, name: str, answer: Any) -> Any:
    def call(*_args: Any, **_kwargs: Any) -> Any:
        journal.stand_in(name)
        return answer

    return call


def _generators() -> None:
    real = torch.Generator

    class Meta(type):
        def __call__(cls, device: Any = "cpu") -> Any:
            return real(mapped(device))

        def __instancecheck__(cls, instance: Any) -> bool:
            return isinstance(instance, real)

    class Generator(metaclass=Meta):
        pass

    torch.Generator = Generator


def _autocast(journal: Journal) -> None:
    autocast = torch.amp.autocast_mode.autocast
    init = autocast.__init__

    def on_cpu(self: Any, device_type: Any = "cuda", *args: Any, **kwargs: Any) -> None:
        if is_gpu(device_type) or device_type == "cuda":
            journal.stand_in("torch.autocast")
            device_type = "cpu"
        init(self, str(device_type), *args, **kwargs)

    autocast.__init__ = on_cpu

    def old(enabled: bool = True, dtype: Any = torch.bfloat16, cache_enabled: bool = True) -> Any:
        return autocast("cuda", enabled=enabled, dtype=dtype, cache_enabled=cache_enabled)

    torch.cuda.amp.autocast = old


def _compile(journal: Journal) -> None:
    def as_it_is(model: Any = None, *_args: Any, **_options: Any) -> Any:
        journal.stand_in("torch.compile")
        return model if model is not None else lambda function: function

    torch.compile = as_it_is
    torch.nn.Module.compile = lambda self, *_args, **_options: None
    torch.jit.script = lambda obj, *_args, **_options: obj
    torch.compiler.cudagraph_mark_step_begin = lambda: None


def _backends() -> None:
    """Leave the choice of the attention's kernel to torch: those for GPUs are not there to be enforced."""
    import torch.backends.cuda as backends
    import torch.nn.attention as attention

    for name in ("enable_flash_sdp", "enable_mem_efficient_sdp", "enable_math_sdp", "enable_cudnn_sdp"):
        setattr(backends, name, lambda _enabled=True: None)
    backends.sdp_kernel = _nothing
    attention.sdpa_kernel = _nothing
