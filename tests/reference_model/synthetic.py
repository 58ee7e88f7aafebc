"""Shards of synthetic text that a tiny model can learn, and configurations small enough for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from msgspec.structs import replace

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


def shrunk(config: Config) -> Config:
    """Return ``config`` at a width and length for tests, with every part of it still in use."""
    model, quantize, scheme = config.model, config.quantize, config.evaluate
    first = scheme.score_first
    layers = min(model.layers, 4)
    span = model.recurrence
    return replace(
        config,
        model=replace(
            model,
            vocab_size=VOCAB,
            dim=32,
            heads=4,
            kv_heads=4 if model.kv_heads == model.heads else 2,
            layers=layers,
            rope_dims=min(model.rope_dims, 4),
            skip_rows=-1,
            value_embed_dim=min(model.value_embed_dim, 16),
            value_embed_layers=(2, 3) if model.value_embed_layers else (),
            bigram_buckets=min(model.bigram_buckets, 64),
            bigram_dim=16,
            q_rank=min(model.q_rank, 8),
            parallel_from=min(model.parallel_from, 2),
            recurrence=replace(
                span,
                virtual_layers=min(span.virtual_layers, 6),
                first=min(span.first, 1),
                last=min(span.last, 2),
                start_step=min(span.start_step, 10),
            ),
        ),
        data=replace(config.data, tokenizer="demo", seq_len=SEQ, batch_tokens=8 * 2 * SEQ, eval_batch_tokens=512),
        schedule=replace(
            config.schedule,
            iterations=20,
            warmup_steps=1,
            warmdown_iterations=10,
            cap_seconds=0.0,
            reserve_seconds=0.0,
            val_every=0,
        ),
        average=replace(config.average, ema=min(config.average.ema, 0.7), swa_every=2),
        qat=replace(config.qat, least_numel=100),
        quantize=replace(
            quantize,
            keep_numel=min(quantize.keep_numel, 100),
            calibration_batches=min(quantize.calibration_batches, 2),
            calibration_batch_tokens=0,
        ),
        evaluate=replace(
            scheme,
            stride=min(scheme.stride, 16),
            window=0,
            score_first=replace(
                first,
                chunk_tokens=128,
                batch_rows=4,
                rank=min(first.rank, 4),
                document_chunk=8,
                document_batch=4,
                phases=(2, 4) if first.phases else (),
            ),
        ),
    )
