"""Low-rank adapters that learn from what has been scored, while the model itself stays fixed.

An adapter adds ``alpha / rank * B A x`` to the output of a linear layer; B starts at zero, so that a new adapter
changes nothing. Two forms: one adapter for each document, which begins anew with it (legal default: documents don't
depend on each other, so neither does the score on how they are spread over ranks), and #1499's, one for all windows of
a rank, begun anew every few batches.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812 (its usual name)
from torch import Tensor

from reference_model.config import Config, Model, ScoreFirst
from reference_model.data.documents import document_spans
from reference_model.data.valset import Val
from reference_model.evaluate.score import Score, Stopwatch, share, tensor_of
from reference_model.evaluate.sliding import Windows
from reference_model.model import GPT, final_stage
from reference_model.train.ranks import Ranks

Site = Literal["q", "k", "v", "o", "mlp", "head"]
QUERY_AND_VALUE: tuple[Site, ...] = ("q", "v")
EVERYWHERE: tuple[Site, ...] = ("q", "k", "v", "o", "mlp", "head")
_SMALL = 0.01  # standard deviation of A in #1499


@dataclass(frozen=True)
class Document:
    """Positions ``start`` to ``stop`` (exclusive) whose targets are one document's; ``index`` in the text's order."""

    index: int
    start: int
    stop: int

    @property
    def targets(self) -> int:
        """The number of targets."""
        return self.stop - self.start


class Adapters:
    """One adapter per document of a batch, at each site of every layer that runs: what ``adapt`` of a model takes."""

    def __init__(
        self, model: Model, scheme: ScoreFirst, sites: Sequence[Site], documents: int, device: torch.device
    ) -> None:
        self.documents = documents
        self._scale = scheme.alpha / scheme.rank
        self._normal = tuple(sites) == QUERY_AND_VALUE
        generator = torch.Generator().manual_seed(0)
        self._first: dict[tuple[str, int], Tensor] = {}
        self._down: dict[tuple[str, int], Tensor] = {}
        self._up: dict[tuple[str, int], Tensor] = {}
        depth = len(final_stage(model).blocks)
        for site in sites:
            for layer in [-1] if site == "head" else range(depth):
                # The same for all documents, so that no document's score depends on its place in a batch.
                first = self._draw(scheme.rank, model.dim, generator).to(device)
                self._first[site, layer] = first
                self._down[site, layer] = first.expand(documents, -1, -1).clone().requires_grad_(True)
                up = torch.zeros(documents, _width(model, site), scheme.rank, device=device)
                self._up[site, layer] = up.requires_grad_(True)

    def __call__(self, site: str, layer: int, x: Tensor) -> Tensor | None:
        """Return the delta for the output at ``site`` of ``layer``, given its input ``x`` (documents, seq, dim)."""
        down = self._down.get((site, layer))
        if down is None:
            return None
        up = self._up[site, layer]
        return ((x @ down.to(x.dtype).mT) @ up.to(x.dtype).mT) * self._scale

    def parameters(self) -> list[Tensor]:
        """Return all A and B."""
        return [*self._down.values(), *self._up.values()]

    @torch.no_grad()
    def reset(self, *, keep_down: bool = False) -> None:
        """Begin anew: B is zero, A as at first (unless it is kept, as #1855 does)."""
        for up in self._up.values():
            up.zero_()
        if not keep_down:
            for key, down in self._down.items():
                down.copy_(self._first[key].expand_as(down))

    def _draw(self, rank: int, width: int, generator: torch.Generator) -> Tensor:
        if self._normal:
            return torch.randn(rank, width, generator=generator) * _SMALL
        return (torch.rand(rank, width, generator=generator) * 2 - 1) / math.sqrt(width)


def lora_documents(model: GPT, val: Val, config: Config, ranks: Ranks) -> Score:
    """Return the score of ``model`` with an adapter of queries and values that learns within each document.

    A document is scored chunk by chunk; after each but the last, its adapter takes one step on that chunk.
    """
    watch = Stopwatch(ranks)
    scheme = config.evaluate.score_first
    scorer = DocumentScorer(copy.deepcopy(model), config, QUERY_AND_VALUE, ranks.device)
    tokens = tensor_of(val, ranks.device)
    found = documents(val)
    nats = torch.zeros(len(found), dtype=torch.float64, device=ranks.device)
    for index, batch in enumerate(batches(found, scheme.document_batch)):
        if index % ranks.world == ranks.rank:
            nats[[document.index for document in batch]] = scorer.score(tokens, batch)
    total = float(ranks.sum_(nats).sum())
    return watch.score("score_first", total, val.targets, val.bytes_between(0, val.targets))


def documents(val: Val) -> tuple[Document, ...]:
    """Return the documents of ``val``: together they hold each target once (the next bos is a document's last)."""
    spans = document_spans(val.documents, len(val.tokens))
    return tuple(Document(index, first, last) for index, (first, last) in enumerate(spans))


def batches(found: Sequence[Document], size: int) -> list[list[Document]]:
    """Return batches of documents of like length, the longest first (#1855)."""
    rising = sorted(found, key=lambda document: document.targets)
    return [rising[start : start + size] for start in range(0, len(rising), size)][::-1]


class DocumentScorer:
    """Scores documents with adapters that learn from their own text, a batch of documents at a time.

    ``model`` gets no gradients from now on.
    """

    def __init__(
        self, model: GPT, config: Config, sites: Sequence[Site], device: torch.device, *, keep_down: bool = False
    ) -> None:
        self._model = model.requires_grad_(False)
        self._device, self._sites = device, sites
        self._scheme = config.evaluate.score_first
        self._window = config.evaluate.window or config.data.seq_len
        self._keep_down = keep_down
        self._kept: Adapters | None = None  # of the batch before, of the same size

    def score(self, tokens: Tensor, batch: Sequence[Document]) -> Tensor:
        """Return the nats (documents,) float64 of each document of ``batch`` in ``tokens`` (N,)."""
        nats = torch.zeros(len(batch), dtype=torch.float64, device=self._device)
        for chunk in self.chunk_nats(tokens, batch):
            nats += chunk
        return nats

    def chunk_nats(self, tokens: Tensor, batch: Sequence[Document]) -> Iterator[Tensor]:
        """Yield the nats (documents,) float64 of each chunk, scored before its adapter learns from it."""
        adapters = self._adapters(len(batch))
        optimizer = make_optimizer(adapters, self._scheme)
        for chunk in self._chunks(batch):
            inputs, targets = chunk.rows(tokens)
            learning = bool(chunk.learns.any())
            with torch.set_grad_enabled(learning):
                logits = self._model(inputs, adapt=adapters)
                losses = cross_entropy(logits, targets)
            yield self._scored(chunk, logits.detach(), losses.detach(), targets)
            if learning:
                means = losses.masked_fill(~chunk.scored, 0.0).sum(1) / chunk.scored.sum(1).clamp(min=1)
                optimizer.zero_grad(set_to_none=True)
                (means * chunk.learns).sum().backward()  # type: ignore[no-untyped-call]
                optimizer.step()

    def _scored(self, chunk: _Chunk, logits: Tensor, losses: Tensor, targets: Tensor) -> Tensor:
        if chunk.index and self._scheme.temperature != 1.0:
            losses = cross_entropy(logits / self._scheme.temperature, targets)
        return losses.double().masked_fill(~chunk.scored, 0.0).sum(1)

    def _adapters(self, count: int) -> Adapters:
        if self._kept is not None and self._kept.documents == count:
            self._kept.reset(keep_down=self._keep_down)
        else:
            self._kept = Adapters(self._model.model, self._scheme, self._sites, count, self._device)
        return self._kept

    def _chunks(self, batch: Sequence[Document]) -> Iterator[_Chunk]:
        size = self._scheme.document_chunk
        counts = torch.tensor([-(-document.targets // size) for document in batch])
        for index in range(int(counts.max())):
            ends = torch.tensor([min((index + 1) * size, document.targets) for document in batch])
            begins = (ends - self._window).clamp(min=0)
            width = min((index + 1) * size, self._window)
            place = torch.arange(width)
            scored = (place >= (index * size - begins)[:, None]) & (place < (ends - begins)[:, None])
            scored &= (index < counts)[:, None]
            starts = torch.tensor([document.start for document in batch]) + begins
            yield _Chunk(index, starts.to(self._device), scored.to(self._device), (index < counts - 1).to(self._device))


@dataclass(frozen=True)
class _Chunk:
    """Chunk ``index`` of each document: where its row starts, which positions (documents, width) it scores.

    ``learns`` (documents,) is False for documents whose last chunk this is, or that have ended.
    """

    index: int
    starts: Tensor
    scored: Tensor
    learns: Tensor

    def rows(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Return inputs and targets (documents, width); what lies beyond a document is there but not scored."""
        place = torch.arange(self.scored.shape[1] + 1, device=tokens.device)
        spans = tokens[(self.starts[:, None] + place).clamp_(max=len(tokens) - 1)]
        return spans[:, :-1], spans[:, 1:]


def lora_windows(model: GPT, val: Val, config: Config, ranks: Ranks) -> Score:
    """Return the score of ``model`` with #1499's adapter: a step on each batch of windows once it is scored.

    Each rank has an adapter of its own, so the score depends on their number. Padding stays out of the loss, which
    #1499 let in.
    """
    watch = Stopwatch(ranks)
    scheme = config.evaluate.score_first
    plan = Windows.of(config, val.targets, rows=scheme.batch_rows)
    tokens = tensor_of(val, ranks.device)
    model = copy.deepcopy(model).requires_grad_(False)
    adapters = Adapters(model.model, scheme, QUERY_AND_VALUE, 1, ranks.device)
    optimizer = make_optimizer(adapters, scheme)
    mine = share(len(plan.all), ranks)
    nats = torch.zeros(1, dtype=torch.float64, device=ranks.device)
    for number, first in enumerate(range(mine.start, mine.stop, plan.rows)):
        steps = number % scheme.reset_batches
        if steps == 0 and number:
            adapters.reset()
            optimizer = make_optimizer(adapters, scheme)
        batch = plan.batch(tokens, plan.all[first : min(first + plan.rows, mine.stop)])
        logits = model(batch.tokens, segments=batch.segments, adapt=adapters)
        temperature = scheme.temperature if steps else 1.0
        scored = cross_entropy(logits.detach() / temperature, batch.targets)
        nats += scored.double().masked_fill(~batch.scored, 0.0).sum()
        optimizer.zero_grad(set_to_none=True)
        cross_entropy(logits, batch.targets)[batch.real].mean().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return watch.score("score_first", float(ranks.sum_(nats)), *plan.totals(val), invalid=plan.invalid)


def make_optimizer(adapters: Adapters, scheme: ScoreFirst) -> torch.optim.Optimizer:
    """Return AdamW over ``adapters``: element by element, so that documents don't mix."""
    return torch.optim.AdamW(
        adapters.parameters(),
        lr=scheme.lora_lr,
        betas=(scheme.lora_beta1, scheme.lora_beta2),
        eps=scheme.lora_eps,
        weight_decay=scheme.decay,
    )


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Return nats (rows, seq) float32 of ``targets`` (rows, seq) under ``logits`` (rows, seq, vocab)."""
    return F.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), reduction="none").view_as(targets)


def _width(model: Model, site: Site) -> int:
    if site == "head":
        return model.vocab_size
    return model.dim // model.heads * model.kv_heads if site in {"k", "v"} else model.dim
