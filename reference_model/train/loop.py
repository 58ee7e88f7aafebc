"""The training loop: steps under a clock, with validation, averages and checkpoints between them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from reference_model.config import Config
from reference_model.data.loader import Batch
from reference_model.errors import Interrupted, RunFailed
from reference_model.model import GPT, Stage, stage_at, stages
from reference_model.optim.average import Ema, Swa
from reference_model.optim.groups import Optimizers
from reference_model.optim.schedule import budget, fraction, multiplier
from reference_model.train.accumulation import accumulate
from reference_model.train.checkpoint import Checkpoint, fingerprint, load, save
from reference_model.train.clock import Clock
from reference_model.train.objective import Objective
from reference_model.train.ranks import Ranks
from reference_model.train.stop import StopRequest, stop_requests
from reference_model.train.warmup import random_state, restore_random, warm_up

FIRST_STEPS = 10  # all of the first steps are logged, as in the challenge's own script
_DIVERGED = "lower the learning rates, or clip gradients (optim.clip)"


class Loader(Protocol):
    """Batches by step and piece, the same for any number of ranks."""

    def batch(self, step: int, piece: int) -> Batch:
        """Return the tokens and targets of one piece of a step."""
        ...


class Reporter(Protocol):
    """Who is told how training goes (rank 0 writes it down)."""

    def warmup_step(self, done: int, total: int) -> None: ...  # noqa: D102
    def train_step(self, step: int, loss: float, seconds: float) -> None: ...  # noqa: D102
    def stage(self, step: int, stage: Stage) -> None: ...  # noqa: D102
    def stopped(self, step: int, seconds: float) -> None: ...  # noqa: D102
    def saved(self, step: int, path: Path) -> None: ...  # noqa: D102


@dataclass(frozen=True)
class Moment:
    """What all ranks agree on before a step: seconds of training, and the signal that asks to stop (0: none)."""

    elapsed: float
    signal: int


class Trainer:
    """Trains ``model`` as ``config`` says; every state that a step depends on is an attribute here.

    ``validate(step, seconds)`` is called with the clock stopped. ``checkpoint`` is where checkpoints go (None: none
    are written), every ``checkpoint_every`` steps (0: when told to stop only). ``at_once`` pieces of a step go through
    the network together.
    """

    def __init__(
        self,
        config: Config,
        model: GPT,
        loader: Loader,
        ranks: Ranks,
        report: Reporter,
        *,
        seed: int = 0,
        clock: Clock | None = None,
        validate: Callable[[int, float], object] | None = None,
        dtype: torch.dtype = torch.float32,
        compiled: bool = False,
        checkpoint: Path | None = None,
        checkpoint_every: int = 0,
        at_once: int = 1,
    ) -> None:
        self.config = config
        self.model = model
        self.ranks = ranks
        self.seed = seed
        self.clock = clock or Clock()
        self.step = 0
        self.optimizers = Optimizers(model, config.optim, ranks, dtype=dtype, compiled=compiled)
        self.objective = Objective(model, config, ranks.device, compiled=compiled)
        self.ema = Ema(config.average.ema, model.state_dict()) if config.average.ema > 0 else None
        self.swa = Swa()
        self._loader = loader
        self._report = report
        self._validate = validate
        self._checkpoint = checkpoint
        self._checkpoint_every = checkpoint_every
        self._at_once = at_once
        self.stage: Stage | None = None  # of the last step

    def warm_up(self) -> None:
        """Take the warm-up steps at every stage (and with rounded weights, where QAT comes) and undo them."""
        roundings = (False, True) if self.config.qat.start > 0 else (False,)
        ways = [
            lambda step, stage=stage, rounded=rounded: self._learn(step, stage, rounded, 1.0)
            for stage in stages(self.config.model)
            for rounded in roundings
        ]
        warm_up(self.model, self.optimizers, ways, self.config.schedule.warmup_steps, self._report.warmup_step)

    def train(self) -> None:
        """Train until the cap or the last iteration; validation is the last thing that happens.

        Raises :class:`RunFailed` for a loss that is not a number or a lost rank, and
        :class:`Interrupted` when told to stop, once the checkpoint is written.
        """
        schedule, model = self.config.schedule, self.model
        model.train()
        with stop_requests() as request:
            self.clock.start()
            while True:
                moment = self._agree(request)
                at_cap = 0 < budget(schedule) <= moment.elapsed
                last = at_cap or self.step >= schedule.iterations
                if moment.signal and not last:
                    self._interrupt(moment.signal)
                if last:
                    break
                self._validate_if_due()
                self._take_step(moment.elapsed)
                self._save_if_due()
            self.clock.pause()
        self._finish(at_cap)

    def average(self) -> dict[str, Tensor]:
        """Return the weights to be packed: the moving average, the mean of late states, or the last ones."""
        state = {name: tensor.detach().clone() for name, tensor in self.model.state_dict().items()}
        if self.ema is not None:
            return self.ema.average(state)
        return self.swa.average(state) if self.swa.count else state

    def _agree(self, request: StopRequest) -> Moment:
        """All ranks go by the slowest clock: one that stopped alone would leave the others waiting for it."""
        agreed = self.ranks.max_(torch.tensor([self.clock.seconds, float(request.number)], dtype=torch.float64))
        return Moment(float(agreed[0]), int(agreed[1]))

    def _take_step(self, elapsed: float) -> None:
        schedule = self.config.schedule
        stage = stage_at(self.config.model, step=self.step, fraction=fraction(schedule, self.step, elapsed))
        if stage != self.stage:
            self.stage = stage
            self._report.stage(self.step, stage)
        scale = multiplier(schedule, self.step, elapsed)
        loss = self._learn(self.step, stage, scale < self.config.qat.start, scale)
        self.step += 1
        self._average_in(scale, stage)
        if self._reads_loss():
            self._read(loss)

    def _learn(self, step: int, stage: Stage, rounded: bool, scale: float) -> Tensor:
        """Take one step and return this rank's mean loss, still on the device."""
        self.optimizers.zero_grad()
        loss_of = self.objective.loss_of(stage, rounded)
        pieces = [self._loader.batch(step, piece) for piece in self.ranks.pieces]
        loss = accumulate(loss_of, pieces, self.optimizers.parameters, self.ranks, at_once=self._at_once)
        self.optimizers.step(step, scale)
        return loss

    def _average_in(self, scale: float, stage: Stage) -> None:
        average = self.config.average
        if self.ema is not None:
            self.ema.update(self.model.state_dict())
        # States of a shallower network are not averaged with those of the final one (#835).
        if scale < average.swa_start and self.step % average.swa_every == 0 and stage == stages(self.config.model)[-1]:
            self.swa.add(self.model.state_dict())

    def _reads_loss(self) -> bool:
        # Reading the loss waits for a GPU, so only where it is logged; a CPU has it anyway.
        every = self.config.schedule.log_every
        return self.ranks.device.type == "cpu" or self.step <= FIRST_STEPS or (every > 0 and self.step % every == 0)

    def _read(self, loss: Tensor) -> None:
        mean = float(self.ranks.mean_(loss))
        if not math.isfinite(mean):
            raise RunFailed(
                f"step {self.step}: the training loss is {mean}; lower the learning rates or raise the clip"
            )
        self._report.train_step(self.step, mean, self.clock.seconds)

    def _validate_if_due(self) -> None:
        every = self.config.schedule.val_every
        if every > 0 and self.step % every == 0:
            self._validate_now()

    def _validate_now(self) -> None:
        if self._validate is not None:
            with self.clock.paused():
                self._validate(self.step, self.clock.seconds)
                self.model.train()

    def _finish(self, at_cap: bool) -> None:
        weights_finite = all(bool(tensor.isfinite().all()) for tensor in self.model.parameters())
        if not weights_finite:
            raise RunFailed(f"step {self.step}: weights are not finite; {_DIVERGED}")
        if self._checkpoint is not None and self._checkpoint_every:
            self.save()
        if self._validate is not None:
            self._validate(self.step, self.clock.seconds)
        if at_cap:
            self._report.stopped(self.step, self.clock.seconds)

    def _save_if_due(self) -> None:
        if self._checkpoint_every and self.step % self._checkpoint_every == 0:
            with self.clock.paused():
                self.save()

    def _interrupt(self, number: int) -> None:
        self.clock.pause()
        if self._checkpoint is None:
            raise Interrupted(number, f"stopped by signal {number} after step {self.step}; no checkpoint was asked for")
        self.save()
        raise Interrupted(
            number, f"stopped by signal {number} after step {self.step}; go on with --resume {self._checkpoint}"
        )

    def save(self) -> None:
        """Write a checkpoint (all ranks take part, rank 0 writes); the clock must be stopped."""
        optimizers = self.optimizers.state()
        if self.ranks.is_main and self._checkpoint is not None:
            save(self._checkpoint, self._snapshot(optimizers))
            self._report.saved(self.step, self._checkpoint)
        self.ranks.barrier()

    def _snapshot(self, optimizers: dict[str, object]) -> Checkpoint:
        return Checkpoint(
            config=fingerprint(self.config),
            seed=self.seed,
            step=self.step,
            nanoseconds=self.clock.nanoseconds,
            model=dict(self.model.state_dict()),
            optimizers=optimizers,
            ema=None if self.ema is None else self.ema.shadow,
            swa=self.swa.total,
            swa_count=self.swa.count,
            random=random_state(),
        )

    def resume(self, path: Path) -> None:
        """Go on from the checkpoint at ``path``: the next step is what it would have been without an interruption."""
        found = load(path, self.config, self.seed)
        self.step = found.step
        self.clock.set(found.nanoseconds)
        self.model.load_state_dict(found.model)
        self.optimizers.restore(found.optimizers)
        device = self.ranks.device
        if self.ema is not None and found.ema is not None:
            self.ema.shadow = {name: tensor.to(device) for name, tensor in found.ema.items()}
        self.swa.total = {name: tensor.to(device) for name, tensor in found.swa.items()}
        self.swa.count = found.swa_count
        restore_random(found.random)
