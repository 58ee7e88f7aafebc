"""The command line for util-linux's ``unshare``, where bubblewrap is not installed.

``unshare`` makes the namespaces; a short shell program then builds a root of bind mounts, leaves the old one, drops
every capability and starts the command.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from auditor.sandbox.bubblewrap import TEMPORARY_BYTES
from auditor.sandbox.layout import devices, environment, read_only
from auditor.sandbox.model import Request

_LOOPBACK = (
    "import fcntl,socket,struct;"
    "s=socket.socket();"
    "r=bytearray(fcntl.ioctl(s,0x8913,struct.pack('16sH14x',b'lo',0)));"
    "f=struct.unpack_from('H',r,16)[0];"
    "struct.pack_into('H',r,16,f|1);"
    "fcntl.ioctl(s,0x8914,bytes(r))"
)
"""Brings the private loopback up, which torchrun's own processes talk over; nothing else is on it."""

_BOUND_FLAGS = "remount,bind,ro,nosuid"


def command(program: str, request: Request, root: Path) -> list[str]:
    """Return the arguments that run ``request.command`` inside: no network, no other processes, read-only root.

    ``root`` is an empty folder: the new root is mounted over it, seen in the new namespace only.
    """
    out = [program, "--user", "--map-root-user", "--net", "--pid", "--ipc", "--uts", "--mount", "--fork"]
    return [*out, "--kill-child=KILL", "--propagation", "private", "/bin/sh", "-euc", _enter(request, root)]


def _enter(request: Request, root: Path) -> str:
    """Return the shell program that builds the root and starts the command in it."""
    scratch = str(request.scratch.resolve())
    lines = [
        "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
        f"mount -t tmpfs -o size=64m,mode=755 none {root}",
        f"mkdir -p {root}/proc {root}/dev/shm {root}/tmp",
        f"mount -t proc none {root}/proc",
        f"mount -t tmpfs -o size={TEMPORARY_BYTES} none {root}/tmp",
        f"mount -t tmpfs -o size={TEMPORARY_BYTES} none {root}/dev/shm",
    ]
    for path in read_only(request):
        target = shlex.quote(f"{root}{path}")
        lines.append(f"mkdir -p {shlex.quote(f'{root}{path.parent}')}")
        if path.is_symlink():
            lines.append(f"[ -e {target} ] || ln -s {shlex.quote(str(path.readlink()))} {target}")
            continue
        lines.append(f"mkdir -p {target}" if path.is_dir() else f"touch {target}")
        lines.append(f"mount --rbind {shlex.quote(str(path))} {target}")
        lines.append(f"mount -o {_BOUND_FLAGS} {target}")
    for device in devices(request):
        target = shlex.quote(f"{root}{device}")
        lines += [f"touch {target}", f"mount --bind {device} {target}"]
    inside = shlex.quote(f"{root}{scratch}")
    lines += [
        f"mkdir -p {inside}",
        f"mount --bind {shlex.quote(scratch)} {inside}",
        f"ln -s /proc/self/fd {root}/dev/fd",
        f"{shlex.join(_python())} -c {shlex.quote(_LOOPBACK)}",
        f"cd {root}",
        "mkdir .old",
        "pivot_root . .old",
        "umount -l /.old",
        "rmdir /.old",
        "mount -o remount,ro /",
        f"cd {shlex.quote(scratch)}",
    ]
    setting = [f"{name}={value}" for name, value in sorted(environment(request).items())]
    drop = ["setpriv", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all"]
    lines.append(shlex.join(["exec", *drop, "env", "-i", *setting, *request.command]))
    return "\n".join(lines)


def _python() -> list[str]:
    return [sys.executable, "-I", "-S"]
