"""What both sides are given: a preset at a chosen width, random weights, rows of tokens, a validation text."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import torch
from msgspec.structs import replace
from torch import Tensor

from reference_model.cli import changed
from reference_model.config import Config
from reference_model.data.documents import document_starts
from reference_model.data.valset import Val
from reference_model.data.variants import official
from reference_model.model import GPT

SEQ, ROWS, BATCHES, STEPS = 64, 8, 8, 3
_VAL_ROWS = 12
_DOCUMENT = 80  # tokens on average
_SHARDS, _SHARD_TOKENS = 17, 300  # rank 0 of eight owns three of them, and each batch takes rows of several
_CALIBRATION = 6  # batches: more than three shards hold, so that orders begin anew


@dataclass(frozen=True)
class Shape:
    """Width, vocabulary and width of the MLP in widths; 0 keeps the preset's.

    By default just wide enough that the scripts round every matrix: they keep up to 65,536 values as they are.
    """

    dim: int = 384
    vocab_size: int = 1024
    mlp_mult: int = 1


@dataclass(frozen=True)
class Bytes:
    """Bytes of a token (vocab,), whether a space stands before it, whether the next one's doesn't count after it."""

    base: npt.NDArray[np.int16]
    space: npt.NDArray[np.bool_]
    boundary: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Case:
    """One comparison: ``config`` at its width, our ``model``, ``rows`` (batches, rows, seq + 1) and ``val``.

    ``shards`` are training shards (tokens,) each, for what reads them by an order of its own.
    """

    config: Config
    model: GPT
    rows: Tensor
    val: Val
    bytes: Bytes
    shards: tuple[npt.NDArray[np.uint16], ...]

    def shards_at(self) -> str:
        """Return the folder of the shards as the published run named it: some orders are drawn from that."""
        variant = official(self.config.data.tokenizer)
        return f"data/datasets/{variant.dataset if variant else 'shards'}"

    def settings(self) -> dict[str, float]:
        """Return what the scripts call the parts of the configuration that were made smaller."""
        paths = tomllib.loads(files("reference_model.parity").joinpath("settings.toml").read_text(encoding="utf-8"))
        content = msgspec.to_builtins(self.config)
        return {name: _at(content, path) for name, path in paths.items()}


def make(config: Config, shape: Shape, changes: Mapping[str, float], seed: int) -> Case:
    """Return the case of ``config``, the published form of a preset; raises :class:`BadInput` for what can't be."""
    small = changed(_shrunk(config, shape), tuple(f"{path}={value}" for path, value in changes.items()))
    torch.manual_seed(seed)
    model = GPT(small.model, small.data.seq_len)
    _randomise(model)
    vocab = small.model.vocab_size
    rows = torch.randint(2, vocab, (BATCHES, ROWS, SEQ + 1))
    rows[torch.rand(rows.shape) < 1 / _DOCUMENT] = 1
    random = np.random.default_rng(seed)
    table = Bytes(
        base=random.integers(1, 9, vocab).astype(np.int16),
        space=random.random(vocab) < 0.5,
        boundary=np.zeros(vocab, bool),
    )
    table.base[:4], table.space[:4], table.boundary[:4] = 0, False, True
    tokens = random.integers(4, vocab, _VAL_ROWS * SEQ + 1).astype(np.uint16)
    tokens[random.random(len(tokens)) < 1 / _DOCUMENT] = 1
    tokens[0], tokens[1:2] = 1, 5
    counts = table.base[tokens] + (table.space[tokens] & ~table.boundary[np.roll(tokens, 1)])
    counts[0] = 0
    shards = tuple(
        random.integers(4, vocab, _SHARD_TOKENS + 30 * number).astype(np.uint16) for number in range(_SHARDS)
    )
    return Case(small, model, rows, Val(tokens, counts.astype(np.uint16), document_starts(tokens)), table, shards)


def _shrunk(config: Config, shape: Shape) -> Config:
    model, scheme = config.model, config.evaluate
    first = replace(
        scheme.score_first,
        chunk_tokens=SEQ if scheme.score_first.kind == "phased" else 4 * SEQ,
        rank=min(scheme.score_first.rank, 8),
        document_chunk=16,
        document_batch=3,
        phases=tuple(boundary * 6 // 2500 for boundary in scheme.score_first.phases),
    )
    return replace(
        config,
        model=replace(
            model,
            dim=shape.dim or model.dim,
            vocab_size=shape.vocab_size or model.vocab_size,
            mlp_mult=shape.mlp_mult or model.mlp_mult,
            bigram_buckets=min(model.bigram_buckets, 2048) if shape.vocab_size else model.bigram_buckets,
        ),
        quantize=replace(
            config.quantize,
            calibration_batches=min(config.quantize.calibration_batches, _CALIBRATION),
            calibration_batch_tokens=8 * SEQ if config.quantize.calibration_batch_tokens else 0,
        ),
        data=replace(config.data, seq_len=SEQ, batch_tokens=8 * ROWS * SEQ, eval_batch_tokens=8 * ROWS * SEQ),
        evaluate=replace(scheme, window=0, stride=16 if scheme.stride else 0, score_first=first),
    )


@torch.no_grad()
def _randomise(model: GPT) -> None:
    """Give every parameter random values about where training takes it, so that no part stands at zero."""
    for name, parameter in model.named_parameters():
        if parameter.ndim == 2 and model.roles()[name] != "scalar":
            spread = torch.exp(0.2 * torch.randn(parameter.shape[0], 1))
            parameter.copy_(0.5 * spread * torch.randn(parameter.shape) / parameter.shape[1] ** 0.5)
        else:
            parameter.add_(0.1 * torch.randn(parameter.shape))


def _at(content: Any, path: str) -> Any:
    for part in path.split("."):
        content = content[part]
    return content
