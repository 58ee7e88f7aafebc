"""Score-first test-time training: each chunk of the validation text is scored before the model learns from it.

The text is cut into chunks of targets. A sliding window belongs to the chunk of its first scored target; when all
windows of a chunk are scored, and only then, the model takes some steps of SGD on that chunk's targets (#1413, #1493;
spec section 5). Nothing is learned from the last chunk, for nothing is left to score.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from reference_model.config import Config
from reference_model.data.valset import Val
from reference_model.evaluate.learn import Learner, cosine
from reference_model.evaluate.lora import lora_documents, lora_windows
from reference_model.evaluate.phased import phased
from reference_model.evaluate.score import Score, Stopwatch, document_index, losses_of, tensor_of
from reference_model.evaluate.sliding import Window, Windows, score_windows
from reference_model.model import GPT
from reference_model.train.ranks import Ranks


@dataclass(frozen=True)
class Chunk:
    """Targets of positions ``start`` to ``stop`` (exclusive), and the windows whose first scored target is there."""

    start: int
    stop: int
    windows: tuple[Window, ...]


def score_first(model: GPT, val: Val, config: Config, ranks: Ranks) -> Score:
    """Return the score of ``model`` while it learns from what is scored; ``model`` itself stays as it is.

    The kind is that of ``config.evaluate.score_first``: SGD by chunks, LoRA (by document; by windows in mode
    ``published``), or phases (#1855).
    """
    match config.evaluate.score_first.kind:
        case "lora":
            by = lora_windows if config.mode == "published" else lora_documents
            return by(model, val, config, ranks)
        case "phased":
            return phased(model, val, config, ranks)
        case _:
            return by_chunks(model, val, config, ranks)


def by_chunks(model: GPT, val: Val, config: Config, ranks: Ranks) -> Score:
    """Return the score of a copy of ``model`` that takes steps of SGD on each chunk once it is scored."""
    watch = Stopwatch(ranks)
    plan = Windows.of(config, val.targets)
    nats = sum(chunk_nats(model, val, plan, ranks))
    return watch.score("score_first", nats, *plan.totals(val), invalid=plan.invalid)


def chunk_nats(model: GPT, val: Val, plan: Windows, ranks: Ranks) -> Iterator[float]:
    """Yield the nats of each chunk of ``val``, scored by a copy of ``model`` that has learned all chunks before it."""
    config, scheme = plan.config, plan.config.evaluate.score_first
    adapted = copy.deepcopy(model)
    learner = Learner(adapted, scheme, ranks)
    losses = losses_of(adapted, ranks.device)
    tokens = tensor_of(val, ranks.device)
    parts = chunks(val.targets, scheme.chunk_tokens, plan.all)
    for index, part in enumerate(parts):
        yield score_windows(losses, tokens, part.windows, plan, ranks)
        if index < len(parts) - 1:
            inputs, targets = rows_of(tokens, part, config.data.seq_len)
            learner.learn(inputs, targets, document_index(config, inputs), cosine(scheme.lr, index, len(parts)))


def chunks(targets: int, chunk_tokens: int, windows: Sequence[Window]) -> tuple[Chunk, ...]:
    """Return the chunks of ``chunk_tokens`` over ``targets`` targets, each with its ``windows``."""
    count = chunk_count(targets, chunk_tokens)
    own: list[list[Window]] = [[] for _ in range(count)]
    for window in windows:
        own[window.first // chunk_tokens].append(window)
    edges = [min(index * chunk_tokens, targets) for index in range(count + 1)]
    return tuple(Chunk(edges[index], edges[index + 1], tuple(own[index])) for index in range(count))


def chunk_count(targets: int, chunk_tokens: int) -> int:
    """Return how many chunks of ``chunk_tokens`` hold ``targets`` targets."""
    return -(-targets // chunk_tokens)


def rows_of(tokens: Tensor, part: Chunk, seq_len: int) -> tuple[Tensor, Tensor]:
    """Return inputs and targets (rows, seq) of the whole rows of a chunk: targets that have been scored, no others."""
    count = (part.stop - part.start) // seq_len
    span = tokens[part.start : part.start + count * seq_len + 1]
    return span[:-1].view(count, seq_len), span[1:].view(count, seq_len)
