"""Why a script failed, from the error: a missing package, a kernel, data that isn't there, or the script itself."""

from __future__ import annotations

import errno
import inspect
import os
import re
import sysconfig
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType, TracebackType

import torch

from auditor.smoke.harness.journal import MAX_TEXT
from auditor.smoke.harness.packages import Anything, NoStandIn

_HERE = str(Path(__file__).parents[2]) + os.sep  # the auditor
_LIBRARIES = (*{sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")}, "<frozen")
_KERNEL = re.compile(
    r"\bcuda\b|nvcc|cutlass|_scaled_mm|not (?:implemented|supported).{0,40}(?:cpu|float8)|triton|no kernel|\bgpu\b"
    r"|only supported on|flash.?attention|'Anything'|Anything object", re.I
)  # fmt: skip


@dataclass(frozen=True)
class Blame:
    """``cause`` in one word, ``message`` in one line, ``place`` the script's own line; ``stage`` what was going on."""

    cause: str
    message: str
    path: str
    line: int
    stage: str  # "import", "model" or "run"

    def facts(self) -> dict[str, str | int]:
        """Return what the journal tells of it."""
        return {"cause": self.cause, "message": self.message, "path": self.path, "line": self.line}


def own(name: str) -> bool:
    """Tell whether a code object's file is the submission's, not a library's or ours."""
    return not name.startswith((*_LIBRARIES, _HERE)) and not name.startswith("<__array_function__")


def blame(error: BaseException) -> Blame:
    """Return whose fault an error is."""
    frames = [(frame, line) for frame, line in traceback.walk_tb(error.__traceback__) if own(frame.f_code.co_filename)]
    path, line = "", 0
    if frames:
        path, line = os.path.basename(frames[-1][0].f_code.co_filename), frames[-1][1]  # noqa: PTH119
    if isinstance(error, SyntaxError):
        path, line = os.path.basename(error.filename or ""), error.lineno or 0  # noqa: PTH119
    return Blame(_cause(error), _message(error), path, line, _stage(error.__traceback__))


def _message(error: BaseException) -> str:
    text = " ".join(str(error).split()) or "no message"
    return f"{type(error).__name__}: {text}"[:MAX_TEXT]


def _cause(error: BaseException) -> str:
    text = f"{type(error).__name__}: {error}"
    chain: BaseException | None = error
    while chain is not None:
        if isinstance(chain, NoStandIn):
            return "kernel"
        chain = chain.__cause__ or chain.__context__
    if isinstance(error, SyntaxError):
        return "python" if error.filename else "script"
    if isinstance(error, ModuleNotFoundError | ImportError):
        return "package"
    if isinstance(error, MemoryError) or "can't allocate memory" in text or "not enough memory" in text:
        return "memory"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "disk"
    if isinstance(error, BlockingIOError):
        return "processes"  # what fork says when there may be no more
    if isinstance(error, FileNotFoundError | PermissionError | NotADirectoryError | IsADirectoryError):
        return "data"
    if isinstance(error, OSError) and error.filename is not None:
        return "data"
    if isinstance(error, SystemExit):
        return "exit"
    if _KERNEL.search(text) or _from_a_stand_in(error):
        return "kernel"
    return "data" if re.search(r"no (?:files|shards)|not found|missing|does not exist", text, re.I) else "script"


def _from_a_stand_in(error: BaseException) -> bool:
    """Tell whether a value without meaning was computed with."""
    last = None
    for frame, _ in traceback.walk_tb(error.__traceback__):
        last = frame
    return last is not None and any(isinstance(v, Anything) for v in list(last.f_locals.values())[:200])


def main_has_begun(frame: FrameType | None) -> bool:
    """Tell whether a function of the script is being executed (its top level may still be, around it)."""
    while frame is not None:
        if own(frame.f_code.co_filename) and _is_function(frame.f_code):
            return True
        frame = frame.f_back
    return False


def _is_function(code: CodeType) -> bool:
    return bool(code.co_flags & inspect.CO_NEWLOCALS) and not code.co_name.startswith("<")


def _stage(tb: TracebackType | None) -> str:
    stage = "import"
    for frame, _ in traceback.walk_tb(tb):
        code: CodeType = frame.f_code
        if not own(code.co_filename):
            continue
        if code.co_name == "__init__" and isinstance(frame.f_locals.get("self"), torch.nn.Module):
            return "model"
        if _is_function(code):
            stage = "run"  # a function of the script: main has begun
    return stage
