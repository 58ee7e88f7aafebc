"""Starting one planned run and following it to its end. Strangers' code goes through the sandbox, our own doesn't."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from auditor import sandbox
from auditor.durable import FULL
from auditor.executors.child import die_with_parent
from auditor.reproduce.model import CannotReproduce, Plan, PlannedRun
from auditor.reproduce.submitted import WORK, Subject, challenge_layout, wall_seconds
from auditor.submission.model import Unread

LogLine = Callable[[str], None]

_LARGEST_FILE = 64 << 20  # bytes of a submission's file that is copied; artifacts and logs stay behind
_PATIENCE = 60.0  # seconds that an interrupted run gets for its checkpoint
_OUR_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Exit:
    """How a run ended: ``code`` None when it was stopped, ``reason`` empty when it ended well."""

    code: int | None
    reason: str
    seconds: float
    peak_memory: int | None = None

    @property
    def ok(self) -> bool:
        """Whether it came to its end."""
        return self.code == 0 and not self.reason


class Stopped(Exception):  # noqa: N818 (the user's doing)
    """The user interrupted; ``exit`` is how far the run came."""

    def __init__(self, end: Exit) -> None:
        super().__init__("interrupted")
        self.exit = end


def log_path(run: PlannedRun) -> Path:
    """Return where a run's log lies: the challenge's own name for it."""
    return run.folder / f"train_seed{run.seed}.log"


def launch_reference(run: PlannedRun, on_line: LogLine) -> Exit:
    """Run the reference model, which writes its own log; raises :class:`Stopped` after Ctrl-C."""
    command = list(run.command)
    if run.resume is not None and run.resume.is_file():
        command += ["--resume", str(run.resume)]
    run.folder.mkdir(parents=True, exist_ok=True)
    begun, last = time.monotonic(), ""
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        errors="replace",
        start_new_session=True,
        preexec_fn=_end_with_us if sys.platform == "linux" else None,
        env={**os.environ, **run.given, "PYTHONUNBUFFERED": "1", "PYTHONPATH": _python_path()},
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                last = line.strip() or last
                on_line(line.rstrip("\n"))
            code = process.wait()
        except KeyboardInterrupt:
            _end(process)
            raise Stopped(Exit(None, "interrupted", time.monotonic() - begun)) from None
    return Exit(code, "" if code == 0 else last or f"exit status {code}", time.monotonic() - begun)


def launch_submission(
    run: PlannedRun, plan: Plan, subject: Subject, on_line: LogLine, collect: Callable[[sandbox.Results], None]
) -> Exit:
    """Run a submission's script in the sandbox; its output is its log. Raises :class:`Stopped` after Ctrl-C.

    ``collect`` gets what it left, once its log is written.
    """
    work = (run.folder / WORK).resolve()
    try:
        return _launched(run, plan, subject, work, on_line, collect)
    finally:
        sandbox.remove(work)


def _launched(
    run: PlannedRun,
    plan: Plan,
    subject: Subject,
    work: Path,
    on_line: LogLine,
    collect: Callable[[sandbox.Results], None],
) -> Exit:
    _copy(subject, work)
    data = challenge_layout(plan.output) if plan.data is None else plan.data.resolve()
    if not (work / "data").exists():
        (work / "data").symlink_to(data)
    request = sandbox.Request(
        command=run.command,
        scratch=work,
        readable=(data,),
        environment={"PYTHONPATH": sandbox.import_path(), **run.given} if plan.stand_ins else run.given,
        limits=_limits(plan),
        gpu=bool(plan.machine.gpus),
    )
    begun = time.monotonic()
    with log_path(run).open("wb") as log:
        lines = _Lines(on_line)

        def keep(piece: bytes) -> None:
            log.write(piece)
            lines.add(piece)

        def look(left: sandbox.Results) -> None:
            log.flush()
            collect(left)

        use: sandbox.Mechanism | None = "none" if plan.held_by.startswith("nothing") else None
        try:
            outcome = sandbox.run(request, use=use, on_output=keep, collect=look)
        except KeyboardInterrupt:
            raise Stopped(Exit(None, "interrupted", time.monotonic() - begun)) from None
    if outcome.stopped is not None:
        return Exit(None, f"stopped at the limit of {outcome.stopped}", outcome.seconds, outcome.peak_memory)
    reason = "" if outcome.code == 0 else lines.last or f"exit status {outcome.code}"
    return Exit(outcome.code, reason, outcome.seconds, outcome.peak_memory)


class _Lines:
    """Cuts a stream of bytes into lines, and remembers the last one that says something."""

    def __init__(self, on_line: LogLine) -> None:
        self._on_line = on_line
        self._rest = b""
        self.last = ""

    def add(self, piece: bytes) -> None:
        *whole, self._rest = (self._rest + piece).split(b"\n")
        self._rest = self._rest[-65536:]
        for raw in whole:
            line = raw.decode("utf-8", errors="replace").rstrip("\r")
            self.last = line.strip() or self.last
            self._on_line(line)


def _copy(subject: Subject, work: Path) -> None:
    """Copy the submission's files to ``work``, from the tree that was read, so that no link is followed."""
    sandbox.remove(work)  # of a run that was killed
    tree = subject.submission.tree
    for name in tree.paths():
        place = (work / name).resolve()
        if not place.is_relative_to(work) or name in subject.submission.logs:
            continue
        try:
            content = tree.read(name, _LARGEST_FILE)
        except Unread as error:
            if name == subject.script:
                raise CannotReproduce(str(error)) from None
            continue
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        except OSError as error:
            if error.errno in FULL or name == subject.script:
                raise
            # A name that is too long here, or two that are one; the script tells if it needs it.


def _limits(plan: Plan) -> sandbox.Limits:
    """Return what a run may use: nine tenths of the machine's memory, a third of it for files."""
    total = plan.machine.memory_bytes
    usual = sandbox.Limits()
    memory = usual.memory_bytes if total is None else int(0.9 * total)
    return sandbox.Limits(
        wall_seconds=wall_seconds(plan),
        memory_bytes=memory,
        scratch_bytes=min(usual.scratch_bytes, memory // 3),
        # Ranks, their compilers and threads; torch starts some thirty for each rank and core.
        processes=usual.processes * 32 if plan.machine.gpus else usual.processes,
    )


def _python_path() -> str:
    """Return the caller's PYTHONPATH with this package's root, which a checkout that isn't installed needs."""
    given = os.environ.get("PYTHONPATH", "")
    return os.pathsep.join(part for part in (given, str(_OUR_ROOT)) if part)


def _end_with_us() -> None:
    """Have the run write its checkpoint and stop when this process is killed."""
    die_with_parent(signal.SIGTERM)


def _end(process: subprocess.Popen[str]) -> None:
    """Ask the run to write its checkpoint and stop; kill it if it doesn't."""
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
