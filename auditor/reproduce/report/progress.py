"""Following the runs: a bar on a terminal, elsewhere a line for each tenth of a seed."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from auditor.reproduce.launch import Exit
from auditor.reproduce.model import Plan, PlannedRun, Status
from auditor.reproduce.report.seen import Seen
from auditor.reproduce.report.words import duration
from reports.escape import cut, visible

_LINES = 10  # of each seed where there is no terminal
_BAR = 24
_CLOCK = 7  # 0:00:00


class Following(AbstractContextManager["Following"]):
    """Tells how the runs go on ``console`` (standard error)."""

    def __init__(self, plan: Plan, console: Console, now: Callable[[], float] = time.monotonic) -> None:
        self._plan, self._console, self._now = plan, console, now
        self._seen, self._told = Seen(), 0
        self._cap = plan.budget.train if plan.capped else 0.0
        # Rich would take the room of a long sentence from the clock and the bar.
        bar = min(_BAR, console.width // 8)
        seed = max((len(str(run.seed)) for run in plan.runs), default=0)
        self._room = max(0, console.width - len("seed ") - seed - bar - _CLOCK - len("   "))
        self._bar = Progress(
            TextColumn("seed {task.fields[seed]}", markup=False),
            BarColumn(bar_width=bar),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=1.0, seed="", visible=False)
        self._done = 0
        self._spent: list[float] = []  # seconds of each seed that came to its end here

    def __enter__(self) -> Following:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def begin(self, plan: Plan, run: PlannedRun) -> None:
        """Say that a seed starts."""
        self._seed, self._seen, self._told = run.seed, Seen(), 0
        self._trained_from: float | None = None  # of the first line with a step, which compiling comes before
        self._bar.reset(self._task, total=1.0, seed=str(run.seed), description="starting", visible=True)
        if not self._console.is_terminal:
            self._console.print(Text(f"seed {run.seed}: started ({self._done + 1} of {len(plan.runs)})"))

    def line(self, text: str) -> None:
        """Follow a line of the running seed's output."""
        self._seen = self._seen.after(text, self._cap)
        if self._trained_from is None and self._seen.step is not None:
            self._trained_from = self._now()
        elapsed = 0.0 if self._trained_from is None else self._now() - self._trained_from
        training = self._seen.step is not None and self._seen.fraction < 1.0
        self._bar.update(
            self._task,
            description=self._in_the_room(elapsed) if training else cut(visible(text.strip()), self._room),
            completed=self._seen.fraction,
        )
        tenth = int(_LINES * self._seen.fraction)
        if not self._console.is_terminal and tenth > self._told:
            self._told = tenth
            self._console.print(Text(f"seed {self._seed}: {self._seen.sentence(elapsed)}"), soft_wrap=True)

    def end(self, run: PlannedRun, status: Status, exit_: Exit | None) -> None:
        """Say that a seed ended; ``exit_`` is None when that was before."""
        self._done += 1
        self._bar.update(self._task, visible=False)
        if exit_ is None:
            self._console.print(Text(f"seed {run.seed}: {status} before"))
        else:
            why = f": {visible(exit_.reason)}" if exit_.reason else ""
            self._spent += [exit_.seconds] if exit_.ok else []
            self._console.print(Text(f"seed {run.seed}: {status} after {duration(exit_.seconds)}{why}{self._rest()}"))

    def _in_the_room(self, elapsed: float) -> str:
        """Return how far training is, in what the terminal has room for beside the bar."""
        said = self._seen.sentence(elapsed)
        return said if len(said) <= self._room else cut(self._seen.sentence(elapsed, short=True), self._room)

    def _rest(self) -> str:
        """Return how long the other seeds will take, by those that came to their end; empty where that isn't known."""
        left = len(self._plan.runs) - self._done
        if not left or not self._spent:
            return ""
        return f"; about {duration(sum(self._spent) / len(self._spent) * left)} for the other{'s' if left > 1 else ''}"
