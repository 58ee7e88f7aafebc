"""The sandbox holds: each attack is stopped and reported, and the machine is as before."""

import os
import socket
import sys
import time
from pathlib import Path

import pytest

from auditor.sandbox import Limits, NoSandbox, Request, run
from auditor.sandbox.capture import Capture
from auditor.sandbox.cgroup import control_group
from auditor.sandbox.run import mechanism
from auditor.sandbox.watch import bytes_below, usage_of

SMALL = Limits(
    wall_seconds=20,
    memory_bytes=512 << 20,
    processes=40,
    file_bytes=8 << 20,
    scratch_bytes=24 << 20,
    output_bytes=1 << 20,
)


def working():
    """The mechanisms of this machine; a machine with none has nothing to test but the refusal."""
    from importlib import import_module

    module = import_module("auditor.sandbox.run")
    found = []
    for name in ("bubblewrap", "unshare"):
        try:
            outcome = module.run(
                Request(("true",), Path(os.environ.get("TMPDIR", "/tmp"), "golf-audit-trial")), use=name
            )
        except NoSandbox:
            continue
        if outcome.ok:
            found.append(name)
    return found


WORKING = working()
held = pytest.mark.parametrize("use", WORKING)


def python(code, scratch, use, limits=SMALL, **more):
    return run(Request((sys.executable, "-c", code), scratch / "scratch", limits=limits, **more), use=use)


@held
@pytest.mark.parametrize(
    "code",
    [
        "open('/etc/shadow').read()",
        "open('/usr/inside', 'w')",
        "open('/outside', 'w')",
        "open('/etc/outside', 'w')",
        "import os; os.kill(int(os.environ['VICTIM']), 9)",
        "import os; open(os.environ['SECRET'])",
        "import os; os.environ['GITHUB_TOKEN']",
        "import ctypes, os; c = ctypes.CDLL(None, use_errno=True); "
        "assert c.mount(b'none', b'/tmp', b'tmpfs', 0, None) == 0, os.strerror(ctypes.get_errno())",
        "import socket, os; socket.create_connection(('127.0.0.1', int(os.environ['PORT'])), 3)",
        "import socket; socket.create_connection(('192.0.2.1', 80), 3)",
        "import socket; socket.getaddrinfo('example.com', 80)",
    ],
)
def test_it_reaches_nothing_outside(tmp_path, monkeypatch, use, code):
    monkeypatch.setenv("GITHUB_TOKEN", "a-token-of-the-caller")
    (tmp_path / "secret").write_text("secret")
    with socket.create_server(("127.0.0.1", 0)) as server:
        given = {
            "SECRET": str(tmp_path / "secret"),
            "PORT": str(server.getsockname()[1]),
            "VICTIM": str(os.getpid()),
        }
        outcome = python(code, tmp_path, use, environment=given)
    assert outcome.code == 1
    assert outcome.output.splitlines()[-1].split(":")[0].endswith(("Error", "gaierror"))
    assert outcome.stopped is None
    assert not Path("/outside").exists()


@held
def test_it_sees_its_folder_and_what_is_given_and_writes_only_there(tmp_path, use):
    given = tmp_path / "given"
    given.mkdir()
    (given / "data.txt").write_text("tokens")
    code = (
        "import os, pathlib; pathlib.Path('out.txt').write_text(open(os.environ['DATA']).read()); "
        "print(os.getcwd() == os.environ['HOME'], sorted(os.listdir(os.path.dirname(os.getcwd()))))\n"
        "open(os.environ['DATA'], 'w')"
    )
    outcome = python(code, tmp_path, use, readable=(given,), environment={"DATA": str(given / "data.txt")})
    assert "True ['given', 'scratch']" in outcome.output
    assert "Read-only file system" in outcome.output
    assert (tmp_path / "scratch" / "out.txt").read_text() == "tokens"
    assert (given / "data.txt").read_text() == "tokens"


@held
@pytest.mark.parametrize(
    ("code", "stopped"),
    [
        ("import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)", "wallclock"),
        ("while True: print('x' * 100_000)", "output"),
        ("i = 0\nwhile True:\n  i += 1\n  open(f'f{i}', 'wb').write(bytes(4 << 20))", "disk"),
    ],
)
def test_what_goes_beyond_a_limit_is_stopped(tmp_path, use, code, stopped):
    limits = Limits(**{**{n: getattr(SMALL, n) for n in SMALL.__dataclass_fields__}, "wall_seconds": 1.5})
    begun = time.monotonic()
    outcome = python(code, tmp_path, use, limits)
    assert (outcome.stopped, outcome.code) == (stopped, None)
    assert time.monotonic() - begun < 15
    assert len(outcome.output) < 6 << 20


@held
@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("x = []\nwhile True: x.append(bytearray(64 << 20))", "MemoryError"),
        ("f = open('big', 'wb')\nwhile True: f.write(bytes(1 << 20))", "File too large"),
        ("import os\nwhile True: os.fork()", "Resource temporarily unavailable"),
    ],
)
def test_what_the_kernel_refuses_ends_the_run(tmp_path, use, code, says):
    outcome = python(code, tmp_path, use)
    assert not outcome.ok
    assert outcome.stopped in {"processes", "memory", "disk"} or says in outcome.output


@held
def test_a_daemon_does_not_outlive_the_run(tmp_path, use):
    code = (
        "import os, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        while True:\n"
        "            open('alive', 'a').write('.')\n"
        "            time.sleep(0.01)\n"
        "time.sleep(0.3)"
    )
    assert python(code, tmp_path, use).code == 0
    alive = tmp_path / "scratch" / "alive"
    size = alive.stat().st_size
    assert size
    time.sleep(0.2)
    assert alive.stat().st_size == size


@held
def test_the_private_loopback_works_for_processes_of_the_run(tmp_path, use):
    code = (
        "import socket\n"
        "s = socket.create_server(('127.0.0.1', 0))\n"
        "c = socket.create_connection(s.getsockname(), 3)\n"
        "print('connected')"
    )
    assert python(code, tmp_path, use).output == "connected\n"


def test_a_machine_that_can_hold_nothing_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    mechanism.cache_clear()
    try:
        with pytest.raises(NoSandbox, match="--no-sandbox"):
            run(Request(("true",), tmp_path))
    finally:
        mechanism.cache_clear()


def test_without_a_sandbox_limits_and_the_group_still_hold(tmp_path):
    code = "import os, time\nif os.fork() == 0: time.sleep(60)\nprint(os.environ.get('GITHUB_TOKEN'))\ntime.sleep(60)"
    outcome = python(code, tmp_path, "none", Limits(wall_seconds=1))
    assert (outcome.stopped, outcome.output, outcome.mechanism) == ("wallclock", "None\n", "none")


def test_output_keeps_its_ends_and_counts_the_rest():
    capture = Capture(limit=100, kept=20)
    for piece in (b"begin", b"x" * 50, b"end"):
        capture.add(piece)
    assert capture.text().startswith("beginxxxxx\n[38 bytes left out]\n")
    assert capture.text().endswith("xxxxxxxend")
    assert not capture.full
    capture.add(b"y" * 50)
    assert capture.full


def test_usage_counts_this_process_and_disk_counts_files(tmp_path):
    assert usage_of(os.getpid()).processes >= 1
    assert usage_of(os.getpid()).memory_bytes > 1 << 20
    (tmp_path / "a").write_bytes(bytes(1 << 16))
    (tmp_path / "loop").symlink_to(tmp_path)
    assert 1 << 16 <= bytes_below(tmp_path, 1 << 30) < 1 << 18


def test_control_groups_are_gone_afterwards():
    with control_group(SMALL) as groups:
        folders = [group.parent for group in groups]
        assert all(folder.is_dir() for folder in folders)
    assert not any(folder.exists() for folder in folders)
