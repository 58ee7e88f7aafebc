"""Following the runs: a bar on a terminal, a line per seed elsewhere."""

from __future__ import annotations

import re
import time
from contextlib import AbstractContextManager
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from auditor.reproduce.launch import Exit
from auditor.reproduce.model import Plan, PlannedRun, Status
from auditor.reproduce.report.words import duration
from reports.escape import cut, visible

_STEP = re.compile(r"\bstep\s?[:=]?\s?(\d{1,9})/(\d{1,9})\b")
_TIME = re.compile(r"\btrain_time\s?[:=]\s?(\d{1,12}(?:\.\d+)?)(ms|s)\b")
_WIDTH = 60


class Following(AbstractContextManager["Following"]):
    """Tells how the runs go on ``console`` (standard error)."""

    def __init__(self, plan: Plan, console: Console) -> None:
        self._plan, self._console = plan, console
        self._cap = plan.budget.train
        self._bar = Progress(
            TextColumn("seed {task.fields[seed]}", markup=False),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=1.0, seed="", visible=False)
        self._done = 0

    def __enter__(self) -> Following:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def begin(self, plan: Plan, run: PlannedRun) -> None:
        """Say that a seed starts."""
        self._begun = time.monotonic()
        self._bar.reset(self._task, total=1.0, seed=str(run.seed), description="starting", visible=True)
        if not self._console.is_terminal:
            self._console.print(Text(f"seed {run.seed}: started ({self._done + 1} of {len(plan.runs)})"))

    def line(self, text: str) -> None:
        """Show a line of the running seed's output."""
        self._bar.update(self._task, description=cut(visible(text.strip()), _WIDTH), completed=self._fraction(text))

    def end(self, run: PlannedRun, status: Status, exit_: Exit | None) -> None:
        """Say that a seed ended; ``exit_`` is None when that was before."""
        self._done += 1
        self._bar.update(self._task, visible=False)
        if exit_ is None:
            self._console.print(Text(f"seed {run.seed}: {status} before"))
        else:
            why = f": {visible(exit_.reason)}" if exit_.reason else ""
            self._console.print(Text(f"seed {run.seed}: {status} after {duration(exit_.seconds)}{why}"))

    def _fraction(self, text: str) -> float | None:
        """Return how much of training is done, by steps or by the clock; None where the line doesn't say."""
        step, spent = _STEP.search(text), _TIME.search(text)
        if step is None:
            return None
        by_steps = int(step[1]) / max(int(step[2]), 1)
        seconds = 0.0 if spent is None else float(spent[1]) / (1000 if spent[2] == "ms" else 1)
        return min(1.0, max(by_steps, seconds / self._cap))
