"""The sandbox's parts, each by itself; test_attacks.py tries the whole."""

import fcntl
import os
import socket
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

pytest.importorskip("pyseccomp", reason="the sandbox needs libseccomp", exc_type=(ImportError, RuntimeError, OSError))

from auditor.sandbox import Limits, NoSandbox, Request, Results, import_path, remove, run, scratch_folder
from auditor.sandbox import cgroup as groups_module
from auditor.sandbox.capture import Capture
from auditor.sandbox.cgroup import Groups, control_group
from auditor.sandbox.identity import Identity, handing_down, identity
from auditor.sandbox.layout import environment, packages, read_only
from auditor.sandbox.run import mechanism
from auditor.sandbox.watch import bytes_below, children_of, filled, shared_once, usage_of

running = import_module("auditor.sandbox.run")
held = pytest.mark.skipif(mechanism() == "none", reason="nothing here can hold a stranger's code")


def unguarded(code, scratch, limits, **more):
    return run(Request((sys.executable, "-c", code), scratch / "scratch", limits=limits, **more), use="none")


@pytest.fixture
def afresh():
    """What was found out about this machine is forgotten before and after."""
    for known in (running.mechanism, running._tried):
        known.cache_clear()
    yield
    for known in (running.mechanism, running._tried):
        known.cache_clear()


def test_a_machine_that_can_hold_nothing_is_refused_with_the_reasons(tmp_path, monkeypatch, afresh):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoSandbox, match=r"bubblewrap: not installed; unshare: not installed.*--no-sandbox"):
        run(Request(("true",), tmp_path))


def test_a_mechanism_that_does_not_come_to_stand_says_why_at_once(tmp_path, monkeypatch, afresh):
    for name in ("bwrap", "unshare", "setpriv"):
        (tmp_path / name).write_text("#!/bin/sh\necho 'no new namespaces here' >&2\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(NoSandbox, match="unshare: no new namespaces here"):
        run(Request(("true",), tmp_path / "scratch"))
    with pytest.raises(NoSandbox, match="bubblewrap: no new namespaces here"):
        run(Request(("true",), tmp_path / "scratch"), use="bubblewrap")


def test_without_libseccomp_nothing_runs(tmp_path, monkeypatch, afresh):
    from auditor.sandbox import seccomp

    seccomp.program.cache_clear()
    monkeypatch.setitem(sys.modules, "pyseccomp", None)
    with pytest.raises(NoSandbox, match="install libseccomp2"):
        run(Request(("true",), tmp_path), use="unshare")


def test_without_a_sandbox_limits_and_the_group_still_hold(tmp_path):
    code = "import os, time\nif os.fork() == 0: time.sleep(60)\nprint(os.environ.get('GITHUB_TOKEN'))\ntime.sleep(60)"
    outcome = unguarded(code, tmp_path, Limits(wall_seconds=1))
    assert (outcome.stopped, outcome.output, outcome.mechanism) == ("wallclock", "None\n", "none")


def test_without_a_sandbox_the_folder_itself_is_used_and_its_size_watched(tmp_path):
    code = "i = 0\nwhile True:\n  i += 1\n  open(f'f{i}', 'wb').write(bytes(4 << 20))"
    outcome = unguarded(code, tmp_path, Limits(wall_seconds=20, scratch_bytes=24 << 20))
    assert (outcome.stopped, outcome.code) == ("disk", None)
    assert (tmp_path / "scratch" / "f1").exists()


@held
def test_what_a_run_begins_with_is_copied_and_what_it_wrote_is_handed_over_and_gone(tmp_path):
    scratch = tmp_path / "scratch"
    (scratch / "deep").mkdir(parents=True)
    (scratch / "deep" / "in.txt").write_text("in")
    (scratch / "link").symlink_to("deep/in.txt")
    (tmp_path / "given").mkdir(mode=0o755)
    (tmp_path / "given" / "data.txt").write_text("tokens")
    code = (
        "import os; open('out.txt', 'w').write(open('link').read() + open(os.environ['DATA']).read())\n"
        "open(os.environ['DATA'], 'w')"
    )
    found = {}

    def collect(left):
        found.update({name: left.read(name, 100) for name in ("out.txt", "link", "nothing")})
        assert left.copy("out.txt", tmp_path / "kept", 100)
        assert not left.copy("out.txt", tmp_path / "too-large", 3)

    request = Request(
        (sys.executable, "-I", "-S", "-c", code), scratch, readable=(tmp_path / "given",),
        environment={"DATA": str(tmp_path / "given" / "data.txt")},
    )  # fmt: skip
    outcome = run(request, collect=collect)
    assert "Read-only file system" in outcome.output, outcome
    assert found == {"out.txt": b"intokens", "link": None, "nothing": None}
    assert (tmp_path / "kept").read_text() == "intokens"
    assert not (tmp_path / "too-large").exists()
    assert not (scratch / "out.txt").exists()
    assert (tmp_path / "given" / "data.txt").read_text() == "tokens"


@held
@pytest.mark.parametrize(("command", "code"), [(("sh", "-c", "exit 7"), 7), (("sh", "-c", "kill -9 $$"), 137)])
def test_how_a_run_ended(tmp_path, command, code):
    assert run(Request(command, tmp_path)).code == code


@held
def test_a_program_that_is_not_there_is_said(tmp_path):
    outcome = run(Request(("no-such-program",), tmp_path))
    assert not outcome.ok
    assert "No such file or directory" in outcome.output


@held
def test_output_comes_as_it_is_printed(tmp_path):
    pieces = []
    request = Request(("sh", "-c", "echo one; echo two >&2"), tmp_path)
    assert run(request, on_output=pieces.append).output == "one\ntwo\n"
    assert b"".join(pieces) == b"one\ntwo\n"


@held
@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user's run reads what the user reads")
def test_data_that_only_root_may_read_is_said_at_once(tmp_path):
    (tmp_path / "data").mkdir(mode=0o700)
    with pytest.raises(NoSandbox, match=r"data: only its owner may read it.*chmod -R o\+rX"):
        run(Request(("true",), tmp_path / "scratch", readable=(tmp_path / "data",)))


def test_root_never_hands_itself_down():
    who = identity()
    if os.geteuid() == 0 and who.uid is not None:
        assert 61184 <= who.uid <= 65519
        assert f"--reuid={who.uid}" in handing_down(who)
    assert "--user" in handing_down(Identity(None))


def test_all_packages_of_this_interpreter_are_seen_and_no_home_is(tmp_path, monkeypatch):
    of_a_user = tmp_path / "home" / "lib" / "site-packages"
    of_a_user.mkdir(parents=True)
    monkeypatch.setattr(sys, "path", ["", str(tmp_path / "home"), *sys.path, str(of_a_user), "lib/site-packages"])
    shown = read_only(Request(("true",), tmp_path / "scratch"))
    assert of_a_user in packages()
    assert of_a_user in shown
    assert tmp_path / "home" not in shown
    assert str(of_a_user) in import_path().split(os.pathsep)
    assert all(not any(other in path.parents for other in shown) for path in shown)


def test_nothing_of_the_callers_environment_gets_in(tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_TOKEN", "a-token")
    given = environment(Request(("true",), tmp_path, environment={"SEED": "1", "HOME": "/x"}))
    assert "a-token" not in given.values()
    assert (given["SEED"], given["HOME"]) == ("1", "/x")


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
    assert 1 << 20 < shared_once([os.getpid()]) <= 2 * usage_of(os.getpid()).memory_bytes
    (tmp_path / "a").write_bytes(bytes(1 << 16))
    (tmp_path / "loop").symlink_to(tmp_path)
    assert 1 << 16 <= bytes_below(tmp_path, 1 << 30) < 1 << 18
    handle = os.open(tmp_path, os.O_RDONLY)
    assert filled(handle).bytes > 0
    os.close(handle)


def test_children_are_found():
    with subprocess.Popen(["sleep", "60"]) as child:
        assert child.pid in children_of(os.getpid())
        child.kill()


def tree(place):
    """A folder with all that doesn't belong into a result."""
    (place / "plain").write_text("plain")
    (place / "link").symlink_to("/etc/hostname")
    (place / "folder").mkdir()
    (place / "folder" / "inner").write_text("inner")
    (place / "around").symlink_to("folder")
    os.mkfifo(place / "pipe")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(place / "socket"))
    handle = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    return Results(handle)


def test_only_regular_files_are_read_and_no_link_is_followed(tmp_path, monkeypatch):
    left = tree(tmp_path)
    names = ("plain", "folder/inner", "link", "around/inner", "folder", "pipe", "socket", "../x", "/etc/hostname", "")
    read = {name: left.read(name, 3) for name in names}
    assert {name: data for name, data in read.items() if data is not None} == {"plain": b"pla", "folder/inner": b"inn"}
    assert sorted(file.path for file in left.files()) == ["folder/inner", "plain"]


def test_many_and_deep_are_cut_off(tmp_path, monkeypatch):
    from auditor.sandbox import results

    monkeypatch.setattr(results, "MAX_FILES", 50)
    monkeypatch.setattr(results, "MAX_DEPTH", 4)
    deep = tmp_path / "a" / "b" / "c" / "d"
    deep.mkdir(parents=True)
    (deep / "lost").write_text("")
    (tmp_path / "a" / "b" / "found").write_text("")
    left = Results(os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY))
    assert [file.path for file in left.files()] == ["a/b/found"]
    assert left.read("a/b/c/d/e/lost", 10) is None
    for number in range(100):
        (tmp_path / f"{number}").write_text("")
    assert len(list(left.files())) <= 50


def test_what_is_copied_has_a_plain_mode_and_replaces_a_link(tmp_path):
    (tmp_path / "from").mkdir()
    (tmp_path / "from" / "tool").write_text("x")
    (tmp_path / "from" / "tool").chmod(0o4755)
    (tmp_path / "elsewhere").write_text("untouched")
    (tmp_path / "to").symlink_to(tmp_path / "elsewhere")
    left = Results(os.open(tmp_path / "from", os.O_RDONLY | os.O_DIRECTORY))
    assert left.copy("tool", tmp_path / "to", 10)
    assert (tmp_path / "elsewhere").read_text() == "untouched"
    assert (tmp_path / "to").stat().st_mode & 0o7777 == 0o644


def test_a_scratch_folder_is_gone_whatever_is_in_it():
    with scratch_folder() as folder:
        assert list(folder.iterdir()) == []
        os.mkfifo(folder / "pipe")
        (folder / "link").symlink_to("/etc")
        here = os.open(folder, os.O_RDONLY)
        for _ in range(1500):  # longer than any path may be
            os.mkdir("deeper", dir_fd=here)
            inner = os.open("deeper", os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = inner
        os.close(here)
        (folder / "shut").mkdir()
        (folder / "shut" / "file").write_text("")
        (folder / "shut").chmod(0)
    assert not folder.exists()
    assert Path("/etc").is_dir()


def test_the_scratch_of_a_killed_auditor_is_removed_and_of_a_living_one_not(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "golf-audit-run-killed").mkdir()
    (tmp_path / "golf-audit-run-link").symlink_to("/etc")
    living = tmp_path / "golf-audit-run-living"
    living.mkdir()
    lock = os.open(living, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    with scratch_folder() as folder:
        assert {path.name for path in tmp_path.iterdir()} == {
            folder.name,
            "golf-audit-run-living",
            "golf-audit-run-link",
        }
    os.close(lock)


@pytest.mark.parametrize("moment", ["before it is opened", "before it is locked", "after"])
def test_a_folder_that_another_auditor_takes_for_a_killed_ones_is_made_again(tmp_path, monkeypatch, moment):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    opened, locked, taken = os.open, fcntl.flock, []

    def open_folder(path, *flags, **more):
        if moment == "before it is opened" and not taken:
            taken.append(path)
            Path(path).rmdir()
        return opened(path, *flags, **more)

    def lock(handle, how):
        if moment != "before it is opened" and not taken:
            (folder,) = tmp_path.iterdir()
            taken.append(folder)
            folder.rmdir()
            if moment == "before it is locked":
                raise BlockingIOError
        return locked(handle, how)

    monkeypatch.setattr(os, "open", open_folder)
    monkeypatch.setattr(fcntl, "flock", lock)
    with scratch_folder() as folder:
        assert folder.is_dir()
        assert folder not in taken
    assert taken
    assert not list(tmp_path.iterdir())


def test_removing_what_is_not_there_is_no_fault(tmp_path):
    remove(tmp_path / "nothing")


def test_control_groups_are_gone_afterwards():
    with control_group(Limits()) as groups:
        assert all(folder.is_dir() for folder in groups.folders)
    assert not any(folder.exists() for folder in groups.folders)


class TestControlGroupsOfVersion2:
    """On a tree of plain files in the kernel's form: this is about which group is chosen and what is written."""

    @pytest.fixture
    def root(self, tmp_path, monkeypatch):
        for place, handed in (
            ("", "cpu"),
            ("user.slice", ""),
            ("user.slice/app", "memory pids"),
            ("user.slice/app/own", ""),
        ):
            (tmp_path / place).mkdir(exist_ok=True)
            (tmp_path / place / "cgroup.subtree_control").write_text(handed)
            (tmp_path / place / "cgroup.procs").write_text("")
        (tmp_path / "cgroup.controllers").write_text("cpu memory pids")
        (tmp_path / "own").write_text("1:name=systemd:/x\n0::/user.slice/app/own\n")
        return tmp_path

    def test_the_nearest_that_hands_both_down_is_taken(self, root):
        assert groups_module._delegated(root, root / "own") == root / "user.slice" / "app"

    def test_one_that_may_not_be_written_is_not(self, root):
        (root / "user.slice" / "app" / "cgroup.procs").unlink()
        assert groups_module._delegated(root, root / "own") is None

    def test_limits_are_written(self, root, monkeypatch):
        monkeypatch.setattr(groups_module, "_delegated", lambda _root: root / "user.slice" / "app")
        monkeypatch.setattr(groups_module, "_remove", lambda _folder: None)
        with control_group(Limits(memory_bytes=5 << 20, processes=9), root) as groups:
            (folder,) = groups.folders
            assert (groups.of_memory, groups.of_processes) == (folder, folder) and groups.hold
            assert not Groups(groups.folders, of_memory=folder).hold and not Groups().hold
        written = {name: (folder / name).read_text() for name in ("pids.max", "memory.max", "memory.swap.max")}
        assert written == {"pids.max": "9", "memory.max": str(5 << 20), "memory.swap.max": "0"}

    def test_what_the_kernel_counted_is_read(self, tmp_path):
        (tmp_path / "memory.events").write_text("low 0\noom 2\noom_kill 1\n")
        (tmp_path / "pids.events").write_text("max 0\n")
        (tmp_path / "memory.peak").write_text("4096\n")
        groups = Groups((tmp_path,), tmp_path, tmp_path)
        assert (groups.ran_out_of_memory(), groups.ran_out_of_processes(), groups.peak_memory()) == (True, False, 4096)
        assert not Groups().ran_out_of_memory()


def test_the_groups_of_a_killed_auditor_are_removed_by_the_next(tmp_path):
    (tmp_path / "memory").mkdir()
    ended = subprocess.Popen(["true"])
    ended.wait()
    left = tmp_path / "memory" / f"golf-audit-{ended.pid}-1-2"
    reused = tmp_path / "memory" / f"golf-audit-{os.getpid()}-1-2"  # its number is another process's now
    living = tmp_path / "memory" / f"golf-audit-{os.getpid()}-{groups_module._started(os.getpid())}-2"
    other = tmp_path / "memory" / "golf-audit-of-someone-else"
    for folder in (left, reused, living, other):
        folder.mkdir()
    groups_module._clear(tmp_path / "memory")
    assert sorted(path.name for path in (tmp_path / "memory").iterdir()) == sorted((living.name, other.name))
