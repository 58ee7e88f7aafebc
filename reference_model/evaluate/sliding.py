"""Overlapping windows: every target but the first few is predicted from almost a full window of context.

A window of ``length`` tokens moves by ``stride``; the first scores all its targets, each later one only the last
``stride`` of them, so that each target is scored exactly once (spec section 5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from reference_model.config import Config
from reference_model.data.valset import Val
from reference_model.evaluate.score import (
    Losses,
    Score,
    Stopwatch,
    batch_rows,
    document_index,
    losses_of,
    sum_items,
    tensor_of,
)
from reference_model.model import GPT
from reference_model.train.ranks import Ranks

Scored = Literal["once", "tails-again", "first-unscored", "tail-dropped"]

_INVALID: dict[Scored, str] = {
    "tails-again": "the last windows score targets a second time",
    "first-unscored": "the first window's targets are left out",
    "tail-dropped": "the last targets are left out",
}


@dataclass(frozen=True, slots=True)
class Window:
    """Positions ``start`` to ``stop`` (exclusive) are read, the targets of ``first`` to ``stop`` scored.

    The target of position p is token p + 1.
    """

    start: int
    first: int
    stop: int


def sliding(model: GPT, val: Val, config: Config, ranks: Ranks) -> Score:
    """Return the score of ``model`` over ``val`` by windows as ``config.evaluate`` has them."""
    watch = Stopwatch(ranks)
    scheme = Windows.of(config, val.targets)
    nats = score_windows(losses_of(model, ranks.device), tensor_of(val, ranks.device), scheme.all, scheme, ranks)
    return watch.score("sliding", nats, *scheme.totals(val), invalid=scheme.invalid)


@dataclass(frozen=True)
class Windows:
    """All windows over a validation text, ``rows`` of which go through the model at a time."""

    config: Config
    length: int
    rows: int
    all: tuple[Window, ...]

    @classmethod
    def of(cls, config: Config, targets: int, rows: int = 0) -> Windows:
        """Return the windows of ``config`` over ``targets`` targets, ``rows`` at a time (0: what memory allows)."""
        length = config.evaluate.window or config.data.seq_len
        stride = config.evaluate.stride or length
        found = windows(targets, length, stride, config.evaluate.scored)
        return cls(config, length, rows or batch_rows(config, length), found)

    @property
    def invalid(self) -> str:
        """Why a score over these windows is none: not every target counts exactly once; else empty."""
        return _INVALID.get(self.config.evaluate.scored, "")

    def totals(self, val: Val) -> tuple[int, int]:
        """Return the number of scored targets of ``val`` and their bytes."""
        tokens = sum(window.stop - window.first for window in self.all)
        return tokens, sum(val.bytes_between(window.first, window.stop) for window in self.all)

    def batch(self, tokens: Tensor, chosen: Sequence[Window]) -> Batch:
        """Return the rows that ``chosen`` windows of ``tokens`` (N,) make."""
        starts = torch.tensor([window.start for window in chosen], device=tokens.device)
        place = torch.arange(self.length + 1, device=tokens.device)
        spans = tokens[(starts[:, None] + place).clamp_(max=len(tokens) - 1)]
        widths = torch.tensor([window.stop - window.start for window in chosen], device=tokens.device)
        firsts = torch.tensor([window.first - window.start for window in chosen], device=tokens.device)
        real = place[:-1] < widths[:, None]
        scored = real & (place[:-1] >= firsts[:, None])
        inputs = spans[:, :-1].contiguous()
        return Batch(inputs, spans[:, 1:].contiguous(), document_index(self.config, inputs), real, scored)


@dataclass(frozen=True)
class Batch:
    """Windows as rows: ``tokens``, ``targets``, ``segments`` (or None), all (rows, length).

    ``real`` is False for the padding after a short window, ``scored`` True where the target counts.
    """

    tokens: Tensor
    targets: Tensor
    segments: Tensor | None
    real: Tensor
    scored: Tensor


def windows(targets: int, length: int, stride: int, scored: Scored = "once") -> tuple[Window, ...]:
    """Return the windows of ``length`` over ``targets`` targets, moving by ``stride``.

    ``once`` scores each target exactly once with ``ceil((targets - length + stride) / stride)`` windows. The other
    forms are published ones and no valid scores: ``tails-again`` (#784 to #1453, #1499) goes on until the last
    target, scoring the ends again; ``first-unscored`` (#148) leaves out what the first window alone could score;
    ``tail-dropped`` (#167) has full windows only.
    """
    found = []
    for start in window_starts(targets, length, stride, scored):
        stop = min(start + length, targets)
        first = start + length - stride
        if scored == "tails-again":
            first = max(start, stop - stride)
        if start == 0 and scored != "first-unscored":
            first = 0
        if first < stop:
            found.append(Window(start, first, stop))
    return tuple(found)


def window_starts(targets: int, length: int, stride: int, scored: Scored = "once") -> range:
    """Return where the windows over ``targets`` targets start; there is always one."""
    end = {"tails-again": targets, "tail-dropped": targets - length + 1}.get(scored, targets - (length - stride))
    return range(0, max(end, 1), stride)


def score_windows(losses: Losses, tokens: Tensor, chosen: Sequence[Window], scheme: Windows, ranks: Ranks) -> float:
    """Return the nats of the scored targets of ``chosen`` windows over ``tokens`` (N,), summed over ranks."""

    def nats_of(item: int) -> Tensor:
        batch = scheme.batch(tokens, chosen[item * scheme.rows : (item + 1) * scheme.rows])
        found = losses(batch.tokens, batch.targets, batch.segments)
        return found.double().masked_fill(~batch.scored, 0.0).sum()

    return sum_items(-(-len(chosen) // scheme.rows), nats_of, ranks)
