"""Compression at its least effort: how small a toy model's file gets is no part of a score, and takes seconds."""

from __future__ import annotations

import bz2
import importlib
import lzma
import zlib
from collections.abc import Callable
from typing import Any

_LEAST: tuple[tuple[Any, str, str, int, int], ...] = (
    (lzma, "compress", "preset", 3, 0),
    (zlib, "compress", "level", 1, 1),
    (bz2, "compress", "compresslevel", 1, 1),
)
"""Functions, the name and the place of what says how hard they try, and the least of it."""
_ASIDE: tuple[tuple[str, str, str, int, int], ...] = (
    ("brotli", "compress", "quality", 2, 1),
    ("zstandard", "compress", "level", 1, 1),
    ("zstandard", "ZstdCompressor", "level", 0, 1),
)
"""The same of packages that may not be installed."""


def install() -> None:
    """Put compression that hardly tries in the place of what does; what it makes is unpacked as ever."""
    for owner, name, parameter, at, least in _LEAST:
        setattr(owner, name, _hardly(getattr(owner, name), parameter, at, least))
    for package, name, parameter, at, least in _ASIDE:
        try:
            module = importlib.import_module(package)
            setattr(module, name, _hardly(getattr(module, name), parameter, at, least))
        except (ImportError, AttributeError):
            continue


def _hardly(real: Callable[..., Any], parameter: str, at: int, least: int) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        if kwargs.get("filters") is not None or kwargs.get("compression_params") is not None:
            return real(*args, **kwargs)
        if len(args) > at:
            args = (*args[:at], least, *args[at + 1 :])
        else:
            kwargs[parameter] = least
        return real(*args, **kwargs)

    call.__name__ = getattr(real, "__name__", "compress")
    return call
