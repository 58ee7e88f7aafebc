"""Starting a request, watching it, and ending it with everything that it left behind."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import socket
import stat
import subprocess
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path

from auditor.sandbox import bubblewrap, entry, namespaces
from auditor.sandbox.cgroup import Groups, control_group
from auditor.sandbox.identity import handing_down, identity
from auditor.sandbox.layout import environment
from auditor.sandbox.model import Limits, Mechanism, NoSandbox, Outcome, Request
from auditor.sandbox.results import Results
from auditor.sandbox.scratch import scratch_folder
from auditor.sandbox.watch import children_of
from auditor.sandbox.watcher import Watcher

_PROGRAMS = {"bubblewrap": "bwrap", "unshare": "unshare"}
_SECONDS_TO_END = 10.0
_REASON = 200  # characters

OnOutput = Callable[[bytes], None]
Collect = Callable[[Results], None]


class _NotStanding(Exception):  # noqa: N818 (it says what happened)
    """A mechanism doesn't work on this machine; no line of the request ran."""


@cache
def mechanism() -> Mechanism:
    """Return the strongest mechanism that works on this machine (tried, not guessed); ``none`` when there is none."""
    return _tried()[0]


def why_none() -> str:
    """Return the line for a user whose machine can hold nothing: what failed, and what to do."""
    return _why(_tried()[1])


def _why(failed: Mapping[str, str]) -> str:
    reasons = "; ".join(f"{name}: {reason}" for name, reason in failed.items())
    return (
        f"nothing on this machine can hold untrusted code ({reasons}): install bubblewrap, allow user namespaces, "
        "or give --no-sandbox to run it unguarded"
    )


@cache
def _tried() -> tuple[Mechanism, dict[str, str]]:
    failed: dict[str, str] = {}
    with scratch_folder() as folder:
        for name in _PROGRAMS:
            try:
                _held(Request(("true",), folder, limits=Limits(wall_seconds=30.0)), name, None, None)
            except _NotStanding as error:
                failed[name] = str(error)
            else:
                return name, failed  # type: ignore[return-value]
    return "none", failed


def run(
    request: Request,
    *,
    use: Mechanism | None = None,
    on_output: OnOutput | None = None,
    collect: Collect | None = None,
) -> Outcome:
    """Run ``request`` and return how it ended; everything that it started is gone by then, and what it wrote.

    ``use`` picks a mechanism (None: the strongest; ``none`` only when a user asked to go without). ``on_output``
    gets each piece of output as it comes, ``collect`` what the run left in its scratch folder, once all of it has
    ended. Raises :class:`NoSandbox` when nothing can hold the code.
    """
    request.scratch.mkdir(parents=True, exist_ok=True)
    if use == "none":
        return _unguarded(request, on_output, collect)
    failed: dict[str, str] = {}
    # No trial before: a sandbox that doesn't come to stand has run nothing.
    for chosen in _PROGRAMS if use is None else (use,):
        try:
            return _held(request, chosen, on_output, collect)
        except _NotStanding as error:
            failed[chosen] = str(error)
    raise NoSandbox(_why(failed))


def _held(request: Request, chosen: str, on_output: OnOutput | None, collect: Collect | None) -> Outcome:
    who = identity()
    program = _program(chosen)
    if who.of_root:
        _check_readable(request)
    ours, theirs = socket.socketpair()
    with contextlib.ExitStack() as stack:
        stack.enter_context(ours)
        stack.enter_context(theirs)
        groups = stack.enter_context(control_group(request.limits))
        orders = entry.orders(request, memory_counted=groups.of_memory is not None)
        root = stack.enter_context(scratch_folder())
        stage = [*handing_down(who), *entry.stage(theirs.fileno())]
        if chosen == "bubblewrap":
            arguments = bubblewrap.command(program, request, who, stage)
        else:
            arguments = namespaces.command(program, request, who, stage, root)
        process = stack.enter_context(_started(arguments, root, groups, theirs.fileno()))
        theirs.close()
        places = entry.receive(ours, orders)
        if places is None:
            raise _NotStanding(_why_not(process))
        stack.callback(places.close)
        entry.fill(request.scratch, places.scratch, who)
        ours.sendall(b"!")
        watcher = Watcher(process, request.limits, groups, places, on_output)
        try:
            watcher.follow()
        finally:
            _end(process)
        outcome = watcher.outcome(chosen)
        if collect is not None:
            collect(Results(places.scratch))
        return outcome


def _check_readable(request: Request) -> None:
    """Raise :class:`NoSandbox` where the id that nobody has couldn't read what it is given."""
    for path in request.readable:
        needed = stat.S_IROTH | (stat.S_IXOTH if path.is_dir() else 0)
        if path.stat().st_mode & needed != needed:
            raise NoSandbox(f"{path}: only its owner may read it, and what runs isn't its owner: chmod -R o+rX {path}")


def _unguarded(request: Request, on_output: OnOutput | None, collect: Collect | None) -> Outcome:
    """Run a request as the user, in its scratch folder itself: what the user asked for."""
    dying = [shutil.which("setpriv") or "", "--pdeathsig", "KILL", "--"]
    arguments = [*(dying if dying[0] else []), *request.command]
    with contextlib.ExitStack() as stack:
        groups = stack.enter_context(control_group(request.limits))
        process = stack.enter_context(_started(arguments, request.scratch, groups, None, request))
        watcher = Watcher(process, request.limits, groups, request.scratch, on_output)
        try:
            watcher.follow()
        finally:
            _end(process)
        outcome = watcher.outcome("none")
        if collect is not None:
            handle = os.open(request.scratch, os.O_RDONLY | os.O_DIRECTORY)
            stack.callback(os.close, handle)
            collect(Results(handle))
        return outcome


def _program(chosen: str) -> str:
    """Return where a mechanism's program lies, if all that it takes is installed."""
    place = shutil.which(_PROGRAMS[chosen])
    if place is None:
        raise _NotStanding("not installed")
    if shutil.which("setpriv") is None or shutil.which("unshare") is None:
        raise _NotStanding("it needs setpriv and unshare of util-linux, which are not installed")
    return place


@contextlib.contextmanager
def _started(
    arguments: list[str], folder: Path, groups: Groups, line: int | None, unguarded: Request | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a command in its own session and groups; it has ended when the context does."""
    process = subprocess.Popen(
        arguments,
        cwd=folder,
        env=environment(unguarded) if unguarded is not None else {"PATH": os.environ.get("PATH", os.defpath)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        close_fds=True,
        pass_fds=() if line is None else (line,),
        preexec_fn=lambda: _before(groups, unguarded),
    )
    try:
        yield process
    finally:
        _end(process)
        if process.stdout is not None:
            process.stdout.close()


def _before(groups: Groups, unguarded: Request | None) -> None:
    """In the child, before the command: join the control groups; limits are set inside where there is an inside."""
    groups.join()
    if unguarded is None:
        return
    for name, value in entry.limits(unguarded.limits, gpu=unguarded.gpu).items():
        kind = getattr(resource, name, None)
        if kind is None:
            continue  # not on this system
        hard = resource.getrlimit(kind)[1]
        least = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (least, least))


def _why_not(process: subprocess.Popen[bytes]) -> str:
    """Return why a sandbox didn't come to stand: the last line that it printed."""
    try:
        process.wait(_SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        _end(process)
        return f"it doesn't stand after {entry.PATIENCE:.0f} s"
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    with contextlib.suppress(BlockingIOError):
        lines = os.read(process.stdout.fileno(), 1 << 16).decode("utf-8", "replace").strip().splitlines()
        lines = [line.strip() for line in lines if "dmesg(1)" not in line]  # mount's advice to its own users
        if lines:
            return lines[-1][:_REASON]
    return f"it ended with status {process.returncode} and said nothing"


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the run: with the first process of its namespace the kernel takes down all others.

    That one goes first, and whoever waits for it ends by itself: so nothing of the run is left when this returns.
    Only without a sandbox can anything be left, which then is the rest of the process group.
    """
    if process.poll() is None:
        for pid in children_of(process.pid):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.2 if not children_of(process.pid) else _SECONDS_TO_END)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
