"""Phased test-time training (#1855): adapters within documents, and now and then SGD on the model itself.

Documents are scored in batches, the longest first, each with adapters of its own that learn from its chunks once they
are scored. After so many documents all ranks pause and take steps of SGD on the model, on scored documents only; the
documents after that are scored with the changed model.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from reference_model.config import Config
from reference_model.data.documents import segment_ids
from reference_model.data.valset import Val
from reference_model.evaluate.learn import Learner, cosine
from reference_model.evaluate.lora import EVERYWHERE, Document, DocumentScorer, batches, documents
from reference_model.evaluate.score import Score, Stopwatch, tensor_of
from reference_model.model import GPT
from reference_model.train.ranks import Ranks


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
            learn_scored(base, tokens, scored[:boundary], config, ranks)
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


def learn_scored(base: GPT, tokens: Tensor, scored: Sequence[Document], config: Config, ranks: Ranks) -> None:
    """Take steps of SGD on ``base`` over the targets of ``scored`` documents: chunk by chunk, none on the last.

    Attention stays within documents, and within rows of the training length.
    """
    scheme, seq = config.evaluate.score_first, config.data.seq_len
    inputs = torch.cat([tokens[document.start : document.stop] for document in scored])
    targets = torch.cat([tokens[document.start + 1 : document.stop + 1] for document in scored])
    learner = Learner(base, scheme, ranks)
    count = -(-len(inputs) // scheme.chunk_tokens)
    for index in range(count - 1):
        rows = scheme.chunk_tokens // seq
        part = slice(index * scheme.chunk_tokens, index * scheme.chunk_tokens + rows * seq)
        segments = torch.from_numpy(segment_ids(inputs[part].cpu().numpy(), seq)).to(inputs.device)
        learner.learn(
            inputs[part].view(rows, seq),
            targets[part].view(rows, seq),
            segments.view(rows, seq),
            cosine(scheme.phase_lr, index, count),
        )
