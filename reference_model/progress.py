"""How a run is followed while it goes: the log, a progress line on a terminal, TensorBoard where asked for."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any

from reference_model import log as lines
from reference_model.config import Config
from reference_model.errors import BadInput
from reference_model.log import Log
from reference_model.model import Stage
from reference_model.optim.schedule import budget, fraction
from reference_model.train.loop import FIRST_STEPS


class Progress(AbstractContextManager["Progress"]):
    """Tells a run's log, terminal and TensorBoard how training goes; silent on all ranks but the main one."""

    def __init__(self, config: Config, log: Log, *, tensorboard: Path | None = None) -> None:
        """Raise :class:`BadInput` when TensorBoard is asked for and not installed."""
        self._schedule = config.schedule
        self._log = log
        self._scalars: Any = _writer(tensorboard) if log.enabled and tensorboard is not None else None
        self._bar: Any = None

    def __enter__(self) -> Progress:
        if self._log.enabled and sys.stdout.isatty():
            from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
            from rich.progress import Progress as Bar

            self._bar = Bar(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), transient=True)
            self._task = self._bar.add_task("warming up", total=1.0)
            self._bar.start()
            self._log.show = lambda line: self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._log.show = lambda line: print(line, flush=True)
        if self._scalars is not None:
            self._scalars.close()

    def warmup_step(self, done: int, total: int) -> None:
        """Follow the warm-up."""
        self._log(lines.warmup_step(done, total))

    def train_step(self, step: int, loss: float, seconds: float) -> None:
        """Follow a training step whose mean loss (nats) was read."""
        every = self._schedule.log_every
        if step <= FIRST_STEPS or (every > 0 and step % every == 0):
            self._log(lines.train_step(step, self._schedule.iterations, loss, seconds))
            self._scalar("train/loss", loss, step)
        if self._bar is not None:
            self._bar.update(
                self._task,
                description=self._sentence(step, loss, seconds),
                completed=fraction(self._schedule, step, seconds),
            )

    def stage(self, step: int, depth: Stage) -> None:
        """Follow a change of the way through the blocks."""
        self._log(f"stage: from step {step} on the blocks run in the order {','.join(map(str, depth.blocks))}")

    def validation(self, step: int, val_loss: float, val_bpb: float, seconds: float) -> None:
        """Follow a validation during training."""
        self._log(lines.validation(step, self._schedule.iterations, val_loss, val_bpb, seconds))
        self._scalar("val/loss", val_loss, step)
        self._scalar("val/bpb", val_bpb, step)

    def stopped(self, step: int, seconds: float) -> None:
        """Follow the end by the wallclock cap."""
        self._log(lines.stopped(step, self._schedule.iterations, seconds))

    def saved(self, step: int, path: Path) -> None:
        """Follow a checkpoint."""
        self._log(f"checkpoint: step {step} in {path}")

    def _sentence(self, step: int, loss: float, seconds: float) -> str:
        limit = budget(self._schedule)
        per_step = seconds / max(step, 1)
        left = limit - seconds if limit > 0 else (self._schedule.iterations - step) * per_step
        minutes, rest = divmod(int(max(left, 0)), 60)
        return f"step {step} · loss {loss:.3f} · {1000 * per_step:.0f} ms a step · {minutes}:{rest:02d} left"

    def _scalar(self, name: str, value: float, step: int) -> None:
        if self._scalars is not None:
            self._scalars.add_scalar(name, value, step)


def _writer(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise BadInput("--tensorboard: tensorboard is not installed; pip install tensorboard") from error
    return SummaryWriter(str(folder))
