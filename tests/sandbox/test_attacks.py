"""The table of docs/sandbox.md: mechanism and user against class of attack, each cell a harmless probe."""

import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("pyseccomp", reason="the sandbox needs libseccomp", exc_type=(ImportError, RuntimeError, OSError))

import held as _held
from held import SMALL, public_folder, request
from probes import EXHAUSTING, REACHING, all_reaching

EVERYONE = _held.everyone()
everyone = pytest.mark.parametrize("held", EVERYONE, ids=str)
QUICK = dataclasses.replace(SMALL, wall_seconds=1.5)


@pytest.fixture(scope="module")
def said():
    """What came of every probe of ``REACHING``, for each mechanism and user: one run each."""
    known = {}

    def call(held, tmp_path):
        if held not in known:
            (tmp_path / "secret").write_text("secret")
            tmp_path.chmod(0o755)
            with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as abstract:
                name = f"golf-audit-{os.getpid()}"
                abstract.bind(f"\0{name}")
                abstract.listen()
                outcome = held.run(
                    all_reaching(),
                    SECRET=str(tmp_path / "secret"), PORT=str(server.getsockname()[1]), VICTIM=str(os.getpid()),
                    ABSTRACT=name,
                )  # fmt: skip
            assert outcome["code"] == 0, outcome
            known[held] = json.loads(outcome["output"].splitlines()[-1])
        return known[held]

    return call


@everyone
@pytest.mark.parametrize("probe", REACHING)
def test_what_is_outside_is_out_of_reach(held, probe, said, tmp_path):
    assert probe in said(held, tmp_path), f"{probe} succeeded"
    assert not Path("/outside").exists()


@everyone
@pytest.mark.parametrize("probe", EXHAUSTING)
def test_what_uses_up_a_limit_is_stopped_by_its_name(held, probe):
    names, code = EXHAUSTING[probe]
    limits = QUICK if probe.startswith("time") else SMALL
    begun = time.monotonic()
    outcome = held.run(code, limits=limits)
    assert time.monotonic() - begun < 60
    if outcome["stopped"] is None:
        # The kernel refused it in the process itself, which could go on; it said so and gave up.
        assert outcome["code"] not in (0, None), outcome
        told = (
            "MemoryError",
            "Function not implemented",
            "Resource temporarily unavailable",
            "can't start new thread",
            "No space left on device",
        )
        assert any(words in outcome["output"] for words in told), outcome
    else:
        assert outcome["stopped"] in names.split(), outcome
    assert len(outcome["output"]) < 6 << 20


@everyone
def test_the_death_of_the_auditor_ends_the_run(held):
    marker = f"golf-audit-marker-{os.getpid()}-{time.monotonic_ns()}"
    with public_folder() as place:
        wanted = request(held, place, "import time; time.sleep(60)", SMALL, (), {}, marker)
        driver = subprocess.Popen(
            held.command(place), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=held.environment(place)
        )
        driver.stdin.write(wanted)
        driver.stdin.close()
        assert _until(lambda: len(_running(marker)) > 0, 20.0), "it never ran"
        status = Path("/proc", _running(marker)[0], "status").read_text()
        assert "\nUid:\t0\t" not in status  # as the machine sees it, whatever it is inside
        driver.send_signal(signal.SIGKILL)
        driver.wait()
        driver.stdout.close()
        assert _until(lambda: not _running(marker), 10.0), "it outlived the auditor"
        left = list((place / "tmp").glob("golf-audit-run-*"))
        assert left  # nobody could remove it
        after = subprocess.run(
            held.command(place), input=request(held, place, "pass", SMALL, (), {}), capture_output=True, text=True,
            env=held.environment(place), check=True,
        )  # fmt: skip
        assert '"code": 0' in after.stdout
        assert not any(folder.exists() for folder in left)  # the next one could
    groups = [path for root in ("memory", "pids", ".") for path in Path("/sys/fs/cgroup", root).glob("golf-audit-*")]
    assert not any(f"golf-audit-{driver.pid}-" in path.name for path in groups)


FORGING = """
import os, socket, time
os.symlink('/etc/hostname', 'link')
os.symlink('/etc', 'folder-link')
os.mkfifo('pipe')
os.mkdir('folder')
socket.socket(socket.AF_UNIX).bind('socket')
open('unreadable', 'w').write('x'); os.chmod('unreadable', 0)
open('long', 'w').write('y' * 1_000_000)
open('plain', 'w').write('plain')
os.mkdir('shut'); open('shut/inner', 'w').close(); os.chmod('shut', 0)
for i in range(300): os.mkdir('d' * 30); os.chdir('d' * 30)
open('deepest', 'w').close()
"""


@everyone
def test_results_are_read_as_a_strangers(held):
    names = (
        "link",
        "folder-link/hostname",
        "pipe",
        "folder",
        "socket",
        "long",
        "plain",
        "../scratch/plain",
        "/etc/hostname",
    )
    outcome = held.run(FORGING, read=names)
    assert (outcome["code"], outcome["stopped"]) == (0, None), outcome
    left = outcome["left"]
    assert {name: left[name] for name in names if left[name] is not None} == {"long": "y" * 100, "plain": "plain"}
    paths = [path for path, _ in left["files"]]
    assert {"long", "plain"} <= set(paths) <= {"long", "plain", "unreadable", "shut/inner"}


SETTING = """
import os
opened = []
for folder, _, names in os.walk("/sys"):
    for name in names[:200]:
        try:
            os.close(os.open(os.path.join(folder, name), os.O_WRONLY | os.O_NOFOLLOW))
            opened.append(os.path.join(folder, name))
        except OSError:
            pass
print(opened, os.listdir("/sys/fs"), os.listdir("/sys/kernel"))
"""


@everyone
@pytest.mark.skipif(not Path("/sys/devices").is_dir(), reason="no /sys here")
def test_with_a_gpu_no_setting_below_sys_can_be_opened_to_be_written(held):
    """The devices of a GPU need /sys; nothing is written here, whatever would open."""
    outcome = held.run(SETTING, gpu=True)
    assert (outcome["code"], outcome["output"]) == (0, "[] [] []\n"), outcome


@everyone
def test_a_run_without_a_fault_is_just_that(held):
    code = (
        "import os, socket\n"
        "s = socket.create_server(('127.0.0.1', 0)); socket.create_connection(s.getsockname(), 3)\n"
        "open('/tmp/a', 'w').close(); open('/dev/shm/a', 'w').close(); open('a', 'w').write('b')\n"
        "print(os.getcwd() == os.environ['HOME'], sorted(os.listdir('.')), open('/dev/null').read())\n"
    )
    outcome = held.run(code, read=("a",))
    assert (outcome["code"], outcome["output"], outcome["left"]["a"]) == (0, "True ['a'] \n", "b"), outcome


@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="only root can be both")
def test_both_are_tried_here():
    assert {held.who for held in EVERYONE} == {"root", "user"} or not EVERYONE


def _running(marker):
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            found += [entry.name] if marker.encode() in words else []
    return found


def _until(true, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.05)
    return False
