"""What all tests share: properties are tried on the same inputs every time, however slow the machine is.

It lies beside the packages, not in ``tests``, whose folders have the packages' names.
"""

import os
import subprocess

import pytest
from hypothesis import settings

settings.register_profile("golf-audit", deadline=None, derandomize=True)
settings.load_profile("golf-audit")

if "PYTEST_XDIST_WORKER" in os.environ:  # one worker a core: torch's threads would only wait for each other
    os.environ.setdefault("OMP_NUM_THREADS", "1")

_ON_A_SMALL_DISK = """
mount --make-rprivate /
mkdir "$2"
mount --bind "$1" "$2"
mount -t tmpfs -o size="$3" none "$1"
cp -a "$2/." "$1/"
status=0
(shift 3; exec "$@") || status=$?
find "$2" -mindepth 1 -delete
cp -a "$1/." "$2/"
exit $status
"""


@pytest.fixture(scope="session")
def moments():
    """How many random moments a durability test tries; GOLF_AUDIT_MOMENTS=10 for all that is promised."""
    return int(os.environ.get("GOLF_AUDIT_MOMENTS", "2"))


@pytest.fixture(scope="session")
def on_small_disk():
    """Run a command while a folder is a disk of so many bytes; what the folder then holds is kept.

    ``run(folder, bytes, command, **options)`` returns the ended process. Skips where no disk can be mounted.
    """
    namespaces = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"])]

    def run(folder, size, command, **options):
        aside = folder.with_name(f"{folder.name}-aside")
        shell = [*namespaces, "sh", "-euc", _ON_A_SMALL_DISK, "sh", str(folder), str(aside), str(size), *command]
        done = subprocess.run(shell, capture_output=True, text=True, check=False, timeout=300, **options)
        aside.rmdir()
        return done

    try:
        trial = subprocess.run([*namespaces, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False)
    except OSError:
        pytest.skip("unshare is not installed")
    if trial.returncode != 0:
        pytest.skip("no disk can be mounted here")
    return run
