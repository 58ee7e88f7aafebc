"""One rank of a run that test_ranks.py starts: trains some steps, scores, and writes what came out.

Usage: two_ranks.py DATA OUT. The place in the run comes from the environment, as torchrun sets it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import msgspec
import torch
from synthetic import tiny_config

from reference_model.config import Average, Config, Evaluate, ScoreFirst
from reference_model.data.loader import open_loader
from reference_model.data.valset import open_val
from reference_model.evaluate.roundtrip import roundtrip
from reference_model.evaluate.score_first import score_first
from reference_model.evaluate.sliding import sliding
from reference_model.model import GPT
from reference_model.train.loop import Trainer
from reference_model.train.ranks import Ranks, open_ranks


class Losses:
    """Keeps the losses that a trainer reports."""

    def __init__(self) -> None:
        self.all: list[float] = []

    def warmup_step(self, done: int, total: int) -> None: ...
    def stage(self, step: int, stage: Any) -> None: ...
    def stopped(self, step: int, seconds: float) -> None: ...
    def saved(self, step: int, path: Path) -> None: ...

    def train_step(self, step: int, loss: float, seconds: float) -> None:
        self.all.append(loss)


def config() -> Config:
    return msgspec.structs.replace(
        tiny_config(20),
        average=Average(ema=0.9),
        evaluate=Evaluate(stride=16, score_first=ScoreFirst(kind="chunks", chunk_tokens=512, epochs=1, batch_rows=8)),
    )


def train_and_score(folder: Path, ranks: Ranks) -> dict[str, Any]:
    """Return losses of all steps and the scores: of untrained weights (to the bit) and of trained ones."""
    settings = config()
    torch.manual_seed(3)
    model = GPT(settings.model, settings.data.seq_len)
    val = open_val(settings, folder)
    untrained = [evaluate(model, val, settings, ranks).val_loss for evaluate in (roundtrip, sliding)]
    losses = Losses()
    trainer = Trainer(settings, model, open_loader(settings, folder, seed=3), ranks, losses)
    trainer.warm_up()
    trainer.train()
    trained = [evaluate(model, val, settings, ranks).val_loss for evaluate in (roundtrip, sliding, score_first)]
    momentum = trainer.optimizers.state()["muon"]
    return {
        "untrained": untrained,
        "losses": losses.all,
        "trained": trained,
        "momentum": {name: float(value.double().norm()) for name, value in momentum.items()},
    }


def main() -> None:
    torch.set_num_threads(1)
    with open_ranks("cpu") as ranks:
        result = train_and_score(Path(sys.argv[1]), ranks)
        Path(sys.argv[2], f"rank{ranks.rank}.json").write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main()
