"""Programs that a script starts: the machine's tools answer nothing, Python scripts run in this process."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from auditor.smoke.harness.journal import Journal

_ABSENT = (
    "nvidia-smi",
    "pip",
    "pip3",
    "uv",
    "apt",
    "apt-get",
    "git",
    "wget",
    "curl",
    "lscpu",
    "free",
    "huggingface-cli",
)


class Handed(BaseException):
    """The script has handed over to another, which has ended."""


def _words(command: Any) -> list[str]:
    if isinstance(command, str):
        return command.split()
    return [os.fsdecode(word) for word in command] if isinstance(command, Sequence) else []


def _absent(words: Sequence[str]) -> str | None:
    """Return the tool that a command starts, when it is one that is not here."""
    names = [os.path.basename(word) for word in words[:4]]  # noqa: PTH119
    if names and names[0] in ("sudo", "bash", "sh"):
        names = _words(" ".join(words[1:]))[:3]
    found = next((name for name in names[:1] if name in _ABSENT), None)
    return found or ("pip" if "pip" in names and "-m" in words else None)


def _kept(words: Sequence[str], given: Any) -> subprocess.CompletedProcess[Any] | None:
    """Do what a tool that makes code or files smaller does, at its least: nothing; None for any other.

    A program that is installed reads and writes where files would be, not where those of a run are.
    """
    if words[:1] == ["lrzip"] and "-o" in words[:-2]:
        shutil.copyfile(words[-1], words[words.index("-o") + 1])
        given = b""
    elif words[:1] != ["pyminify"] or words[-1] != "-" or given is None or shutil.which("pyminify") is not None:
        return None
    return subprocess.CompletedProcess(words, 0, given, type(given)())


def _script(words: Sequence[str]) -> tuple[str, list[str]] | None:
    """Return the Python script that a command starts, and its arguments."""
    if not words or not (words[0] == sys.executable or os.path.basename(words[0]).startswith(("python", "torchrun"))):  # noqa: PTH119
        return None
    at = next((at for at, word in enumerate(words) if word.endswith(".py")), None)
    return None if at is None else (words[at], list(words[at + 1 :]))


def install(journal: Journal) -> None:
    """Replace the ways to start a program."""
    run, popen = subprocess.run, subprocess.Popen.__init__

    def run_here(command: Any, *args: Any, **kwargs: Any) -> Any:
        words = _words(command)
        tool = _absent(words)
        if tool:
            journal.stand_in(f"program {tool}")
            text = bool(kwargs.get("text") or kwargs.get("universal_newlines") or kwargs.get("encoding"))
            return subprocess.CompletedProcess(command, 0, "" if text else b"", "" if text else b"")
        done = _kept(words, kwargs.get("input"))
        if done is not None:
            journal.stand_in(f"program {words[0]}")
            return done
        script = _script(words)
        if script:
            _in_this_process(journal, *script, environment=kwargs.get("env"))
        return run(command, *args, **kwargs)

    def output(command: Any, *args: Any, **kwargs: Any) -> Any:
        done = run_here(command, *args, stdout=subprocess.PIPE, **kwargs)
        done.check_returncode()
        return done.stdout

    def started(self: Any, command: Any, *args: Any, **kwargs: Any) -> None:
        script = _script(_words(command))
        if script:
            _in_this_process(journal, *script, environment=kwargs.get("env"))
        popen(self, command, *args, **kwargs)

    def replaced(_path: Any, words: Any, environment: Any = None) -> None:
        script = _script(_words(words))
        if script is None:
            raise RuntimeError(f"the script hands over to {_words(words)[:1]}, which is not run here")
        _in_this_process(journal, *script, environment=environment)

    subprocess.run = run_here  # type: ignore[assignment]
    subprocess.call = lambda *args, **kwargs: run_here(*args, **kwargs).returncode
    subprocess.check_call = subprocess.call  # type: ignore[assignment]
    subprocess.check_output = output  # type: ignore[assignment]
    subprocess.Popen.__init__ = started  # type: ignore[method-assign, assignment]
    os.system = lambda command: run_here(command, shell=True).returncode
    os.execv = os.execvp = replaced  # type: ignore[assignment]
    os.execve = os.execvpe = replaced  # type: ignore[assignment]
    os.fork = _no_fork


def _no_fork() -> int:
    raise OSError("processes are not forked here")


def _in_this_process(journal: Journal, path: str, arguments: list[str], *, environment: Any) -> None:
    """Run another script as the main one; the first does not go on."""
    journal.stand_in("programs in Python")
    if environment:
        os.environ.update({str(k): str(v) for k, v in environment.items()})
    sys.argv = [path, *arguments]
    runpy.run_path(path, run_name="__main__")
    raise Handed
