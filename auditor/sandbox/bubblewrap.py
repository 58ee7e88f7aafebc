"""The command line for bubblewrap (https://github.com/containers/bubblewrap)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from auditor.sandbox.identity import Identity
from auditor.sandbox.layout import HIDDEN, MASKED, SETTINGS, TEMPORARY_BYTES, devices, places, read_only
from auditor.sandbox.model import Request

_OF_ROOT = ("--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try")
_OF_A_USER = ("--unshare-all", "--unshare-user", "--uid", "65534", "--gid", "65534")
_TO_HAND_DOWN = ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP")


def command(program: str, request: Request, who: Identity, entry: Sequence[str]) -> list[str]:
    """Return the arguments that run ``entry`` inside: no network, no other processes, read-only root.

    Where root prepares it, ``entry`` still may change its user, and has to (``handing_down``).
    """
    out = [program, *(_OF_ROOT if who.of_root else _OF_A_USER), "--die-with-parent", "--new-session", "--clearenv"]
    out += ["--cap-drop", "ALL", "--hostname", "sandbox"]
    if who.of_root:
        for capability in _TO_HAND_DOWN:
            out += ["--cap-add", capability]
    out += ["--proc", "/proc", "--dev", "/dev"]
    for place in SETTINGS:
        out += ["--ro-bind-try", place, place]
    for place in MASKED:
        if Path(place).exists():
            out += ["--ro-bind", "/dev/null", place]
    scratch, *temporary = places(request)
    for place in temporary:
        out += ["--perms", "1777", "--size", str(TEMPORARY_BYTES), "--tmpfs", place]
    shown = read_only(request)
    # bubblewrap makes folders on the way for its own user only, which root is and the run isn't.
    for folder in sorted(
        {each for path in (*shown, *devices(request), Path(scratch)) for each in path.parents} - {Path("/")}
    ):
        if str(folder) not in (*temporary, "/dev") and not any(folder.is_relative_to(path) for path in shown):
            out += ["--perms", "0755", "--dir", str(folder)]
    for path in shown:
        if path.is_symlink():
            out += ["--symlink", str(path.readlink()), str(path)]
        else:
            out += ["--ro-bind", str(path), str(path)]
    if request.gpu:
        for place in HIDDEN:
            out += ["--tmpfs", place, "--remount-ro", place] if Path(place).is_dir() else []
    for device in devices(request):
        out += ["--dev-bind", str(device), str(device)]
    out += ["--perms", "0700" if not who.of_root else "0755"]
    out += ["--size", str(request.limits.scratch_bytes), "--tmpfs", scratch, "--chdir", scratch]
    out += ["--remount-ro", "/dev", "--remount-ro", "/"]
    return [*out, "--", *entry]
