"""Shards of synthetic text that a tiny model can learn, and configurations small enough for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from reference_model.config import Average, Config, Data, Model, Optim, Recurrence, Schedule
from reference_model.data.shards import write_shard
from reference_model.data.tokenizer import describe_bytes

VOCAB = 260  # the byte tokenizer's
SEQ = 32


def write_text(folder: Path, *, train: int = 20_000, val: int = 2_001) -> Path:
    """Write shards of sums that repeat (seeded), documents of some 40 tokens, and the byte tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, count, seed in (("train", train, 1), ("val", val, 2)):
        rng = np.random.default_rng(seed)
        steps = rng.integers(0, 3, count)
        tokens = 104 + np.cumsum(steps) % 24
        tokens[rng.random(count) < 1 / 40] = 1
        tokens[0] = 1
        write_shard(folder / f"fineweb_{split}_000000.bin", tokens.tolist())
    (folder / "tokenizer.json").write_bytes(describe_bytes())
    return folder


def tiny_config(iterations: int = 20) -> Config:
    """Return a recurrent model with averages and a warmdown, whose steps take milliseconds."""
    return Config(
        model=Model(
            vocab_size=VOCAB,
            layers=4,
            dim=32,
            heads=4,
            kv_heads=2,
            recurrence=Recurrence(kind="span", first=1, last=2, repeats=2, start_fraction=0.3),
        ),
        data=Data(tokenizer="demo", seq_len=SEQ, batch_tokens=8 * 2 * SEQ, eval_batch_tokens=512),
        optim=Optim(momentum_warmup=10, clip=1.0, matrix_decay=0.1),
        schedule=Schedule(
            iterations=iterations, warmup_steps=1, warmdown_iterations=10, cap_seconds=0, val_every=0, log_every=5
        ),
        average=Average(ema=0.9, swa_start=0.9, swa_every=2),
    )
