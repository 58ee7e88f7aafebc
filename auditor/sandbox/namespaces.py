"""The command line for util-linux's ``unshare``, where bubblewrap is not installed.

``unshare`` makes the namespaces; a short shell program then builds a root of bind mounts, leaves the old one and, as
the first process of the run, waits for the command, which gets neither its user nor its capabilities.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from auditor.sandbox.identity import Identity
from auditor.sandbox.layout import HIDDEN, MASKED, SETTINGS, TEMPORARY_BYTES, devices, places, read_only
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

_NAMESPACES = ("--net", "--pid", "--ipc", "--uts", "--cgroup", "--mount", "--fork", "--kill-child=KILL")
_READ_ONLY = "ro,nosuid"
_ESCAPES = {"\\040": " ", "\\011": "\t", "\\012": "\n", "\\134": "\\"}


def command(program: str, request: Request, who: Identity, entry: Sequence[str], root: Path) -> list[str]:
    """Return the arguments that run ``entry`` inside: no network, no other processes, read-only root.

    ``root`` is an empty folder: the new root is mounted over it, seen in the new namespace only. The first program of
    the line dies with the auditor, and takes the rest with it.
    """
    out = ["setpriv", "--pdeathsig", "KILL", "--", program, *([] if who.of_root else ["--user", "--map-root-user"])]
    return [*out, *_NAMESPACES, "--propagation", "private", "/bin/sh", "-euc", _enter(request, who, entry, root)]


def _enter(request: Request, who: Identity, entry: Sequence[str], root: Path) -> str:
    """Return the shell program that builds the root and starts the command in it."""
    scratch, *temporary = places(request)
    shown = read_only(request)
    folders = [path for path in shown if path.is_dir() and not path.is_symlink()]
    files = [path for path in (*shown, *devices(request)) if not path.is_dir() and not path.is_symlink()]
    links = [path for path in shown if path.is_symlink()]
    made = {*folders, *(path.parent for path in (*files, *links))}
    mode = "0755" if who.of_root else "0700"
    lines = [
        "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
        f"mount -t tmpfs -o size=64m,mode=755 none {root}",
        shlex.join(["mkdir", "-p", *(f"{root}{path}" for path in ("/proc", "/.old", *temporary))]),
        f"mount -t proc -o nosuid,nodev,noexec none {root}/proc",
        *(f"mount -t tmpfs -o {_options(TEMPORARY_BYTES, request, '1777')} none {root}{each}" for each in temporary),
        shlex.join(["mkdir", "-p", *(f"{root}{path}" for path in sorted(made))]),
        shlex.join(["touch", *(f"{root}{path}" for path in files)]),
        *(f"ln -s {shlex.quote(str(path.readlink()))} {shlex.quote(f'{root}{path}')}" for path in links),
    ]
    mounted = _mount_points()
    for path in (*folders, *(path for path in files if path not in devices(request))):
        lines += _bound(path, root, mounted)
    for place in SETTINGS:
        lines += [f"mount --bind -o {_READ_ONLY} {root}{place} {root}{place}"] if Path(place).exists() else []
    for place in MASKED:
        lines += [f"mount --bind -o {_READ_ONLY} /dev/null {root}{place}"] if Path(place).exists() else []
    for place in HIDDEN if request.gpu else ():
        lines += [f"mount -t tmpfs -o size=4k,ro none {root}{place}"] if Path(place).is_dir() else []
    lines += [f"mount --bind {device} {root}{device}" for device in devices(request)]
    inside = shlex.quote(f"{root}{scratch}")
    lines += [
        f"mkdir -p {inside}",
        f"mount -t tmpfs -o {_options(request.limits.scratch_bytes, request, mode)} none {inside}",
        f"ln -s /proc/self/fd {root}/dev/fd",
        f"{shlex.join([sys.executable, '-I', '-S'])} -c {shlex.quote(_LOOPBACK)}",
        f"cd {root}",
        "pivot_root . .old",
        "umount -l /.old",
        "mount -o remount,bind,ro /",
        "cd /",
        # Not exec: the shell is the first process, whose end is everyone's.
        shlex.join(entry),
    ]
    return "\n".join(lines)


def _options(size: int, request: Request, mode: str) -> str:
    return f"size={size},nr_inodes={request.limits.files},mode={mode},nosuid,nodev"


def _bound(path: Path, root: Path, mounted: Sequence[str]) -> Iterator[str]:
    """Yield what shows a path read-only, with all that is mounted below it."""
    yield f"mount --rbind -o {_READ_ONLY} {shlex.quote(str(path))} {shlex.quote(f'{root}{path}')}"
    # Read-only goes for one mount only, not for those below it.
    for place in mounted:
        if place.startswith(f"{path}/"):
            yield f"mount -o remount,bind,{_READ_ONLY} {shlex.quote(f'{root}{place}')}"


def _mount_points() -> list[str]:
    lines = Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape").splitlines()
    out = []
    for line in lines:
        place = line.split(" ")[4]
        for code, character in _ESCAPES.items():
            place = place.replace(code, character)
        out.append(place)
    return out
