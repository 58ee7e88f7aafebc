"""Phased test-time training (#1855): adapters within documents, and now and then SGD on the model itself.

Documents are scored in batches, the longest first, each with adapters of its own that learn from its chunks once they
are scored. After so many documents all ranks pause and take steps of SGD on the model, on scored documents only; the
documents after that are scored with the changed model.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from reference_model.config import Config
from reference_model.data.documents import segment_ids
from reference_model.data.valset import Val
from reference_model.evaluate.learn import Learner, Piece, cosine
from reference_model.evaluate.lora import EVERYWHERE, Document, DocumentScorer, batches, documents
from reference_model.evaluate.score import Score, Stopwatch, tensor_of
from reference_model.model import GPT
from reference_model.train.ranks import PIECES, Ranks


def phased(model: GPT, val: Val, config: Config, ranks: Ranks) -> Score:
    """Return the score of a copy of ``model``, phase by phase; equal for any number of ranks in mode ``legal``.

    Which batches a phase has is decided beforehand, where #1855 lets ranks draw them from a queue. In mode
    ``published`` an adapter's A lasts from document to document of a rank.
    """
    watch = Stopwatch(ranks)
    scheme = config.evaluate.score_first
    base = copy.deepcopy(model)
    tokens = tensor_of(val, ranks.device)
    found = documents(val)
    nats = torch.zeros(len(found), dtype=torch.float64, device=ranks.device)
    index = 0
    scored: list[Document] = []
    for group, boundary in phases(batches(found, scheme.document_batch), scheme.phases):
        scorer = DocumentScorer(base, config, EVERYWHERE, ranks.device, keep_down=config.mode == "published")
        for batch in group:
            if index % ranks.world == ranks.rank:
                nats[[document.index for document in batch]] = scorer.score(tokens, batch)
            index += 1
            scored += batch
        if boundary:
            # Every rank waits here: the sums of the first gradient need all of them.
            learn_scored(base, learned(tokens, scored, boundary), config, ranks)
    total = float(ranks.sum_(nats).sum())
    return watch.score("score_first", total, val.targets, val.bytes_between(0, val.targets))


def phases(
    found: Sequence[Sequence[Document]], boundaries: Sequence[int]
) -> Iterator[tuple[Sequence[Sequence[Document]], int]]:
    """Yield the batches of each phase and after how many documents it pauses (0: it doesn't).

    A phase ends with the batch that reaches its boundary; nothing is learned after the last batch.
    """
    begin = done = 0
    for boundary in boundaries:
        end = begin
        while end < len(found) and done < boundary:
            done += len(found[end])
            end += 1
        if end == len(found):
            break
        yield found[begin:end], boundary
        begin = end
    yield found[begin:], 0


def learned(tokens: Tensor, scored: Sequence[Document], boundary: int) -> Tensor:
    """Return the tokens (T,) that a pause after ``boundary`` documents learns from, as one text.

    ``scored`` are brought into the order of their batches, the shortest first, before the text is cut after
    ``boundary`` of them: what goes beyond it are the longest. Each document brings the bos that ends it, so that two
    follow each other at a joint (#1855).
    """
    rising = sorted(scored, key=lambda document: (document.targets, document.index))[:boundary]
    return torch.cat([tokens[document.start : document.stop + 1] for document in rising])


def learn_scored(base: GPT, text: Tensor, config: Config, ranks: Ranks) -> None:
    """Take steps of SGD on ``base`` over ``text`` (T,): chunk by chunk, none on the last.

    The rows of a chunk are cut into eight pieces, what a rank of eight has in #1855, and a piece is one long row:
    attention stays within documents, and within their parts of training length, but goes on from row to row.
    """
    scheme, seq = config.evaluate.score_first, config.data.seq_len
    learner = Learner(base, scheme, ranks)
    targets = len(text) - 1
    count = -(-targets // scheme.chunk_tokens)
    for index in range(count - 1):
        start = index * scheme.chunk_tokens
        rows = min(scheme.chunk_tokens, targets - start) // seq
        steps = [
            [_piece(text, start, first, last, seq) for first, last in step] for step in _shares(rows, scheme.batch_rows)
        ]
        learner.learn_pieces(steps, cosine(scheme.phase_lr, index, count))


def _shares(rows: int, most: int) -> list[list[tuple[int, int]]]:
    """Return for each step the rows (first, last) of each piece: eight shares of ``rows``, ``most`` rows at a time."""
    edges = [rows * piece // PIECES for piece in range(PIECES + 1)]
    longest = max(last - first for first, last in itertools.pairwise(edges))
    return [
        [
            (first + done, min(first + done + most, last))
            for first, last in itertools.pairwise(edges)
            if first + done < last
        ]
        for done in range(0, longest, most)
    ]


def _piece(text: Tensor, start: int, first: int, last: int, seq: int) -> Piece:
    """Return rows ``first`` to ``last`` (exclusive) of the chunk at ``start`` as one row."""
    span = text[start + first * seq : start + last * seq + 1]
    segments = torch.from_numpy(segment_ids(span[:-1].cpu().numpy(), seq)).to(span.device)
    return Piece(span[None, :-1], span[None, 1:], segments[None])
