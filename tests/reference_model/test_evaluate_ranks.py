"""Every evaluation spread over two ranks: the same sums as on one, and the same learning.

Ranks are threads here, which meet for each sum; test_ranks.py has real processes.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Barrier

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch import Tensor

from reference_model.config import Config, Data, Evaluate, Model, ScoreFirst
from reference_model.data.documents import document_starts
from reference_model.data.valset import Val
from reference_model.evaluate import Score, evaluate_all
from reference_model.model import GPT
from reference_model.train.ranks import Ranks

SEQ, VOCAB = 32, 64
CPU = torch.device("cpu")
CHUNKS = ScoreFirst(kind="chunks", chunk_tokens=96, lr=0.1, batch_rows=3)  # of three rows one rank has more
LORA = ScoreFirst(kind="lora", document_chunk=8, document_batch=2, lora_lr=0.05)
PHASED = ScoreFirst(
    kind="phased", document_chunk=8, document_batch=2, lora_lr=0.05, phases=(5,), chunk_tokens=SEQ, batch_rows=1,
    epochs=1, phase_lr=0.1,
)  # fmt: skip


@dataclass
class Meeting:
    """Where two threads bring their tensors and take the reduced one."""

    barrier: Barrier = field(default_factory=lambda: Barrier(2, timeout=60))
    brought: list[Tensor] = field(default_factory=lambda: [torch.empty(0)] * 2)


@dataclass(frozen=True)
class ThreadRanks(Ranks):
    meeting: Meeting = field(default_factory=Meeting)

    def _reduce(self, tensor: Tensor, how: dist.ReduceOp.RedOpType) -> Tensor:
        self.meeting.brought[self.rank] = tensor.clone()
        self.meeting.barrier.wait()
        a, b = self.meeting.brought
        tensor.copy_(a + b if how == dist.ReduceOp.SUM else torch.maximum(a, b))
        self.meeting.barrier.wait()
        return tensor


@pytest.mark.parametrize("scheme", [CHUNKS, LORA, PHASED], ids=lambda scheme: scheme.kind)
def test_two_ranks_score_as_one(scheme: ScoreFirst) -> None:
    torch.manual_seed(0)
    model = GPT(Model(vocab_size=VOCAB, layers=2, dim=32, heads=4, kv_heads=2), SEQ)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    random = np.random.default_rng(0)
    tokens = random.integers(4, VOCAB, 321).astype(np.uint16)
    tokens[random.random(321) < 0.05] = 1
    tokens[0] = 1
    val = Val(tokens, (tokens % 4).astype(np.uint16), document_starts(tokens))
    config = Config(
        model=model.model,
        data=Data(tokenizer="own", seq_len=SEQ, batch_tokens=8 * SEQ, eval_batch_tokens=8 * 2 * SEQ),
        evaluate=Evaluate(stride=8, score_first=scheme, ngram_order=3, hedge="legal"),
    )

    def score(ranks: Ranks) -> tuple[Score, ...]:
        return evaluate_all(model, val, config, ranks, lambda score: None)

    meeting = Meeting()
    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(score, [ThreadRanks(rank, 2, rank, CPU, meeting) for rank in range(2)])
    for one, other, alone in zip(first, second, score(Ranks.single()), strict=True):
        assert one == other
        assert (one.name, one.tokens, one.bytes) == (alone.name, alone.tokens, alone.bytes)
        if one.name == "score_first":
            assert one.val_loss == pytest.approx(alone.val_loss, abs=1e-5)
        else:
            assert (one.val_loss, one.val_bpb) == (alone.val_loss, alone.val_bpb), one.name
