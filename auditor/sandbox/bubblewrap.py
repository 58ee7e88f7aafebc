"""The command line for bubblewrap (https://github.com/containers/bubblewrap)."""

from __future__ import annotations

from auditor.sandbox.layout import devices, environment, read_only
from auditor.sandbox.model import Request

TEMPORARY_BYTES = 2 << 30
"""Most that /tmp and /dev/shm hold; both are memory."""


def command(program: str, request: Request) -> list[str]:
    """Return the arguments that run ``request.command`` inside: no network, no other processes, read-only root."""
    scratch = str(request.scratch.resolve())
    out = [program, "--unshare-all", "--unshare-user", "--die-with-parent", "--new-session", "--clearenv"]
    out += ["--cap-drop", "ALL", "--hostname", "sandbox", "--proc", "/proc", "--dev", "/dev"]
    for place in ("/tmp", "/dev/shm"):
        out += ["--size", str(TEMPORARY_BYTES), "--tmpfs", place]
    for path in read_only(request):
        if path.is_symlink():
            out += ["--symlink", str(path.readlink()), str(path)]
        else:
            out += ["--ro-bind", str(path), str(path)]
    for device in devices(request):
        out += ["--dev-bind", str(device), str(device)]
    out += ["--bind", scratch, scratch, "--chdir", scratch, "--remount-ro", "/"]
    for name, value in sorted(environment(request).items()):
        out += ["--setenv", name, value]
    return [*out, "--", *request.command]
