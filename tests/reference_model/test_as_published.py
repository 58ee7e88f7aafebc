"""What the published systems do to the last code, worked out by hand (quantisation's own is in test_quantize)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from msgspec.structs import replace

from reference_model import presets, produce
from reference_model.config import Config, Data, Model, Quantize, ScoreFirst
from reference_model.data.coprime import CoprimeOrder
from reference_model.data.documents import segment_ids
from reference_model.data.loader import Loader, open_loader
from reference_model.data.shards import write_shard
from reference_model.data.tokenizer import describe_bytes
from reference_model.evaluate import phased
from reference_model.evaluate.learn import Learner, Piece
from reference_model.evaluate.lora import Document
from reference_model.model import GPT
from reference_model.train.ranks import PIECES, Ranks

SEQ = 4
ONE = Ranks.single("cpu")


def test_the_smear_forgets_at_a_document_and_not_where_a_long_one_is_cut() -> None:
    torch.manual_seed(0)
    gpt = GPT(Model(vocab_size=16, layers=1, dim=32, heads=4, kv_heads=2, smear="gated"), SEQ)
    gpt.smear.scale.data.fill_(0.7)  # type: ignore[union-attr, operator]
    tokens = torch.tensor([[1, 5, 6, 7, 8, 9, 1, 3]])
    cut = torch.from_numpy(segment_ids(tokens[0].numpy(), SEQ))[None]
    assert cut.tolist() == [[0, 0, 0, 0, 1, 1, 2, 2]]
    seen = gpt.embedded(tokens, cut)
    assert torch.equal(seen, gpt.embedded(tokens, None))
    other = gpt.embedded(torch.tensor([[1, 5, 6, 2, 8, 2, 1, 3]]), cut)
    same = (seen == other).all(-1)[0].tolist()
    assert same == [True, True, True, False, False, False, True, True]  # 8 reads the 7 before the cut; bos no 9


def test_rows_of_a_step_are_dealt_round_by_round_in_the_order_of_the_round_before() -> None:
    order = CoprimeOrder.__new__(CoprimeOrder)
    order._random = Reversing()  # type: ignore[assignment]
    piles = [[(shard, row) for row in range(rows)] for shard, rows in enumerate((2, 1, 3))]
    # Reversed: 2, 1, 0. Pile 1 is empty then, and 2, 0 reversed is 0, 2.
    assert order._interleave(piles) == [(2, 2), (1, 0), (0, 1), (0, 0), (2, 1), (2, 0)]


class Reversing:
    """A generator whose permutations turn things around."""

    def permutation(self, count: int) -> list[int]:
        return list(range(count))[::-1]


def test_a_pause_learns_from_the_shortest_of_what_was_scored() -> None:
    tokens = torch.arange(100, 130)
    # By batches, the longest first, as they are scored; two of one length.
    scored = [Document(0, 0, 9), Document(3, 17, 24), Document(2, 13, 17), Document(1, 9, 13)]
    text = phased.learned(tokens, scored, 3)
    # Positions 9 to 13, 13 to 17, 17 to 24, each with the bos that ends it; the longest is dropped.
    assert (text - 100).tolist() == [*range(9, 14), *range(13, 18), *range(17, 25)]


def test_a_pause_learns_eight_long_rows_whose_documents_go_on_from_row_to_row(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[tuple[list[list[Piece]], float]] = []
    monkeypatch.setattr(Learner, "learn_pieces", lambda _, found, lr: steps.append((found, lr)))
    gpt = GPT(Model(vocab_size=512, layers=1, dim=8, heads=2, kv_heads=2), SEQ)
    first = ScoreFirst(kind="phased", chunk_tokens=16 * SEQ, phase_lr=0.5, batch_rows=32)
    config = Config(
        data=Data(seq_len=SEQ, batch_tokens=8 * SEQ), evaluate=replace(Config().evaluate, score_first=first)
    )
    text = torch.arange(100, 100 + 2 * 64 + 5)
    text[2] = text[70] = text[71] = 1
    phased.learn_scored(gpt, text, config, ONE)
    assert [lr for _, lr in steps] == [0.5, 0.25]  # three chunks: a cosine that ends at 0, and none on the last
    (pieces,) = steps[0][0]
    assert [piece.tokens.shape for piece in pieces] == [(1, 2 * SEQ)] * PIECES
    assert torch.equal(torch.cat([piece.tokens[0] for piece in pieces]), text[:64])
    assert torch.equal(torch.cat([piece.targets[0] for piece in pieces]), text[1:65])
    segments = [piece.segments for piece in pieces]
    assert segments[0] is not None and segments[0].tolist() == [[0, 0, 1, 1, 1, 1, 2, 2]]  # a document from 2, cut at 6
    assert segments[1] is not None and segments[1].tolist() == [[0, 0, 0, 0, 1, 1, 1, 1]]
    (pieces,) = steps[1][0]
    assert pieces[0].segments is not None and pieces[0].segments.tolist() == [[0, 0, 0, 0, 1, 1, 2, 3]]  # bos, bos


def test_eight_pieces_are_one_step_on_their_mean() -> None:
    torch.manual_seed(0)
    gpt = GPT(Model(vocab_size=32, layers=1, dim=8, heads=2, kv_heads=2), SEQ)
    tokens = torch.randint(32, (3, SEQ + 1))
    pieces = [Piece(row[None, :-1], row[None, 1:], None) for row in tokens]
    first = ScoreFirst(epochs=2, clip=0.0)
    whole, parts = (GPT(gpt.model, SEQ) for _ in range(2))
    for copy in (whole, parts):
        copy.load_state_dict(gpt.state_dict())
    Learner(whole, first, ONE).learn(tokens[:, :-1], tokens[:, 1:], None, 0.1)
    Learner(parts, first, ONE).learn_pieces([pieces], 0.1)
    for one, other in zip(whole.parameters(), parts.parameters(), strict=True):
        torch.testing.assert_close(one, other)
    assert not torch.equal(whole.tok_emb.weight, gpt.tok_emb.weight)


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    for number in range(9):
        tokens = 4 + (np.arange(200) + 28 * number) % 256
        tokens[0] = 1
        write_shard(tmp_path / f"fineweb_train_{number:06d}.bin", tokens.tolist())
    (tmp_path / "tokenizer.json").write_bytes(describe_bytes())
    return tmp_path


def calibrated(folder: Path, loader: str = "sequential", **scheme: Any) -> tuple[Loader, list[list[int]]]:
    """Return the loader of training and the calibration rows of one rank after five steps."""
    data = Data(tokenizer="demo", seq_len=SEQ, batch_tokens=8 * 2 * SEQ, loader=loader)  # type: ignore[arg-type]
    config = Config(
        model=Model(vocab_size=260), data=data, quantize=Quantize(calibration_batches=2, **scheme), mode="published"
    )
    found = open_loader(config, folder, 0)
    return found, [row for rows in produce.training_rows(config, found, 5, ONE) for row in rows.tolist()]


def rows_of(loader: Loader, steps: range, pieces: range) -> list[list[int]]:
    return [row for step in steps for piece in pieces for row in loader.batch(step, piece).tokens.tolist()]


def test_calibration_goes_on_or_begins_anew_with_what_one_rank_reads(shards: Path) -> None:
    loader, rows = calibrated(shards)
    assert rows == rows_of(loader, range(5, 7), range(8))
    loader, rows = calibrated(shards, calibration_restarts=True, calibration_pieces=1)
    assert rows == rows_of(loader, range(2), range(1))


def test_calibration_has_an_order_and_a_size_of_batch_of_its_own(shards: Path) -> None:
    scheme = {"calibration_restarts": True, "calibration_pieces": 1}
    _, packed = calibrated(shards, "packed", calibration_loader="shuffled", **scheme)
    loader, shuffled = calibrated(shards, "shuffled", **scheme)
    assert packed == shuffled == rows_of(loader, range(2), range(1))
    _, rows = calibrated(shards, calibration_batch_tokens=8 * SEQ, calibration_restarts=True)
    # Row by row with the target that ends it, as #1499 takes them from its stream.
    assert rows == [[4 + 5 * row + place if row + place else 1 for place in range(SEQ)] for row in range(16)]
    _, rows = calibrated(shards, calibration_batch_tokens=8 * SEQ)
    assert len(rows) == 16


def test_calibration_pieces_are_shared_out_whatever_the_ranks(shards: Path) -> None:
    data = Data(tokenizer="demo", seq_len=SEQ, batch_tokens=8 * 2 * SEQ)
    scheme = Quantize(calibration_batches=3, calibration_pieces=1, calibration_restarts=True)
    config = Config(model=Model(vocab_size=260), data=data, quantize=scheme)
    loader = open_loader(config, shards, 0)
    parts = [list(produce.training_rows(config, loader, 5, Ranks(rank, 4, rank, ONE.device))) for rank in range(4)]
    assert [len(part) for part in parts] == [1, 1, 1, 0]
    assert torch.equal(torch.cat([part[0] for part in parts[:3]]), torch.cat(list(
        produce.training_rows(config, loader, 5, ONE)
    )))  # fmt: skip


@pytest.mark.parametrize(
    ("name", "kept"),
    [("baseline", True), ("rec1453", True), ("f1421", False), ("f1493", False), ("f1855", False), ("sp8192", False)],
)
def test_presets_keep_small_tensors_as_published(name: str, kept: bool) -> None:
    """The lineage of the challenge's own script keeps controls that it names float32, all others keep float16."""
    config = presets.load(name).config
    assert bool(config.quantize.keep_float32) is kept
    assert not any("loop_embed" in part or "value_scales" in part for part in config.quantize.keep_float32)


def test_presets_calibrate_as_published() -> None:
    for name, batches, tokens, order in (
        ("f1421", 64, 786_432, "coprime"), ("f1413", 64, 786_432, "shuffled"), ("f1493", 64, 786_432, "shuffled"),
        ("f1855", 16, 786_432, "shuffled"),
    ):  # fmt: skip
        config = presets.load(name).config
        scheme = config.quantize
        assert (scheme.calibration_batches, scheme.calibration_pieces, scheme.calibration_restarts) == (
            batches,
            1,
            True,
        )
        assert (scheme.calibration_batch_tokens or config.data.batch_tokens) == tokens
        assert (scheme.calibration_loader or config.data.loader) == order
    scheme = presets.load("sp8192").config.quantize
    assert scheme.calibration_batches * scheme.calibration_batch_tokens == 256 * 2048


def test_presets_prune_and_zero_as_published() -> None:
    from reference_model.quantize import group_of

    for name, spared in (
        ("f1334", "value_embed.embed.weight"),
        ("f1421", "tok_emb.weight"),
        ("f1413", "tok_emb.weight"),
    ):
        scheme = presets.load(name).config.quantize
        pruned = {tensor: group_of(tensor, scheme).prune for tensor in (spared, "blocks.3.mlp.fc.weight")}  # type: ignore[union-attr]
        assert pruned == {spared: False, "blocks.3.mlp.fc.weight": True}
    scheme = presets.load("sp8192").config.quantize
    embed = group_of("bigram.embed.weight", scheme)
    assert embed is not None and (embed.levels, embed.quantile, embed.gptq) == (31, 1.0, False)
    assert scheme.zero_least_numel == 65_536  # tok_emb and blocks.9.attn.c_k lie above it, bigram.proj doesn't
    gate = group_of("blocks.0.attn.gate.weight", presets.load("f1855").config.quantize)
    assert gate is not None and (gate.levels, gate.quantile, gate.always) == (127, 1.0, True)
    assert presets.load("f1855").config.schedule.val_every == 0
