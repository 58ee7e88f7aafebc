"""The auditor's end of the line to :mod:`auditor.sandbox.inside`: orders in, the folders that can be written out."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from auditor.sandbox import seccomp
from auditor.sandbox.identity import Identity
from auditor.sandbox.layout import environment, places
from auditor.sandbox.model import Limits, NoSandbox, Request

PATIENCE = 120.0  # seconds that a sandbox may take to stand, on a machine with much else to do
_STAGE = Path(__file__).with_name("inside.py")


def stage(descriptor: int) -> list[str]:
    """Return the command of the last step inside; ``descriptor`` is its end of the line."""
    return [sys.executable, "-I", "-S", str(_STAGE), str(descriptor)]


def orders(request: Request, *, memory_counted: bool) -> bytes:
    """Return what the last step has to do, as it takes it; raises :class:`NoSandbox` without a filter."""
    content = {
        "command": list(request.command),
        "environment": environment(request),
        "places": places(request),
        "limits": limits(request.limits, gpu=request.gpu),
        "filter": base64.b64encode(seccomp.program(memory_counted=memory_counted)).decode("ascii"),
    }
    return json.dumps(content).encode("utf-8", "surrogateescape") + b"\n"


def limits(wanted: Limits, *, gpu: bool) -> dict[str, int]:
    """Return the resource limits of each process, by their names in :mod:`resource`."""
    out = {
        "RLIMIT_CPU": wanted.cpu_seconds or int(wanted.wall_seconds * (os.cpu_count() or 1)) + 1,
        "RLIMIT_FSIZE": wanted.file_bytes,
        "RLIMIT_CORE": 0,
        "RLIMIT_NPROC": wanted.processes,
        "RLIMIT_MSGQUEUE": 0,
    }
    if not gpu:  # CUDA reserves far more addresses than it uses
        out["RLIMIT_AS"] = wanted.memory_bytes
    return out


@dataclass(frozen=True)
class Places:
    """Handles of the folders that a run can write; they outlive it, until they are closed."""

    scratch: int
    temporary: tuple[int, ...]

    def close(self) -> None:
        """Let go of them: what they held is then gone."""
        for handle in (self.scratch, *self.temporary):
            os.close(handle)


def receive(line: socket.socket, sent: bytes) -> Places | None:
    """Send the orders and return the handles; None where the sandbox ended or took too long before it stood."""
    line.settimeout(PATIENCE)
    try:
        line.sendall(sent)
        said, handles, _, _ = socket.recv_fds(line, 16, 8)
    except OSError:
        return None
    if said != b"ready" or len(handles) != 3:
        for handle in handles:
            os.close(handle)
        return None
    return Places(handles[0], tuple(handles[1:]))


def fill(scratch: Path, handle: int, who: Identity) -> None:
    """Copy what is in ``scratch`` into the open folder, and give it to whom it is for. Nothing runs there yet."""
    inside = Path(f"/proc/self/fd/{handle}")
    try:
        shutil.copytree(scratch, inside, symlinks=True, dirs_exist_ok=True)
    except (OSError, shutil.Error) as error:
        raise NoSandbox(f"{scratch}: can't be copied into the sandbox ({_why(error)})") from error
    if who.uid is None:
        return
    for folder, _, names in os.walk(f"{inside}/."):
        for place in (folder, *(os.path.join(folder, name) for name in names)):  # noqa: PTH118
            os.chown(place, who.uid, who.uid, follow_symlinks=False)
    os.fchown(handle, who.uid, who.uid)


def _why(error: OSError | shutil.Error) -> str:
    if isinstance(error, shutil.Error) and error.args and isinstance(error.args[0], list) and error.args[0]:
        return str(error.args[0][0][-1])
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
