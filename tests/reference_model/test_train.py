"""The training loop: undone warm-up, the cap, exact resume, and what ends a run in one line."""

from __future__ import annotations

import hashlib
import os
import resource
import signal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from synthetic import tiny_config, write_text

from reference_model.config import Config, Qat
from reference_model.data.loader import Batch, Loader, open_loader
from reference_model.errors import BadInput, Interrupted, RunFailed
from reference_model.files import write_whole
from reference_model.model import GPT, stages
from reference_model.train.clock import Clock
from reference_model.train.loop import Trainer
from reference_model.train.ranks import Ranks, open_ranks

SECOND = 1_000_000_000


class Timed:
    """A loader that takes a second for each step, by a clock that nothing else moves."""

    def __init__(self, loader: Loader) -> None:
        self.loader = loader
        self.now = 7 * SECOND

    def batch(self, step: int, piece: int) -> Batch:
        self.now += SECOND // 8
        return self.loader.batch(step, piece)


class Told:
    """Keeps what a trainer reports; sends itself ``number`` after the step ``at``."""

    def __init__(self, at: int = -1, number: int = signal.SIGTERM) -> None:
        self.at, self.number = at, number
        self.losses: list[float] = []
        self.stages: list[tuple[int, tuple[int, ...]]] = []
        self.warmups: list[tuple[int, int]] = []
        self.stops: list[tuple[int, float]] = []

    def warmup_step(self, done: int, total: int) -> None:
        self.warmups.append((done, total))

    def train_step(self, step: int, loss: float, seconds: float) -> None:
        self.losses.append(loss)
        if step == self.at:
            os.kill(os.getpid(), self.number)

    def stage(self, step: int, stage: Any) -> None:
        self.stages.append((step, stage.blocks))

    def stopped(self, step: int, seconds: float) -> None:
        self.stops.append((step, seconds))

    def saved(self, step: int, path: Path) -> None:
        assert path.is_file()


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_text(tmp_path_factory.mktemp("shards"))


def trainer_of(config: Config, text: Path, told: Told, seed: int = 3, **options: Any) -> Trainer:
    torch.manual_seed(seed)
    loader = Timed(open_loader(config, text, seed=3))
    model = GPT(config.model, config.data.seq_len)
    clock = Clock(lambda: loader.now)
    options = {"at_once": 8} | options
    return Trainer(config, model, loader, Ranks.single(), told, seed=3, clock=clock, **options)


def with_schedule(config: Config, **changes: Any) -> Config:
    return msgspec.structs.replace(config, schedule=msgspec.structs.replace(config.schedule, **changes))


def digest(value: Any) -> str:
    """Return a hash of nested state: every tensor's bytes and every other value's text."""
    if isinstance(value, torch.Tensor):
        return hashlib.sha256(value.detach().reshape(-1).view(torch.uint8).numpy().tobytes()).hexdigest()
    if isinstance(value, dict):
        return digest_text({str(key): digest(item) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return digest_text([digest(item) for item in value])
    return repr(value)


def digest_text(value: Any) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()


def everything(trainer: Trainer) -> dict[str, str]:
    """Return hashes of all that the rest of a run depends on."""
    parts = {
        "weights": dict(trainer.model.state_dict()),
        "optimizers": trainer.optimizers.state(),
        "ema": trainer.ema.shadow if trainer.ema else None,
        "swa": (trainer.swa.count, trainer.swa.total),
        "random": torch.get_rng_state(),
        "step": trainer.step,
        "clock": trainer.clock.nanoseconds,
    }
    return {name: digest(part) for name, part in parts.items()}


def test_warm_up_goes_through_every_stage_and_is_undone(text: Path) -> None:
    told = Told()
    config = msgspec.structs.replace(tiny_config(), qat=Qat(start=0.5, least_numel=100))
    trainer = trainer_of(config, text, told)
    before = everything(trainer)
    trainer.warm_up()
    assert everything(trainer) == before
    assert told.warmups[-1] == (4, 4)  # two stages, each with plain and with rounded weights
    assert len(stages(config.model)) == 2
    trainer.train()
    assert told.losses[-1] < 0.8 * told.losses[0]
    assert all(value != before[name] for name, value in everything(trainer).items() if name != "random")


def test_pieces_together_give_the_same_mean(text: Path) -> None:
    config = tiny_config(3)
    apart, together = Told(), Told()
    trainer_of(config, text, apart, at_once=1).train()
    trainer_of(config, text, together, at_once=3).train()  # three, three and two
    assert together.losses == pytest.approx(apart.losses, abs=1e-5)


def test_the_cap_ends_training_after_the_step_that_reaches_it(text: Path) -> None:
    told = Told()
    validated: list[tuple[int, float]] = []
    config = with_schedule(tiny_config(1000), cap_seconds=12.5, reserve_seconds=2.0, val_every=5)
    trainer = trainer_of(config, text, told, validate=lambda step, seconds: validated.append((step, seconds)))
    trainer.train()
    assert told.stops == [(11, 11.0)]  # 10.5 s are for training; a step takes one
    assert validated == [(0, 0.0), (5, 5.0), (10, 10.0), (11, 11.0)]
    assert [step for step, _ in told.stages] == [0, 4]  # the span begins at .3 of 10.5 s


@pytest.mark.parametrize("cap", [0.0, 14.5])
def test_an_interrupted_run_goes_on_as_if_it_had_not_been(text: Path, tmp_path: Path, cap: float) -> None:
    config = with_schedule(tiny_config(), cap_seconds=cap)
    whole = Told()
    uninterrupted = trainer_of(config, text, whole)
    uninterrupted.train()

    place = tmp_path / "checkpoint.pt"
    first = Told(at=13)
    with pytest.raises(Interrupted, match="after step 13; go on with --resume") as stopped:
        trainer_of(config, text, first, checkpoint=place).train()
    assert stopped.value.exit_code == 143

    second = Told()
    resumed = trainer_of(config, text, second, seed=99)  # other weights, other generator: all must come from the file
    resumed.resume(place)
    resumed.train()
    assert first.losses + second.losses == whole.losses
    assert everything(resumed) == everything(uninterrupted)
    assert uninterrupted.swa.count > 1
    assert digest(resumed.average()) == digest(uninterrupted.average())


def test_a_checkpoint_of_another_run_or_a_broken_one_is_refused(text: Path, tmp_path: Path) -> None:
    place = tmp_path / "checkpoint.pt"
    config = tiny_config(2)
    trainer = trainer_of(config, text, Told(), checkpoint=place, checkpoint_every=1)
    trainer.train()
    other = trainer_of(with_schedule(config, iterations=3), text, Told())
    with pytest.raises(BadInput, match="another configuration"):
        other.resume(place)
    trainer.seed = 4
    with pytest.raises(BadInput, match="seed 3, this run has seed 4"):
        trainer.resume(place)
    data = place.read_bytes()
    place.write_bytes(data[: len(data) // 2])
    with pytest.raises(BadInput, match="not a whole checkpoint"):
        trainer.resume(place)
    with pytest.raises(BadInput, match="No such file"):
        trainer.resume(tmp_path / "nothing.pt")


def test_a_loss_that_is_no_number_ends_the_run(text: Path) -> None:
    config = tiny_config()
    config = msgspec.structs.replace(config, optim=msgspec.structs.replace(config.optim, scalar_lr=1e30))
    told = Told()
    with pytest.raises(RunFailed, match=r"^step \d+: the training loss is (nan|inf)"):
        trainer_of(config, text, told).train()
    assert len(told.losses) < 20


def test_a_full_disk_leaves_nothing_that_looks_finished(tmp_path: Path) -> None:
    place = tmp_path / "checkpoint.pt"
    place.write_bytes(b"the one before")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))  # the system refuses to write more
    try:
        with pytest.raises(RunFailed, match=r"checkpoint.pt: can't be written \(File too large\)"):
            write_whole(place, bytes(2_000_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]
    assert place.read_bytes() == b"the one before"


@pytest.mark.parametrize("world", [3, 16])
def test_the_world_size_must_divide_eight(world: int) -> None:
    environment = {"RANK": "0", "WORLD_SIZE": str(world), "LOCAL_RANK": "0"}
    with pytest.raises(BadInput, match=f"WORLD_SIZE {world} does not divide 8"), open_ranks("cpu", environment):
        pass


def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(BadInput, match="no CUDA GPU here"), open_ranks("cuda", {}):
        pass


def test_ranks_share_the_pieces_of_a_step() -> None:
    for world in (1, 2, 4, 8):
        shares = [Ranks(rank, world, rank, torch.device("cpu")).pieces for rank in range(world)]
        assert [piece for share in shares for piece in share] == list(range(8))
