"""Starting a request, watching it, and ending it with everything that it left behind."""

from __future__ import annotations

import os
import resource
import selectors
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import IO

from auditor.sandbox import bubblewrap, namespaces
from auditor.sandbox.capture import Capture
from auditor.sandbox.cgroup import control_group
from auditor.sandbox.layout import environment
from auditor.sandbox.model import Limits, Mechanism, NoSandbox, Outcome, Request, Stopped
from auditor.sandbox.watch import bytes_below, usage_of

_LOOK_SECONDS = 0.05
_DISK_SECONDS = 0.5


@cache
def mechanism() -> Mechanism:
    """Return the strongest mechanism that works on this machine (tried, not guessed); ``none`` when there is none."""
    for name, trial in (
        ("bubblewrap", ["bwrap", "--ro-bind", "/", "/", "--unshare-all", "--unshare-user", "true"]),
        ("unshare", ["unshare", "--user", "--map-root-user", "--net", "--pid", "--mount", "--fork", "true"]),
    ):
        if shutil.which(trial[0]) and subprocess.run(trial, capture_output=True, check=False).returncode == 0:
            return name  # type: ignore[return-value]
    return "none"


def run(request: Request, *, use: Mechanism | None = None, on_output: Callable[[bytes], None] | None = None) -> Outcome:
    """Run ``request`` and return how it ended; everything that it started is gone by then.

    ``use`` picks a mechanism (None: the strongest; ``none`` only when a user asked to go without). ``on_output``
    gets each piece of output as it comes. Raises :class:`NoSandbox` when nothing can hold the code.
    """
    chosen = mechanism() if use is None else use
    if use is None and chosen == "none":
        raise NoSandbox(
            "nothing on this machine can hold untrusted code: install bubblewrap, allow user namespaces, "
            "or give --no-sandbox to run it unguarded"
        )
    request.scratch.mkdir(parents=True, exist_ok=True)
    with control_group(request.limits) as groups, tempfile.TemporaryDirectory(prefix="golf-audit-") as root:
        process = _start(request, _arguments(request, chosen, Path(root)), groups)
        try:
            return _watch(process, request, chosen, on_output)
        finally:
            _end(process)
            if process.stdout is not None:
                process.stdout.close()


def _arguments(request: Request, chosen: Mechanism, root: Path) -> list[str]:
    """Return the whole command line; ``root`` is an empty folder that the new root may be mounted on."""
    if chosen == "none":
        return list(request.command)
    program = {"bubblewrap": "bwrap", "unshare": "unshare"}[chosen]
    place = shutil.which(program)
    if place is None:
        raise NoSandbox(f"{program} is not installed")
    return bubblewrap.command(place, request) if chosen == "bubblewrap" else namespaces.command(place, request, root)


def _start(request: Request, arguments: list[str], groups: tuple[Path, ...]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        arguments,
        cwd=request.scratch,
        env=environment(request),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        close_fds=True,
        preexec_fn=lambda: _confine(request, groups),
    )


def _confine(request: Request, groups: tuple[Path, ...]) -> None:
    """In the child, before the command: join the control groups and set the resource limits."""
    for group in groups:
        group.write_text("0")
    limits = request.limits
    cpu = limits.cpu_seconds or int(limits.wall_seconds * (os.cpu_count() or 1)) + 1
    wanted = {
        resource.RLIMIT_CPU: cpu,
        resource.RLIMIT_FSIZE: limits.file_bytes,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NPROC: limits.processes,
    }
    if not request.gpu:  # CUDA reserves far more addresses than it uses
        wanted[resource.RLIMIT_AS] = limits.memory_bytes
    for kind, value in wanted.items():
        hard = resource.getrlimit(kind)[1]
        least = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (least, least))


def _watch(
    process: subprocess.Popen[bytes],
    request: Request,
    chosen: Mechanism,
    on_output: Callable[[bytes], None] | None,
) -> Outcome:
    assert process.stdout is not None
    begun = time.monotonic()
    capture = Capture(request.limits.output_bytes)
    peak, disk_at = 0, begun
    stopped: Stopped | None = None
    os.set_blocking(process.stdout.fileno(), False)
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        looked_at = 0.0
        while stopped is None and process.poll() is None:
            selector.select(_LOOK_SECONDS)
            _drain(process.stdout, capture, on_output)
            now = time.monotonic()
            if now - looked_at < _LOOK_SECONDS:
                stopped = "output" if capture.full else None
                continue
            looked_at = now
            usage = usage_of(process.pid)
            peak = max(peak, usage.memory_bytes)
            disk = 0
            if now >= disk_at:
                disk = bytes_below(request.scratch, request.limits.scratch_bytes)
                # Looking through many files must not cost more than the run itself.
                disk_at = time.monotonic() + max(_DISK_SECONDS, 10 * (time.monotonic() - now))
            stopped = _beyond(request.limits, now - begun, capture, usage.processes, usage.memory_bytes, disk)
    if stopped is not None:
        _end(process)
    _drain(process.stdout, capture, on_output)
    seconds = time.monotonic() - begun
    if stopped is None and bytes_below(request.scratch, request.limits.scratch_bytes) > request.limits.scratch_bytes:
        stopped = "disk"
    code = process.returncode if stopped is None else None
    return Outcome(code, stopped, seconds, capture.text(), peak, chosen)


def _beyond(limits: Limits, seconds: float, capture: Capture, processes: int, memory: int, disk: int) -> Stopped | None:
    if seconds > limits.wall_seconds:
        return "wallclock"
    if capture.full:
        return "output"
    if processes > limits.processes:
        return "processes"
    if memory > limits.memory_bytes:
        return "memory"
    return "disk" if disk > limits.scratch_bytes else None


def _drain(stream: IO[bytes], capture: Capture, on_output: Callable[[bytes], None] | None) -> None:
    """Read what is there, at most until the capture is full."""
    while not capture.full:
        try:
            piece = os.read(stream.fileno(), 1 << 16)
        except BlockingIOError:
            return
        if not piece:
            return
        capture.add(piece)
        if on_output is not None:
            on_output(piece)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the run: with the first process of its namespace the kernel takes down all others.

    Only without a sandbox can anything be left, which then is the rest of the process group.
    """
    _signal(process, signal.SIGKILL)
    process.wait()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        return
