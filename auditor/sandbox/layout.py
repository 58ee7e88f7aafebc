"""What a sandboxed process sees of the machine, whatever mechanism shows it.

System programs and libraries, this interpreter with its packages, the folders of the request: all read-only. One
scratch folder to write, /tmp and /dev/shm. Nothing of /etc but what the dynamic linker and name look-ups need, no home.
"""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

from auditor.sandbox.model import Request

TEMPORARY_BYTES = 2 << 30
"""Most that /tmp and /dev/shm hold each; both are memory."""
MASKED = ("/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sched_debug", "/proc/latency_stats")
"""What tells of the whole machine; it can't be read inside."""
SETTINGS = ("/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs")
"""What sets the kernel; it is read-only inside."""
HIDDEN = ("/sys/fs", "/sys/kernel", "/sys/firmware", "/sys/power")
"""Of /sys, which only a run with a GPU sees; empty inside."""

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_ETC = ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives", "/etc/localtime")
_GPU = ("/sys", "/etc/OpenCL", "/etc/nvidia", "/opt/cuda")
_DEVICES = ("null", "zero", "full", "random", "urandom")
_PACKAGES = ("site-packages", "dist-packages")
_OURS = Path(__file__).resolve().parents[2]


def packages() -> tuple[Path, ...]:
    """Return the folders of installed packages that this interpreter imports from, a user's own among them."""
    named = (Path(place) for place in sys.path if Path(place).name in _PACKAGES)
    return tuple(dict.fromkeys(place for place in named if place.is_absolute() and place.is_dir()))


def import_path() -> str:
    """Return the PYTHONPATH by which a module of this package can be started inside, beside all installed packages."""
    here = {Path(place) for place in site.getsitepackages()}
    wanted = [place for place in (*packages(), _OURS) if place not in here]
    return os.pathsep.join(dict.fromkeys(map(str, wanted)))


def read_only(request: Request) -> tuple[Path, ...]:
    """Return the existing paths that are shown read-only, with all that is in them; none lies within another."""
    system = {Path(name) for name in (*_SYSTEM, *_ETC, *(_GPU if request.gpu else ()))}
    given: set[str | Path] = {
        sys.prefix,
        sys.base_prefix,
        sysconfig.get_path("purelib"),
        sysconfig.get_path("platlib"),
        *packages(),
    }
    # An editable install reads this package from where it was checked out.
    given |= {_OURS / name for name in ("auditor", "reference_model")}
    wanted = system | _with_targets(Path(os.path.abspath(place)) for place in given)  # noqa: PTH100 (a link stays one)
    wanted |= {place.resolve() for place in request.readable}
    return tuple(sorted(path for path in wanted if path.exists() and wanted.isdisjoint(path.parents)))


def devices(request: Request) -> tuple[Path, ...]:
    """Return the device files that are passed through: the harmless ones, and the GPUs when asked for."""
    found = [Path("/dev") / name for name in _DEVICES]
    if request.gpu:
        every = (*Path("/dev").glob("nvidia*"), *Path("/dev").glob("nvidia*/*"))
        found += sorted(path for path in every if not path.is_dir())
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


def places(request: Request) -> tuple[str, str, str]:
    """Return the folders that can be written: scratch first."""
    return str(request.scratch.resolve()), "/tmp", "/dev/shm"


def _with_targets(paths: Iterable[Path]) -> set[Path]:
    """Return the paths, and where links lead: an interpreter's folder may be one (uv's is)."""
    return {each for path in paths for each in (path, path.resolve())}
