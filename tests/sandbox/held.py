"""As whom and by what a probe is held: every mechanism of this machine, as root and as a user made for the test."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from auditor.sandbox import Limits

TOP = Path(__file__).resolve().parents[2]
USER = 59_973  # an id without an account: made for the test, gone with it
SMALL = Limits(
    wall_seconds=20,
    memory_bytes=512 << 20,
    processes=40,
    file_bytes=64 << 20,
    scratch_bytes=24 << 20,
    files=2000,
    output_bytes=1 << 20,
)


@dataclass(frozen=True)
class Held:
    """One cell's row: ``mechanism`` and ``who`` (root or user)."""

    mechanism: str
    who: str

    def __str__(self) -> str:
        return f"{self.mechanism}-{self.who}"

    def command(self, place: Path) -> list[str]:
        """Return the driver's command line; ``place`` holds what a user can read."""
        return [*self.as_whom(), _python(self.who), str(place / "driver.py")]

    def as_whom(self) -> list[str]:
        """Return what a command is started with; the user's privileges count from the second step on."""
        if self.who == "root" or os.geteuid() != 0:
            return []
        return ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "env"]

    def run(
        self, code: str, *, limits: Limits = SMALL, read: tuple[str, ...] = (), gpu: bool = False, **environment: str
    ) -> dict:
        """Run a probe, as Python without packages, and return its outcome."""
        with public_folder() as place:
            done = subprocess.run(
                self.command(place), input=request(self, place, code, limits, read, environment, gpu=gpu),
                capture_output=True, text=True, check=False, timeout=120, env=self.environment(place), cwd=place,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            assert [path.name for path in Path(place, "tmp").iterdir()] == ["scratch"], "something was left"
            outcome = json.loads(done.stdout.splitlines()[-1])
            assert list(Path(place, "tmp", "scratch").iterdir()) == []  # it was only copied, never written
            return outcome

    def environment(self, place: Path) -> dict[str, str]:
        """Return what the auditor itself is started with: a token among it."""
        path = {"PATH": os.environ["PATH"], "PYTHONPATH": str(place / "lib"), "TMPDIR": str(place / "tmp")}
        return {**path, "GITHUB_TOKEN": "a-token-of-the-caller", "PYTHONDONTWRITEBYTECODE": "1"}


def request(
    held: Held,
    place: Path,
    code: str,
    limits: Limits,
    read: tuple[str, ...],
    environment: dict,
    *arguments: str,
    gpu: bool = False,
) -> str:
    """Return what the driver reads."""
    return json.dumps(
        {
            "code": code, "scratch": str(place / "tmp" / "scratch"), "environment": environment,
            "limits": asdict(limits), "use": held.mechanism, "read": read, "arguments": arguments, "gpu": gpu,
        }
    )  # fmt: skip


@contextlib.contextmanager
def public_folder() -> Iterator[Path]:
    """Yield a folder that everyone can read, with the sandbox's code, and the caller's own place in it."""
    with tempfile.TemporaryDirectory(prefix="golf-audit-test-") as name:
        place = Path(name)
        place.chmod(0o755)
        package = place / "lib" / "auditor"
        shutil.copytree(TOP / "auditor" / "sandbox", package / "sandbox", ignore=shutil.ignore_patterns("__pycache__"))
        for file in ("__init__.py", "durable.py"):
            shutil.copyfile(TOP / "auditor" / file, package / file)
        import pyseccomp

        shutil.copyfile(pyseccomp.__file__, place / "lib" / "pyseccomp.py")
        shutil.copyfile(Path(__file__).with_name("driver.py"), place / "driver.py")
        (place / "tmp" / "scratch").mkdir(parents=True)
        subprocess.run(["chmod", "-R", "a+rX", str(place)], check=True)
        if os.geteuid() == 0:
            subprocess.run(["chown", "-R", f"{USER}:{USER}", str(place / "tmp")], check=True)
        yield place


@cache
def _python(who: str) -> str:
    """Return an interpreter that a user can start: this one may lie in root's home."""
    for python in (sys.executable, "/usr/bin/python3"):
        trial = [*Held("", who).as_whom(), python, "-I", "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
        with contextlib.suppress(OSError):
            if subprocess.run(trial, capture_output=True, check=False).returncode == 0:
                return python
    return ""


def everyone() -> list[Held]:
    """Return every mechanism that works here with everyone that it works for; others are told, not guessed."""
    whom = ["root", "user"] if os.geteuid() == 0 else ["user"]
    found = [Held(mechanism, who) for mechanism in ("bubblewrap", "unshare") for who in whom if _python(who)]
    return [held for held in found if shutil.which("setpriv") and "refused" not in held.run("pass")]
