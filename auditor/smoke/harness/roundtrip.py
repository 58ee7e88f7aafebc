"""The artifact: the script's own functions over the state alone, there and back, where it has such."""

from __future__ import annotations

import inspect
import io
import re
import signal
import zlib
from collections.abc import Callable
from types import FrameType
from typing import Any

import torch

from auditor.smoke.harness.blame import blame, own

_TO = re.compile(r"(?:quantize|compress|pack|export)_(?:state|state_?dict|sd|weights|model_state)\w*", re.I)
_BACK = re.compile(r"(?:de|un)(?:quantize|compress|pack)\w*_?(?:state|state_?dict|sd|weights|model_state)\w*", re.I)
_SECONDS = 8  # of CPU time


class _TooLong(Exception):  # noqa: N818 (it says what happened)
    pass


def _alarm(_number: int, _frame: Any) -> None:
    raise _TooLong


def roundtrip(model: torch.nn.Module, frame: FrameType | None) -> dict[str, Any]:
    """Return ``status`` (pass, fail, skip) with a ``reason``, and ``bytes`` of the quantised state under zlib."""
    there, back = _functions(frame)
    if there is None:
        return {"status": "skip", "reason": "the script has no function that quantises a state by itself"}
    signal.signal(signal.SIGPROF, _alarm)
    signal.setitimer(signal.ITIMER_PROF, _SECONDS)
    try:
        state = {name: value.detach() for name, value in model.state_dict().items()}
        packed = there(state)
        payload = packed[0] if isinstance(packed, tuple) else packed
        buffer = io.BytesIO()
        torch.save(payload, buffer)
        size = len(zlib.compress(buffer.getvalue(), 6))
        if back is None:
            return {"status": "pass", "reason": f"{there.__name__}; no way back of one argument", "bytes": size}
        wrong = _difference(state, back(payload))
    except _TooLong:
        return {"status": "skip", "reason": f"quantising takes longer than {_SECONDS} s on a CPU"}
    except Exception as error:
        found = blame(error)
        return {"status": "fail", "reason": f"{there.__name__}: {found.message}", "cause": found.cause}
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    if wrong:
        return {"status": "fail", "reason": wrong, "bytes": size, "cause": "script"}
    return {"status": "pass", "reason": f"{there.__name__} and {back.__name__}", "bytes": size}


def _functions(frame: FrameType | None) -> tuple[Callable[..., Any] | None, Callable[..., Any] | None]:
    scopes: dict[int, dict[str, Any]] = {}
    while frame is not None:
        if own(frame.f_code.co_filename):
            scopes[id(frame.f_globals)] = frame.f_globals
        frame = frame.f_back
    named = {name: value for scope in scopes.values() for name, value in scope.items() if inspect.isfunction(value)}
    there = [f for name, f in named.items() if _TO.match(name) and _needs_one(f)]
    back = [f for name, f in named.items() if _BACK.match(name) and _needs_one(f)]
    return (there[0] if there else None), (back[0] if back else None)


def _needs_one(function: Callable[..., Any]) -> bool:
    needed = [
        p for p in inspect.signature(function).parameters.values() if p.default is p.empty and p.kind < p.VAR_POSITIONAL
    ]
    return len(needed) == 1


def _difference(state: dict[str, Any], other: Any) -> str:
    """Return what is lost on the way there and back (names and shapes), empty when nothing is."""
    if not isinstance(other, dict):
        return "what comes back is no state"
    lost = sorted(set(state) - set(other))
    if lost:
        return f"{len(lost)} tensors don't come back, such as {lost[0]}"
    for name, value in state.items():
        if tuple(other[name].shape) != tuple(value.shape):
            return f"{name} comes back as {tuple(other[name].shape)}, not {tuple(value.shape)}"
    return ""
