"""The machine that the runs are on, and the revision of what runs: looked at, never assumed."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from auditor.reproduce.model import Commit, Machine

PACKAGES = ("torch", "numpy", "sentencepiece", "triton", "flash-attn", "zstandard", "brotli", "golf-audit")
"""What decides a run's numbers, as far as Python packages do."""

_SECONDS = 30


def look() -> Machine:
    """Return this machine. GPUs are those that ``nvidia-smi`` lists and CUDA_VISIBLE_DEVICES leaves visible."""
    return Machine(
        gpus=_gpus(),
        cpu=_cpu(),
        cores=usable_cores(),
        memory_bytes=_memory(),
        system=platform.platform(),
        packages={"python": platform.python_version(), **_packages()},
    )


def usable_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def commit_of(place: Path) -> Commit:
    """Return the git revision that ``place`` is checked out from; nothing where there is none, or no git."""
    sha = _said(["git", "-C", str(place), "rev-parse", "HEAD"])
    if sha is None:
        return Commit(None, None)
    changed = _said(["git", "-C", str(place), "status", "--porcelain", "--", "."])
    return Commit(sha.strip(), None if changed is None else bool(changed.strip()))


def _gpus() -> tuple[str, ...]:
    shown = _said(["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"])
    names = tuple(line.strip() for line in (shown or "").splitlines() if line.strip())
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return names
    wanted = [part.strip() for part in visible.split(",") if part.strip() not in ("", "-1")]
    return tuple(
        names[int(part)] if part.isdecimal() and int(part) < len(names) else names[0] for part in wanted if names
    )


def _cpu() -> str:
    place = Path("/proc/cpuinfo")
    if place.is_file():
        for line in place.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory() -> int | None:
    if sys.platform == "win32":
        return None
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _packages() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue  # what isn't installed isn't listed
    return found


def _said(command: list[str]) -> str | None:
    """Return a program's output; None where it isn't installed, fails, or doesn't answer."""
    if shutil.which(command[0]) is None:
        return None
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        return None
    return done.stdout if done.returncode == 0 else None
