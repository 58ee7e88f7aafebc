"""The wheel, built from this checkout and installed into an environment of its own, offline.

Torch is not installed twice: a ``.pth`` file shows the new environment the packages of the one that runs the tests.
Files of that kind aren't read in a folder that a ``.pth`` file names, so an editable install of the checkout stays out.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Installed:
    """An environment that holds the wheel."""

    place: Path

    def run(self, *arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run ``golf-audit`` as a user does: from anywhere, with nothing of the checkout in sight."""
        kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
        command = [str(self.place / "bin" / "golf-audit"), *arguments]
        given = {**kept, "HOME": str(cwd), "LANG": "C.UTF-8", "COLUMNS": "200", **environment}
        return subprocess.run(command, cwd=cwd, env=given, capture_output=True, text=True, check=False, timeout=300)


def install(place: Path) -> Installed:
    """Build the wheel and install it below ``place``."""
    source, built, new = place / "source", place / "built", place / "environment"
    _copy(source)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    wheel = [*pip, "wheel", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", str(built), str(source)]
    subprocess.run(wheel, check=True, capture_output=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(new)], check=True)
    (file,) = built.glob("*.whl")
    there = subprocess.run(
        [str(new / "bin" / "python"), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip
    Path(there, "of_the_tests.pth").write_text(sysconfig.get_path("purelib") + "\n")
    python = ["--python", str(new / "bin" / "python")]
    subprocess.run([*pip, *python, "install", "--no-deps", "--no-index", str(file)], check=True, capture_output=True)
    return Installed(new)


def _copy(source: Path) -> None:
    """Copy what the wheel is built from, so that nothing is built in the checkout."""
    import shutil

    for name in ("auditor", "rules", "reports", "reference_model"):
        shutil.copytree(TOP / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copyfile(TOP / name, source / name)
