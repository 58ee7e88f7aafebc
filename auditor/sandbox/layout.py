"""What a sandboxed process sees of the machine, whatever mechanism shows it.

System programs and libraries, this interpreter with its packages, the folders of the request: all read-only. One
scratch folder to write. Nothing of /etc but what the dynamic linker and name look-ups need, no home, no other /tmp.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path

from auditor.sandbox.model import Request

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_ETC = ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives", "/etc/localtime")
_GPU = ("/sys", "/etc/OpenCL", "/etc/nvidia", "/opt/cuda")
_DEVICES = ("null", "zero", "full", "random", "urandom")


def read_only(request: Request) -> tuple[Path, ...]:
    """Return the existing paths that are shown read-only, outer ones before those within them."""
    names = [*_SYSTEM, *_ETC, *(_GPU if request.gpu else ())]
    interpreter = {sys.prefix, sys.base_prefix, sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    # An editable install reads this package from where it was checked out.
    ours = Path(__file__).resolve().parents[2]
    packages = (ours / name for name in ("auditor", "reference_model"))
    wanted = {Path(os.path.abspath(name)) for name in (*names, *interpreter)} | {p.resolve() for p in request.readable}  # noqa: PTH100 (a link such as /lib stays one)
    wanted |= set(packages)
    return tuple(sorted(path for path in wanted if path.exists()))


def devices(request: Request) -> tuple[Path, ...]:
    """Return the device files that are passed through: the harmless ones, and the GPUs when asked for."""
    found = [Path("/dev") / name for name in _DEVICES]
    if request.gpu:
        found += sorted(Path("/dev").glob("nvidia*"))
    return tuple(path for path in found if path.exists())


def environment(request: Request) -> dict[str, str]:
    """Return the whole environment of the process: fixed names first, the request's own values over them.

    Nothing of the caller's environment gets in: tokens, proxies and homes stay out.
    """
    home = str(request.scratch.resolve())
    fixed = {
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin")),
        "HOME": home,
        "TMPDIR": "/tmp",
        "LANG": "C.UTF-8",
        "USER": "nobody",
        "LOGNAME": "nobody",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "XDG_CACHE_HOME": f"{home}/.cache",
        "TORCHINDUCTOR_CACHE_DIR": f"{home}/.cache/inductor",
        "TRITON_CACHE_DIR": f"{home}/.cache/triton",
        "HF_HUB_OFFLINE": "1",
    }
    return {**fixed, **request.environment}
